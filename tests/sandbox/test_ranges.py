import pytest

from taskctl.sandbox.ranges import Unsatisfiable, wanted


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, None),
        ("bytes=0-9", range(10)),
        ("bytes=5-", range(5, 100)),
        ("bytes=90-200", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-200", range(100)),
        ("bytes=99-99", range(99, 100)),
        ("Bytes=0-0", range(1)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
    ],
)
def test_a_range_is_a_part_or_the_whole_file(asked: str | None, part: range | None) -> None:
    assert wanted(asked, 100) == part


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_file_cannot_be_satisfied(asked: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted(asked, 100)
