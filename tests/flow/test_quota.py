import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskctl.flow.quota import Quota


@pytest.mark.parametrize(
    ("text", "total", "needed"),
    [("3", 10, 3), ("0", 10, 0), ("90%", 10, 9), ("90%", 11, 10), ("100%", 7, 7), ("0%", 7, 0), ("33.3%", 3, 1)],
)
def test_a_quota_is_a_number_or_a_share_rounded_up(text: str, total: int, needed: int) -> None:
    assert Quota.of_text(text).of(total) == needed
    assert str(Quota.of_text(text)) == text


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "101%", "1e3", "5 %", "%", "0x3", "٣"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"tasks|all"):
        Quota.of_text(text)


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_a_share_is_never_more_than_all(percent: int, total: int) -> None:
    assert 0 <= Quota(percent, percent=True).of(total) <= total
