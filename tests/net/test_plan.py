from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskctl.net.plan import Offer, Partial, Plan, Step, is_strong, plan

NOTHING = Partial()
HALF = Partial(have=50, etag='"v1"', total=100)
WHOLE = replace(HALF, have=100)
OURS, THEIRS, WEAK = '"v1"', '"v2"', 'W/"v1"'

RIGHT, START, TOTAL = "bytes 50-99/100", "bytes 40-99/100", "bytes 50-119/120"


@pytest.mark.parametrize(
    ("etag", "status", "content_range", "step"),
    [
        # the same file
        (OURS, 206, RIGHT, Step.APPEND),
        (OURS, 206, START, Step.RESTART),
        (OURS, 206, TOTAL, Step.RESTART),
        (OURS, 200, None, Step.WRITE),
        (OURS, 416, "bytes */100", Step.RESTART),
        # another file under the same URL
        (THEIRS, 206, RIGHT, Step.RESTART),
        (THEIRS, 206, START, Step.RESTART),
        (THEIRS, 206, TOTAL, Step.RESTART),
        (THEIRS, 200, None, Step.WRITE),
        (THEIRS, 416, "bytes */50", Step.RESTART),
        # a server that does not say
        (None, 206, RIGHT, Step.RESTART),
        (None, 206, START, Step.RESTART),
        (None, 206, TOTAL, Step.RESTART),
        (None, 200, None, Step.WRITE),
        (None, 416, "bytes */50", Step.RESTART),
        # a server that promises nothing
        (WEAK, 206, RIGHT, Step.RESTART),
        (WEAK, 206, START, Step.RESTART),
        (OURS, 206, "bytes 0-99/100", Step.WRITE),
        (None, 206, "bytes 0-99/100", Step.WRITE),
        (WEAK, 206, TOTAL, Step.RESTART),
        (WEAK, 200, None, Step.WRITE),
        (WEAK, 416, "bytes */50", Step.RESTART),
    ],
)
def test_half_a_file_is_continued_only_where_the_rest_fits(
    etag: str | None, status: int, content_range: str | None, step: Step
) -> None:
    length = 100 if status == 200 else 50
    offer = Offer(status=status, etag=etag, content_range=content_range, content_length=length)
    assert plan(HALF, offer) == Plan(step=step, total=100 if step in (Step.APPEND, Step.WRITE) else None)


@pytest.mark.parametrize(
    ("partial", "offer", "step"),
    [
        (WHOLE, {"etag": OURS, "content_range": "bytes */100"}, Step.DONE),
        (WHOLE, {"etag": OURS, "content_range": "Bytes */100"}, Step.DONE),
        (WHOLE, {"etag": OURS, "content_range": "bytes */101"}, Step.RESTART),
        (WHOLE, {"etag": OURS, "content_range": "bytes */*"}, Step.RESTART),
        (WHOLE, {"etag": OURS, "content_range": "bytes */" + "1" * 5000}, Step.RESTART),
        (WHOLE, {"etag": OURS, "content_range": None}, Step.RESTART),
        (WHOLE, {"etag": THEIRS, "content_range": "bytes */100"}, Step.RESTART),
        (WHOLE, {"etag": None, "content_range": "bytes */100"}, Step.RESTART),
        (WHOLE, {"etag": WEAK, "content_range": "bytes */100"}, Step.RESTART),
        (replace(WHOLE, etag=WEAK), {"etag": WEAK, "content_range": "bytes */100"}, Step.RESTART),
        (NOTHING, {"content_range": "bytes */0"}, Step.RESTART),
        (HALF, {"etag": OURS, "content_range": "bytes */50"}, Step.DONE),
    ],
)
def test_a_416_means_whole_only_where_size_and_validator_say_so(
    partial: Partial, offer: dict[str, Any], step: Step
) -> None:
    decided = plan(partial, Offer(status=416, **offer))
    assert decided == Plan(step=step, total=partial.have if step is Step.DONE else None)


def test_a_file_that_came_with_a_weak_validator_is_not_continued() -> None:
    offer = Offer(status=206, etag=WEAK, content_range=RIGHT)
    assert plan(replace(HALF, etag=WEAK), offer).step is Step.RESTART


@pytest.mark.parametrize(
    "content_range",
    [
        None,
        "",
        "bytes */100",
        "bytes 50-99/*",
        "bytes 50-98/100",
        "bytes 51-99/100",
        "bytes 50-99/99",
        "bytes 99-50/100",
        "bytes -50-99/100",
        "bytes 50-99/100, bytes 0-1/100",
        "bytes=50-99/100",
        "items 50-99/100",
        "bytes 50-99/100 ",
        "bytes \u0665\u0660-\u0669\u0669/\u0661\u0660\u0660",
        "bytes 50-" + "9" * 5000 + "/100",
        "bytes 50-99/1e2",
    ],
)
def test_a_range_that_is_not_to_the_byte_what_was_asked_for_is_not_appended(content_range: str | None) -> None:
    assert plan(HALF, Offer(status=206, etag=OURS, content_range=content_range)).step is Step.RESTART


