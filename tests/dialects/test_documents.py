"""JSON from foreign servers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskctl.dialects.documents import DEEPEST, decoded


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b' [1, 2.5, "x", null, true] ', [1, 2.5, "x", None, True]),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'"\xff"', "�"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud800"', "\ufffd"),
        (b'{"\\udfff": ["\\ud800x"]}', {"\ufffd": ["\ufffdx"]}),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\u0000"', "\x00"),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'{"id": "a", "progress": NaN}', {"id": "a", "progress": None}),
        (b'{"a": [Infinity, -Infinity, 1e999, -1e400]}', {"a": [None] * 4}),
        (b'{"a": ' + b"9" * 5000 + b', "b": 1}', {"a": None, "b": 1}),
    ],
)
def test_json_is_read_also_where_it_is_odd(body: bytes, document: object) -> None:
    assert decoded(body) == document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>",
        b'{"a": 1',
        b'{"a": 1}{"a": 2}',
        b"NaN",
        b"[" * 100_000,
        b"[" * 1000 + b"]" * 1000,
        b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
        b'data: {"a": 1}',
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_nobody_could_store_is_none(body: bytes) -> None:
    assert decoded(body) is None


def test_nesting_is_allowed_up_to_a_depth() -> None:
    assert decoded(b'{"a":' * (DEEPEST - 1) + b"1" + b"}" * (DEEPEST - 1)) is not None


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(body: bytes) -> None:
    document = decoded(body)
    json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
