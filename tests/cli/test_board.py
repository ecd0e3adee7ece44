"""What a terminal shows of a wait and of files on their way, line by line."""

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from taskctl.cli.board import SPARE, Board
from taskctl.cli.transfers import Files
from taskctl.errors import NoAnswer, StillPending
from taskctl.model import Failure, State, Task
from taskctl.net.pace import Estimate
from taskctl.net.transfer import Progress
from taskctl.net.watched import Seen
from tests.conftest import FakeClock

TASK = Task(id="task-1", key=None, profile="evolink", dialect="evolink", base_url="https://h", state=State.QUEUED)


def many(count: int) -> list[Task]:
    return [replace(TASK, id=f"task-{number:03}") for number in range(count)]


def lines(board: Board, width: int = 120, height: int = 30, *, ascii_only: bool = False) -> list[str]:
    return [line.plain for line in board.lines(width, height, ascii_only=ascii_only)]


def sees(board: Board, before: Task, missed: str | None = None, **changes: object) -> Task:
    after = replace(before, **changes) if changes else before  # type: ignore[arg-type]  # a task's own fields
    problem = NoAnswer(missed) if missed else None
    board.take([Seen(task=after, before=before, missed=problem)])
    return after


def test_a_task_has_its_name_its_bar_its_state_and_its_time(clock: FakeClock) -> None:
    task = replace(TASK, submitted_at=clock.now())
    board = Board([task], clock, {task.identity: Estimate(120.0)})
    clock.passed = 30
    assert lines(board)[0].split() == [
        "evolink",
        "task-1",
        lines(board)[0].split()[2],
        "queued",
        "30s",
        "~1m30s",
        "left",
    ]
    task = sees(board, task, state=State.RUNNING, progress=50)
    assert lines(board) == ["evolink task-1  ━━━━━━━━━━──────────  running 50%      30s  ~1m30s left"]
    task = sees(board, task, state=State.FAILED, error=Failure(code="x", message="too dark"))
    clock.passed = 500
    assert lines(board)[0].split()[-5:] == ["failed", "30s", "too", "dark", "(x)"]


def test_what_nobody_measures_wanders(clock: FakeClock) -> None:
    board = Board([TASK], clock)
    seen = set()
    for _ in range(40):
        clock.passed += 0.25
        bar = lines(board)[0].split()[2]
        assert (len(bar), bar.count("━")) == (20, 5)
        seen.add(bar)
    assert len(seen) == 20


@pytest.mark.parametrize(
    ("age", "estimate", "shown"),
    [
        (10, Estimate(70.0), "~1m00s left"),
        (90, Estimate(70.0), "any moment"),
        (120, Estimate(70.0), "overdue"),
        (10, Estimate(70.0, late=100.0, learned=True), "usually ~1m00s left"),
        (90, Estimate(70.0, late=100.0, learned=True), "usually <10s left"),
        (120, Estimate(70.0, late=100.0, learned=True), "longer than usual"),
        (10, None, ""),
    ],
)
def test_what_is_left_is_as_told_or_as_learned(
    clock: FakeClock, age: int, estimate: Estimate | None, shown: str
) -> None:
    task = replace(TASK, submitted_at=clock.now() - timedelta(seconds=age))
    board = Board([task], clock, {task.identity: estimate} if estimate else {})
    assert lines(board)[0].partition("queued")[2].split(maxsplit=1)[1:] == ([shown] if shown else [])


def test_a_look_that_brought_nothing_is_shown_until_one_does(clock: FakeClock) -> None:
    board = Board([TASK], clock)
    sees(board, TASK, missed="asking about task-1: evolink says: HTTP 502")
    assert lines(board)[0].endswith("evolink says: HTTP 502")
    sees(board, TASK)
    assert "502" not in lines(board)[0]


def test_a_task_that_stands_still_says_so(clock: FakeClock) -> None:
    board = Board([TASK], clock)
    clock.passed = 400
    assert lines(board)[0].endswith("no change for 6m40s")


def test_a_provider_moves_no_terminal(clock: FakeClock) -> None:
    task = replace(TASK, id="a\x1b[2Jb", profile="p\x07", message="\x1b]0;x\x07[bold]y")
    for line in lines(Board([task], clock)):
        assert line.isprintable()
        assert "[bold]y" in line


def test_many_tasks_are_shown_as_their_sum_with_those_that_matter(clock: FakeClock) -> None:
    tasks = many(100)
    board = Board(tasks, clock)
    clock.passed = 60
    news: list[Seen] = []
    for number, task in enumerate(tasks):
        match number % 10:
            case 0:
                failure = Failure(code=None, message=f"reason {number}")
                news.append(Seen(task=replace(task, state=State.FAILED, error=failure), before=task))
            case 1:
                news.append(Seen(task=task, before=task, missed=NoAnswer(f"asking about {task.id}: HTTP 502")))
            case 2:
                news.append(Seen(task=replace(task, state=State.RUNNING, progress=number), before=task))
            case 3 | 4:
                news.append(Seen(task=replace(task, state=State.COMPLETED), before=task))
    board.take(news)
    shown = lines(board)
    assert shown[0].startswith("100 tasks  ━━━━━━━━━━━━──")
    assert shown[0].endswith("30/100  1m00s")
    assert shown[1].split("  ")[1:] == ["10 failed", "60 queued", "10 running", "20 completed"]
    assert shown[2] == "  30.0 ending a minute, 2m20s left at this rate"
    assert [line.split()[-2:] for line in shown[3:6]] == [["reason", "90"], ["reason", "80"], ["reason", "70"]]
    assert all(line.endswith("HTTP 502") for line in shown[6:9])
    assert [line.split()[1] for line in shown[9:12]] == ["task-092", "task-082", "task-072"]
    assert len(shown) == 12


