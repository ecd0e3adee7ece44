"""Tables of what providers write, and what it means."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskctl.dialects import values
from taskctl.model import Failure, Kind

READERS = (
    values.text,
    values.word,
    values.sentence,
    values.identifier,
    values.number,
    values.span,
    values.progress,
    values.moment,
    values.boolean,
    values.kind,
    values.failure,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (65, 65),
        (65.9, 65),
        ("65", 65),
        ("65%", 65),
        (" 65.0 % ", 65),
        (0, 0),
        ("0%", 0),
        (100, 100),
        (250, 100),
        (-3, 0),
        (0.5, 0),
        ("", None),
        ("%", None),
        ("-1%", None),
        ("half", None),
        ("1e2", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ([50], None),
    ],
)
def test_progress_is_per_cent_and_never_invented(said: object, meant: int | None) -> None:
    assert values.progress(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (1793000000, datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)),
        ("1793000000", datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)),
        (1793000000.5, datetime(2026, 10, 26, 7, 33, 20, 500000, tzinfo=UTC)),
        (1793000000500, datetime(2026, 10, 26, 7, 33, 20, 500000, tzinfo=UTC)),
        ("2026-10-26T07:33:20Z", datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)),
        ("2026-10-26T09:33:20+02:00", datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)),
        (" 2026-10-26T07:33:20 ", datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)),
        ("2026-10-26", datetime(2026, 10, 26, tzinfo=UTC)),
        (0, None),
        ("0", None),
        (-1, None),
        ("-1", None),
        ("", None),
        ("soon", None),
        (None, None),
        (True, None),
        (1e300, None),
        (10**400, None),
        ("9999-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("²", None),
    ],
)
def test_a_moment_comes_in_seconds_milliseconds_or_iso(said: object, meant: datetime | None) -> None:
    assert values.moment(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("task_1", "task_1"),
        (1418206550091234567, "1418206550091234567"),
        (" padded ", "padded"),
        ("yescale-flux[max]-1", "yescale-flux[max]-1"),
        ("a/b?c#d", "a/b?c#d"),
        ("x" * 512, "x" * 512),
        ("...", "..."),
        ("x" * 513, None),
        ("", None),
        ("  ", None),
        (".", None),
        ("..", None),
        ("two words", None),
        ("line\nbreak", None),
        ("nul\x00", None),
        ("ä", None),
        ("\ud800", None),
        (True, None),
        (False, None),
        (1.0, None),
        (None, None),
        (["x"], None),
        ({"id": "x"}, None),
    ],
)
def test_an_id_is_printable_text_of_sensible_length(said: object, meant: str | None) -> None:
    assert values.identifier(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (1, 1.0),
        (1.5, 1.5),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("5.042", 5.042),
        ("1_0", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (True, None),
        (None, None),
        (10**400, None),
        ([], None),
    ],
)
def test_a_number_is_finite_and_no_boolean(said: object, meant: float | None) -> None:
    assert values.number(said) == meant


@pytest.mark.parametrize(("said", "meant"), [(0, 0.0), ("124.6", 124.6), (-1, None), (1e10, None), ("x", None)])
def test_a_span_is_neither_negative_nor_endless(said: object, meant: float | None) -> None:
    assert values.span(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("video", Kind.VIDEO),
        ("Image", Kind.IMAGE),
        ("video/mp4", Kind.VIDEO),
        ("audio/mpeg; rate=1", Kind.AUDIO),
        ("text", Kind.TEXT),
        ("application/json", None),
        ("movie", None),
        ("", None),
        (None, None),
        (1, None),
    ],
)
def test_a_kind_is_a_word_or_the_first_half_of_a_content_type(said: object, meant: Kind | None) -> None:
    assert values.kind(said) == meant


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://cdn.example.net/a.mp4", Kind.VIDEO),
        ("https://cdn.example.net/a.MP4?x=.png", Kind.VIDEO),
        ("https://cdn.example.net/a%2Emp3", Kind.AUDIO),
        ("/tasks/1/subtitle.srt", Kind.TEXT),
        ("https://cdn.example.net/a", None),
        ("https://cdn.example.net/?file=a.mp4", None),
        ("https://[::1/a.mp4", None),
    ],
)
def test_the_extension_of_a_path_tells_the_kind_and_its_query_does_not(url: str, meant: Kind | None) -> None:
    assert values.kind_of_url(url) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("too dark", Failure(code=None, message="too dark")),
        ({"code": "dark", "message": "too dark"}, Failure(code="dark", message="too dark")),
        ({"code": 7, "msg": "too dark"}, Failure(code="7", message="too dark")),
        ({"type": "policy", "detail": "too dark"}, Failure(code="policy", message="too dark")),
        ({"code": "", "type": "policy"}, Failure(code="policy", message="policy")),
        ({"reason": "too dark"}, Failure(code=None, message="too dark")),
        ({"message": ["x"]}, None),
        ({}, None),
        ("", None),
        (None, None),
        (False, None),
        ([], None),
    ],
)
def test_an_error_is_a_sentence_or_an_object(said: object, meant: Failure | None) -> None:
    assert values.failure(said) == meant


def test_what_goes_into_a_column_or_a_screen_fits_there() -> None:
    assert values.word("x" * 1000) == "x" * 199 + "…"
    assert values.sentence("x" * 5000) == "x" * 1999 + "…"
    assert values.sentence("x" * 2000) == "x" * 2000


@given(JSON)
def test_nothing_that_is_json_surprises_a_reader(value: object) -> None:
    for read in READERS:
        read(value)


@given(st.text())
def test_no_text_surprises_the_reader_of_extensions(url: str) -> None:
    values.kind_of_url(url)