@pytest.mark.parametrize(
    ("content_range", "step", "total"),
    [
        ("bytes 0-99/100", Step.WRITE, 100),
        ("bytes 0-98/100", Step.RESTART, None),
        ("bytes 1-99/100", Step.RESTART, None),
        ("bytes 0-99/*", Step.RESTART, None),
        (None, Step.RESTART, None),
    ],
)
def test_a_206_that_nobody_asked_for_will_do_where_it_is_the_whole_file(
    content_range: str | None, step: Step, total: int | None
) -> None:
    assert plan(NOTHING, Offer(status=206, content_range=content_range)) == Plan(step=step, total=total)


@pytest.mark.parametrize(
    ("noted", "step"), [(None, Step.APPEND), (100, Step.APPEND), (101, Step.RESTART), (50, Step.RESTART)]
)
def test_the_length_must_be_the_one_that_was_announced_at_first(noted: int | None, step: Step) -> None:
    offer = Offer(status=206, etag=OURS, content_range=RIGHT)
    assert plan(replace(HALF, total=noted), offer).step is step


@pytest.mark.parametrize(
    ("encoding", "whole", "rest"),
    [
        (None, Step.WRITE, Step.APPEND),
        ("", Step.WRITE, Step.APPEND),
        ("identity", Step.WRITE, Step.APPEND),
        ("Identity", Step.WRITE, Step.APPEND),
        ("gzip", Step.REFUSE, Step.RESTART),
        ("br", Step.REFUSE, Step.RESTART),
        ("gzip, gzip", Step.REFUSE, Step.RESTART),
    ],
)
def test_nothing_encoded_is_taken(encoding: str | None, whole: Step, rest: Step) -> None:
    assert plan(NOTHING, Offer(status=200, content_encoding=encoding)).step is whole
    part = Offer(status=206, etag=OURS, content_range=RIGHT, content_encoding=encoding)
    assert plan(HALF, part).step is rest


@pytest.mark.parametrize(
    ("status", "step"),
    [
        *((status, Step.EXPIRED) for status in (401, 403, 404, 410)),
        *((status, Step.AGAIN) for status in (408, 425, 429, 500, 502, 503, 504, 599)),
        *((status, Step.REFUSE) for status in (100, 103, 201, 202, 203, 204, 205, 226)),
        *((status, Step.REFUSE) for status in (300, 301, 302, 304, 307, 308, 400, 402, 405, 451)),
    ],
)
@pytest.mark.parametrize("partial", [NOTHING, HALF])
def test_other_answers_are_no_file(partial: Partial, status: int, step: Step) -> None:
    assert plan(partial, Offer(status=status, etag=OURS, content_length=10)) == Plan(step=step)


@pytest.mark.parametrize(
    ("etag", "strong"),
    [
        ('"v1"', True),
        ('"d41d8cd98f00b204e9800998ecf8427e-5"', True),
        ('W/"v1"', False),
        ('w/"v1"', False),
        ("v1", False),
        ('""', False),
        ("", False),
        (None, False),
        ('"v1', False),
        ('"v1", "v2"', False),
        ('"a b"', False),
        ('"v1"\r\nX: y', False),
        ('"é"', False),
    ],
)
def test_only_a_strong_validator_promises_the_same_bytes(etag: str | None, strong: bool) -> None:
    assert is_strong(etag) is strong
    assert Partial(have=1, etag=etag).resumable is strong
    assert not Partial(have=0, etag=etag).resumable


offers = st.builds(
    Offer,
    status=st.integers(100, 599) | st.sampled_from([200, 206, 416]),
    etag=st.none() | st.sampled_from([OURS, THEIRS, WEAK]),
    content_range=st.none()
    | st.text()
    | st.builds("bytes {}-{}/{}".format, *[st.integers(0, 200)] * 3)
    | st.builds("bytes */{}".format, st.integers(0, 200)),
    content_length=st.none() | st.integers(0, 200),
    content_encoding=st.none() | st.sampled_from(["gzip", "identity"]),
)


@given(st.sampled_from([NOTHING, HALF, WHOLE, replace(HALF, etag=WEAK), replace(HALF, etag=None)]), offers)
@example(HALF, Offer(status=206, etag=OURS, content_range=RIGHT))
def test_bytes_are_appended_only_to_what_they_follow(partial: Partial, offer: Offer) -> None:
    decided = plan(partial, offer)
    if decided.step is Step.APPEND:
        assert offer.status == 206
        assert offer.etag == partial.etag == OURS
        assert offer.content_range == f"bytes {partial.have}-{(decided.total or 0) - 1}/{decided.total}"
    if decided.step is Step.DONE:
        assert offer.etag == partial.etag == OURS
        assert offer.content_range == f"bytes */{partial.have}"
