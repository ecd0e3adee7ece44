from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskctl.net.pace import GRACE, LONGEST, RATE, SLACK, Budget, after_misses, is_forgotten, jittered, pause

seconds = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("every", "age", "eta", "after"),
    [
        (5, 0, None, 5),
        (5, 50, None, 5),
        (5, 100, None, 10),
        (5, 299, None, 29.9),
        (5, 10_000, None, 30),
        (5, -60, None, 5),
        (45, 0, None, 45),
        (45, 10_000, None, 45),
        (5, 0, 20, 12),
        (5, 10, 20, 5),
        (5, 6, 20, 6),
        (5, 0, 8, 5),
        (5, 0, 0, 5),
        (5, 0, 3600, 30),
        (5, 3600, 60, 30),
        (5, 290, 300, 5),
        (5, 400, 300, 5),
        (5, 500, 300, 20),
    ],
)
def test_looks_come_when_a_task_can_be_done_then_close_then_less_often(
    every: float, age: float, eta: float | None, after: float
) -> None:
    assert pause(every, age, eta) == pytest.approx(after)


@settings(max_examples=50)
@given(st.floats(0.1, 600), seconds, st.none() | seconds)
def test_a_pause_is_never_shorter_than_asked_nor_longer_than_it_needs(
    every: float, age: float, eta: float | None
) -> None:
    assert every <= pause(every, age, eta) <= max(every, LONGEST)


@pytest.mark.parametrize(("chance", "after"), [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_jitter_is_a_fifth_either_way(chance: float, after: float) -> None:
    assert jittered(10.0, chance) == pytest.approx(after)


@pytest.mark.parametrize(
    ("every", "misses", "retry_after", "after"),
    [
        (5, 1, None, 5),
        (5, 2, None, 10),
        (5, 3, None, 20),
        (5, 4, None, 30),
        (5, 10_000, None, 30),
        (5, 1, 2, 5),
        (5, 1, 90, 90),
        (5, 1, -90, 5),
        (5, 9, 31.5, 31.5),
        (0.5, 1, None, 0.5),
        (60, 1, None, 60),
        (60, 9, None, 60),
    ],
)
def test_after_misses_one_asks_less_often_and_never_sooner_than_told(
    every: float, misses: int, retry_after: float | None, after: float
) -> None:
    assert after_misses(every, misses, retry_after) == after


@pytest.mark.parametrize(
    ("denials", "span", "believed"),
    [(1, 60, False), (2, 60, False), (3, 9.9, False), (3, 10, True), (50, 1, False), (4, 11, True)],
)
def test_a_denial_is_believed_after_three_over_ten_seconds(denials: int, span: float, believed: bool) -> None:
    assert is_forgotten(denials, span) is believed


def test_the_numbers_are_the_documented_ones() -> None:
    assert (LONGEST, GRACE, RATE) == (30.0, 30.0, 5.0)


class TestBudget:
    def test_the_first_request_is_free_at_once(self) -> None:
        assert Budget().free_at < 0

    def test_requests_are_evenly_spaced(self) -> None:
        budget, now, sent = Budget(rate=4), 100.0, []
        for _ in range(5):
            now = max(now, budget.free_at)
            budget.take(now)
            sent.append(now)
        assert sent == [100.0, 100.25, 100.5, 100.75, 101.0]

    def test_time_without_requests_is_not_saved_up(self) -> None:
        budget = Budget(rate=1)
        budget.take(0.0)
        budget.take(100.0)
        assert budget.free_at == 101.0

    @settings(max_examples=50)
    @given(st.floats(0.1, 100), st.lists(st.floats(0, 10), max_size=30))
    def test_no_second_holds_more_than_the_rate(self, rate: float, gaps: list[float]) -> None:
        budget, now, sent = Budget(rate=rate), 0.0, []
        for gap in gaps:
            now = max(now + gap, budget.free_at)
            budget.take(now)
            sent.append(now)
        for (number, earlier), (count, later) in combinations(enumerate(sent), 2):
            assert later - earlier >= (count - number) / rate - SLACK - 1e-9

    def test_a_request_that_leaves_a_moment_late_does_not_delay_the_next(self) -> None:
        budget = Budget(rate=10)
        budget.take(0.0)
        budget.take(0.15)
        assert budget.free_at == pytest.approx(0.2)
        budget.take(0.2 + 2 * SLACK)
        assert budget.free_at == pytest.approx(0.3 + 2 * SLACK)

    def test_a_provider_that_is_asked_too_much_is_left_alone_ever_longer(self) -> None:
        budget = Budget(rate=10)
        waits: list[float] = []
        for _ in range(7):
            budget.refused(budget.free_at if waits else 0.0, None)
            waits.append(budget.free_at)
        assert [round(later - earlier, 3) for earlier, later in pairwise([0.0, *waits])] == [1, 2, 4, 8, 16, 30, 30]
        budget.accepted()
        budget.refused(1000.0, None)
        assert budget.free_at == 1001.0

    def test_what_the_provider_says_goes_before_our_guess(self) -> None:
        budget = Budget(rate=10)
        budget.refused(0.0, 7.5)
        assert budget.free_at == 7.5
        budget.refused(1.0, 2.0)
        assert budget.free_at == 7.5