def test_news_may_come_while_the_board_is_drawn(clock: FakeClock) -> None:
    tasks = many(60)
    board = Board(tasks, clock)
    over = threading.Event()

    def tell() -> None:
        while not over.is_set():
            for task in tasks:
                sees(board, task, missed="asking: HTTP 502")
                board.take([Seen(task=replace(task, state=State.FAILED), before=task)])
                board.take([Seen(task=task, before=task)])

    often, telling = sys.getswitchinterval(), threading.Thread(target=tell)
    sys.setswitchinterval(1e-6)
    telling.start()
    try:
        for _ in range(300):
            lines(board)
    finally:
        sys.setswitchinterval(often)
        over.set()
        telling.join()


def test_an_end_of_a_watch_by_an_error_is_no_end_of_the_task(clock: FakeClock) -> None:
    tasks = many(20)
    board = Board(tasks, clock)
    board.take([Seen(task=tasks[0], before=tasks[0], error=StillPending("task-000 has not moved for 10 s"))])
    assert "0/20" in lines(board)[0]
    assert any("has not moved" in line for line in lines(board))


STATES = st.sampled_from(list(State))


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 59), STATES, st.none() | st.integers(0, 100), st.booleans()), max_size=80),
    st.integers(1, 240),
    st.integers(1, 60),
    st.booleans(),
)
def test_a_board_is_never_wider_nor_higher_than_its_terminal_and_counts_right(
    count: int,
    changes: Sequence[tuple[int, State, int | None, bool]],
    width: int,
    height: int,
    ascii_only: bool,  # given by hypothesis
) -> None:
    clock = FakeClock()
    tasks = many(count)
    board = Board(tasks, clock)
    for place, state, progress, missed in changes:
        before = tasks[place % count]
        clock.passed += 1
        if missed:
            sees(board, before, missed="asking: no")
        else:
            tasks[place % count] = sees(board, before, state=state, progress=progress)
    shown = lines(board, width, height, ascii_only=ascii_only)
    assert 1 <= len(shown) <= max(1, height - 1)
    assert all(cell_len(line) <= max(1, width - SPARE) for line in shown)
    assert not ascii_only or all(line.isascii() for line in shown)
    counted = {state: sum(task.state is state for task in tasks) for state in State}
    assert board.counts() == ", ".join(f"{number} {state}" for state, number in counted.items() if number)


def test_files_have_their_size_their_speed_and_what_is_left(clock: FakeClock) -> None:
    known, unknown = Progress("a-0", total=10_000_000, begun=True), Progress("long name " * 20, begun=True)
    files = Files([known, unknown], clock)
    list(files.lines(120, 30))
    clock.passed = 2
    known.done, unknown.done = 4_000_000, 1_000_000
    first, second, both = (line.plain for line in files.lines(120, 30))
    assert first.split(maxsplit=1)[1] == "━━━━━━━━────────────  4.0 MB of 10.0 MB     2.0 MB/s     3s left"
    assert second.rstrip().endswith("1.0 MB                500.0 kB/s")
    assert both.split() == ["0", "of", "2", "files", "─" * 20, "5.0", "MB", "2.5", "MB/s", "6s", "left"]
    assert len(second) < 120


def test_what_an_earlier_attempt_left_is_no_speed(clock: FakeClock) -> None:
    resumed = Progress("a-0", total=10_000_000, begun=True)
    files = Files([resumed], clock)
    list(files.lines(120, 30))
    clock.passed = 2
    resumed.done, resumed.had = 9_000_000, 8_000_000
    (line,) = (line.plain for line in files.lines(120, 30))
    assert "500.0 kB/s   2s left" in line


def test_of_many_files_those_under_way_are_shown_and_all_are_counted(clock: FakeClock) -> None:
    moving = [
        Progress(f"file-{number}", done=5 if number < 20 else 1, total=5, begun=number < 25, ended=number < 20)
        for number in range(30)
    ]
    shown = [line.plain for line in Files(moving, clock).lines(100, 30)]
    assert [line.split()[0] for line in shown[:-1]] == [f"file-{number}" for number in range(20, 25)]
    assert " ".join(shown[-1].split()) == f"20 of 30 files {'━' * 13}{'─' * 7} 110 bytes"
    few = [line.plain for line in Files(moving, clock).lines(100, 6)]
    assert len(few) == 4
