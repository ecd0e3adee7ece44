"""Which of two looks the history believes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskctl.model import FORGOTTEN, Cost, Failure, Kind, Output, State, Task
from taskctl.store.merging import merged

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
TASK = Task(id="1", key=None, profile="p", dialect="d", base_url="http://h", updated_at=NOON)
FORGOT = Failure(code=FORGOTTEN, message="the provider no longer knows this task")
VIDEO = Output(index=0, kind=Kind.VIDEO, url="https://cdn/a.mp4")


@pytest.mark.parametrize(
    ("stored", "new", "state"),
    [
        ({"state": State.QUEUED}, {"state": State.RUNNING}, State.RUNNING),
        ({"state": State.UNCONFIRMED}, {"state": State.QUEUED}, State.QUEUED),
        ({"state": State.RUNNING}, {"state": State.COMPLETED}, State.COMPLETED),
        ({"state": State.COMPLETED}, {"state": State.RUNNING, "updated_at": LATER}, State.COMPLETED),
        ({"state": State.CANCELLED}, {"state": State.COMPLETED, "updated_at": LATER}, State.CANCELLED),
        ({"state": State.COMPLETED}, {"state": State.EXPIRED, "error": FORGOT}, State.COMPLETED),
        ({"state": State.EXPIRED, "error": FORGOT}, {"state": State.RUNNING}, State.EXPIRED),
        ({"state": State.EXPIRED, "error": FORGOT}, {"state": State.RUNNING, "updated_at": LATER}, State.RUNNING),
        ({"state": State.EXPIRED, "error": FORGOT}, {"state": State.COMPLETED}, State.COMPLETED),
    ],
)
def test_an_ended_task_stays_ended(stored: dict[str, Any], new: dict[str, Any], state: State) -> None:
    assert merged(replace(TASK, **stored), replace(TASK, **new)).state is state


def test_a_task_that_came_back_has_not_finished() -> None:
    forgotten = replace(TASK, state=State.EXPIRED, error=FORGOT, finished_at=NOON)
    assert merged(forgotten, replace(TASK, state=State.RUNNING, updated_at=LATER)).finished_at is None


@pytest.mark.parametrize(("before", "now", "then"), [(None, 5, 5), (5, None, 5), (50, 40, 50), (40, 50, 50)])
def test_progress_never_falls(before: int | None, now: int | None, then: int) -> None:
    assert merged(replace(TASK, progress=before), replace(TASK, progress=now)).progress == then


def test_what_was_known_is_not_forgotten() -> None:
    known = replace(
        TASK, key="k", model="m", operation="o", tags=("a",), input={"p": 1}, cost=Cost(final=1), submitted_at=NOON
    )
    assert merged(known, TASK) == known
    assert merged(TASK, known) == known
    assert merged(known, replace(TASK, tags=("b", "a"))).tags == ("a", "b")


def test_a_fetched_file_is_not_forgotten_by_a_look() -> None:
    fetched = replace(TASK, state=State.COMPLETED, outputs=(replace(VIDEO, file="/f", bytes=3, sha256="x"),))
    look = replace(TASK, state=State.COMPLETED, outputs=(replace(VIDEO, url="https://cdn/new"),))
    assert merged(fetched, look).outputs == (replace(VIDEO, url="https://cdn/new", file="/f", bytes=3, sha256="x"),)
    assert merged(fetched, replace(look, outputs=())).outputs == fetched.outputs
    assert merged(look, fetched).outputs == fetched.outputs
