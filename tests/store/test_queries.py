"""Every question finds its rows by an index."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from taskctl.clock import SystemClock
from taskctl.model import State, Task
from taskctl.store import queries
from taskctl.store.history import History
from taskctl.store.rows import encode

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILTERS: list[dict[str, Any]] = [
    {},
    {"states": {State.QUEUED}},
    {"states": {State.QUEUED, State.RUNNING, State.UNCONFIRMED, State.COMPLETED}},
    {"profile": "p"},
    {"since": NOON},
    {"tag": "ci"},
    {"tag": "ci", "states": {State.QUEUED, State.RUNNING}, "profile": "p", "since": NOON},
    {"states": {State.COMPLETED}, "profile": "p", "base_url": "http://h", "model": "m"},
]
OTHERS: list[tuple[str, Any]] = [
    (queries.BY_ID, ("a",)),
    (queries.BY_KEY, {"key": "a"}),
    (queries.BY_AFFIX, queries.affix("abcd")),
    (queries.BY_IDENTITY, ("a", "b")),
    (queries.BY_ROW, (1,)),
    (queries.UNCONFIRMED, ("unconfirmed",)),
    (queries.UNSETTLED, {"key": "a", "base_url": "b"}),
    (queries.SAME_KEY, {"key": "a", "wire_key": "b", "base_url": "c"}),
    (queries.SUBMISSION, {"key": "a", "base_url": None}),
    (queries.TOUCH, {"row": 1, "until": 1}),
    (queries.CLAIM, {"row": 1, "until": 1, "now": 1}),
    (queries.INHERIT, {"row": 1, "mine": 2}),
    (queries.PRUNE, ("completed", 1)),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A history of 5,000 tasks from one provider."""
    with History.open(tmp_path_factory.mktemp("many") / "history.db", clock=SystemClock()) as history:
        with history._db.writing():
            for number in range(5_000):
                state = State.COMPLETED if number % 2 else State.RUNNING
                task = Task(
                    id=f"task-{number:05}", key=None, profile="p", dialect="d", base_url="http://h", state=state
                )
                values = {"listed_at": number, **encode(task)}
                history._db.insert(queries.insert(values), values)
        yield history


def plan(history: History, question: str, values: Any) -> list[str]:
    return [row["detail"] for row in history._db.rows(f"EXPLAIN QUERY PLAN {question}", values)]


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_list_never_scans(history: History, wanted: dict[str, Any]) -> None:
    every = {"states": None, "profile": None, "base_url": None, "model": None, "tag": None, "since": None, "limit": 20}
    steps = plan(history, *queries.listing(**every | wanted))
    assert not [step for step in steps if step.startswith("SCAN")]
    assert "tag" in wanted or not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize(("question", "values"), OTHERS)
def test_no_other_question_scans(history: History, question: str, values: Any) -> None:
    assert not [step for step in plan(history, question, values) if step.startswith("SCAN")]


@pytest.mark.parametrize(
    "wanted", [{}, {"states": {State.COMPLETED, State.RUNNING}}, {"profile": "p"}, {"states": {State.FAILED}}]
)
def test_the_newest_twenty_cost_the_same_however_many_there_are(history: History, wanted: dict[str, Any]) -> None:
    turns = 0

    def count() -> int:
        nonlocal turns
        turns += 1
        return 0

    history._db._connection.set_progress_handler(count, 100)
    try:
        found = history.tasks(limit=20, **wanted)
    finally:
        history._db._connection.set_progress_handler(None, 0)
    assert len(found) in (0, 20)
    assert turns < 50, "5,000 steps of SQLite's machine are enough"


def test_a_beginning_and_an_end_are_found_among_many(history: History) -> None:
    assert [task.id for task in history.find("task-0123")][:2] == ["task-01239", "task-01238"]
    assert [task.id for task in history.find("2345")] == ["task-02345"]
