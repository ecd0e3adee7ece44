import pytest

from taskctl.sandbox.fate import State, moment
from taskctl.sandbox.shelf import Record

CREATED = 1000.0


def record(prompt: str, cancelled_at: float | None = None) -> Record:
    return Record(
        id="1",
        dialect="sandbox",
        kind="video",
        operation="generate",
        model="m",
        prompt=prompt,
        created_at=CREATED,
        cancelled_at=cancelled_at,
    )


@pytest.mark.parametrize(
    ("prompt", "passed", "state", "progress", "finished"),
    [
        ("[takes 10s]", 0, State.QUEUED, 0, None),
        ("[takes 10s]", 1.9, State.QUEUED, 0, None),
        ("[takes 10s]", 2, State.RUNNING, 0, None),
        ("[takes 10s]", 6, State.RUNNING, 50, None),
        ("[takes 10s]", 9.99, State.RUNNING, 99, None),
        ("[takes 10s]", 10, State.COMPLETED, 100, 10),
        ("[takes 10s]", 10_000, State.COMPLETED, 100, 10),
        ("[takes 0s]", 0, State.COMPLETED, 100, 0),
        ("two seconds unless told", 1.99, State.RUNNING, 99, None),
        ("two seconds unless told", 2, State.COMPLETED, 100, 2),
        ("[takes 10s] [fails]", 6, State.RUNNING, 50, None),
        ("[takes 10s] [fails]", 10, State.FAILED, 99, 10),
        ("[takes 10s] [moderated]", 10, State.FAILED, 99, 10),
        ("[takes 10s] [cancelled]", 10, State.CANCELLED, 99, 10),
        ("[takes 10s] [forgotten]", 9, State.RUNNING, 87, None),
        ("[takes 10s] [forgotten]", 10, State.FORGOTTEN, 99, 10),
        ("[stays queued]", 10_000, State.QUEUED, 0, None),
        ("[takes 10s] [stays running]", 1, State.QUEUED, 0, None),
        ("[takes 10s] [stays running]", 3, State.RUNNING, 12, None),
        ("[takes 10s] [stays running]", 10_000, State.RUNNING, 50, None),
        ("[unknown state]", 0, State.UNKNOWN, 0, None),
        ("[unknown state]", 10_000, State.UNKNOWN, 0, None),
    ],
)
def test_what_a_task_is_follows_from_the_time(
    prompt: str, passed: float, state: State, progress: int, finished: float | None
) -> None:
    stand = moment(record(prompt), CREATED + passed)
    assert (stand.state, stand.progress) == (state, progress)
    assert stand.finished_at == (None if finished is None else CREATED + finished)
    assert stand.ended == (finished is not None)


def test_a_cancelled_task_keeps_the_progress_it_had() -> None:
    stand = moment(record("[takes 10s]", cancelled_at=CREATED + 6), CREATED + 60)
    assert (stand.state, stand.progress, stand.finished_at) == (State.CANCELLED, 50, CREATED + 6)
