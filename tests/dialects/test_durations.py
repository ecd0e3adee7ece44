"""Durations as people write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskctl import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("0", 0.0),
        (" 30s ", 30.0),
        ("500ms", 0.5),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
        ("36500d", 3153600000.0),
    ],
)
def test_a_duration_is_seconds_or_numbers_with_units(text: str, seconds: float) -> None:
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "-1", "-5s", "1 h", "1h30", "5 minutes", "1w", "1e3", "1_000", "nan", "inf", "٣", "1.5.2", "1H"]
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: give seconds \(90, 1.5\) or 500ms, 30s, 10m, 1h30m, 2d"):
        durations.seconds(text)


@pytest.mark.parametrize("text", ["40000d", "9" * 400, f"{'9' * 400}h"])
def test_a_century_is_enough(text: str) -> None:
    with pytest.raises(ValueError, match="is longer than a century") as caught:
        durations.seconds(text)
    assert len(str(caught.value)) < 150


@given(st.text(alphabet="0123456789.mshd ") | st.text())
def test_no_text_brings_more_than_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= durations.seconds(text) <= durations.LONGEST


@pytest.mark.parametrize(
    ("span", "words"),
    [(0.2, "0s"), (12, "12s"), (59.6, "1m00s"), (185, "3m05s"), (3599.9, "1h00m"), (7800, "2h10m"), (273600, "3d4h")],
)
def test_a_span_is_said_to_two_units(span: float, words: str) -> None:
    assert durations.words(span) == words
