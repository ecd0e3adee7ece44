"""How long a provider asks us to wait."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskctl.dialects import patience

NOW = datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)
DATE = "Mon, 26 Oct 2026 07:33:20 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 5 "}, 5.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1000000000"}, 1e9),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "+5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1_0"}, None),
        ({"retry-after": "\u0665"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "9" * 10_000}, None),
        ({"retry-after": "x" * 10_000}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "nan", "retry-after": "1"}, 1.0),
        ({"openai-poll-after-ms": "1500"}, 1.5),
        ({"openai-poll-after-ms": "1500", "retry-after": "4"}, 4.0),
        ({"openai-poll-after-ms": "-1"}, None),
        ({"date": DATE, "retry-after": "Mon, 26 Oct 2026 07:34:00 GMT"}, 40.0),
        ({"date": DATE, "retry-after": "Monday, 26-Oct-26 07:34:00 GMT"}, 40.0),
        ({"date": DATE, "retry-after": "Mon Oct 26 07:34:00 2026"}, 40.0),
        ({"date": DATE, "retry-after": "Mon, 26 Oct 2026 09:34:00 +0200"}, 40.0),
        ({"date": DATE, "retry-after": "Mon, 26 Oct 2026 07:00:00 GMT"}, 0.0),
        ({"date": "Sun, 25 Oct 2026 07:33:20 GMT", "retry-after": "Sun, 25 Oct 2026 07:34:00 GMT"}, 40.0),
        ({"date": "yesterday", "retry-after": "Mon, 26 Oct 2026 07:34:00 GMT"}, 40.0),
        ({"retry-after": "Mon, 26 Oct 2026 07:34:00 GMT"}, 40.0),
        ({"retry-after": "Mon, 99 Oct 2026 07:34:00 GMT"}, None),
        ({"retry-after": "Mon, 26 Oct 99999 07:34:00 GMT"}, None),
    ],
)
def test_a_provider_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert patience.retry_after(headers, now=NOW) == seconds


def test_a_date_without_a_clock_to_hold_it_against_says_nothing() -> None:
    assert patience.retry_after({"retry-after": "Mon, 26 Oct 2026 07:34:00 GMT"}) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-reset": "1793000060"}, 60.0),
        ({"x-reset": "1793000060", "date": "Mon, 26 Oct 2026 07:34:00 GMT"}, 20.0),
        ({"x-reset": "1793000060000"}, 60.0),
        ({"x-reset": "2026-10-26T07:34:20Z"}, 60.0),
        ({"x-reset": "1792999999"}, 0.0),
        ({"x-reset": "0"}, None),
        ({"x-reset": "45"}, 45.0),
        ({"x-reset": "-45"}, None),
        ({"x-reset": "nan"}, None),
        ({"x-reset": ""}, None),
        ({}, None),
        ({"x-reset": "1793000060", "x-left": "0.00"}, 60.0),
        ({"x-reset": "1793000060", "x-left": "-0.10"}, 60.0),
        ({"x-reset": "1793000060", "x-left": "lots"}, 60.0),
        ({"x-reset": "1793000060", "x-left": "4.18"}, None),
    ],
)
def test_a_limit_ends_at_its_reset_unless_something_is_left_of_it(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert patience.until_reset(headers, "X-Reset", remaining="X-Left", now=NOW) == seconds


def test_without_a_clock_a_reset_says_nothing() -> None:
    assert patience.until_reset({"x-reset": "1793000060"}, "X-Reset") is None


@given(
    st.dictionaries(st.sampled_from(["date", "retry-after", "retry-after-ms", "openai-poll-after-ms", "x"]), st.text())
)
def test_no_header_raises_and_no_wait_is_negative_or_endless(headers: dict[str, str]) -> None:
    for wait in (patience.retry_after(headers, now=NOW), patience.until_reset(headers, "x", now=NOW)):
        assert wait is None or 0 <= wait < 1e12
