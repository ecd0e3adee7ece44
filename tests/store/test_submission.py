"""A submission's life: on record before it leaves, one task at most afterwards."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from taskctl.errors import HistoryError
from taskctl.model import Kind, Output, Report, State, Task
from taskctl.secret import Secret
from taskctl.store.history import History
from taskctl.store.submission import Intent, Submission

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://api.example.org"


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def an_intent(key: str = "key one", **changes: Any) -> Intent:
    intent = Intent(
        key=key,
        wire_key=f"wire-{key}",
        profile="studio",
        dialect="evolink",
        base_url=URL,
        operation="video",
        model="seedance",
        input={"prompt": "a cat", "image": "cat.png"},
        files={"/image": "/home/me/cat.png"},
        fingerprint="f1",
        method="POST",
        url=f"{URL}/v1/videos",
        body=b'{"prompt": "a \xff cat"}',
        content_type="application/json",
        tags=("ci",),
    )
    return replace(intent, **changes)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def history(path: Path, clock: FakeClock) -> Iterator[History]:
    with History.open(path, clock=clock) as history:
        yield history


def the_only(history: History) -> Submission:
    [submission] = history.submissions()
    return submission


def accepted(submission: Submission, task_id: str = "task-1") -> Task:
    return submission.task.told(Report(id=task_id, state=State.QUEUED), now=NOON)


def test_an_intent_is_on_record_as_an_unconfirmed_task(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    assert submission.fresh
    assert submission.sent_at == NOON
    assert submission.in_flight_until == NOON + timedelta(seconds=60)
    assert (submission.task.state, submission.task.id, submission.task.key) == (State.UNCONFIRMED, None, "key one")
    assert the_only(history) == replace(submission, fresh=False)
    assert history.tasks(states={State.UNCONFIRMED}) == [submission.task]
    assert history.last() == submission.task


def test_an_intent_survives_the_death_of_its_process(history: History, path: Path) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    with History.open(path, clock=FakeClock()) as other:
        assert the_only(other).intent == submission.intent


def test_the_same_key_is_the_same_submission(history: History, clock: FakeClock) -> None:
    first = history.intend(an_intent(), in_flight=60)
    clock.time += timedelta(seconds=30)
    again = history.intend(an_intent(), in_flight=60)
    assert again == replace(first, fresh=False)
    assert again.repeats("f1")
    assert not again.repeats("f2")
    assert again.in_flight(clock.now())
    assert not again.in_flight(clock.now() + timedelta(seconds=30))


def test_a_key_is_compared_as_it_was_given_and_as_it_went_over_the_wire(history: History) -> None:
    first = history.intend(an_intent("a key"), in_flight=60)
    assert history.intend(an_intent("wire-a key", wire_key="wire-a key"), in_flight=60).row == first.row
    assert history.intend(an_intent("a key", wire_key="of another rule"), in_flight=60).row == first.row
    assert history.intend(an_intent("another"), in_flight=60).fresh
    assert history.intend(an_intent("a key", base_url="http://127.0.0.1:1"), in_flight=60).fresh


def test_a_task_of_another_machine_is_known_by_its_key(history: History) -> None:
    task = replace(accepted(history.intend(an_intent("other"), in_flight=60)), id="task-9", key="key one", input={})
    history.record(task)
    found = history.intend(an_intent(), in_flight=60)
    assert not found.fresh
    assert found.task.id == "task-9"
    assert found.repeats("any"), "its request is not known, so that it is not paid again"


def test_an_answer_binds_the_submission_to_its_task(history: History, path: Path) -> None:
    submission = history.intend(an_intent(body=b"canary of the body"), in_flight=60)
    task = accepted(submission)
    assert history.bind(submission.row, task) == task
    assert history.submissions() == []
    assert history.find("task-1") == history.find("key one") == history.find("wire-key one") == [task]
    assert history.inputs(task) == (task.input, {"/image": "/home/me/cat.png"})
    settled = history.submission("key one", URL)
    assert settled is not None
    assert settled.task == task
    assert settled.intent.body is None
    assert settled.in_flight_until is None
    [row] = history._db.rows("SELECT body_sha256 FROM task")
    assert len(row["body_sha256"]) == 64
    history._db.clear_traces()
    assert b"canary of the body" not in path.read_bytes()


def test_a_task_adopted_twice_is_merged(history: History) -> None:
    fetched = Output(index=0, kind=Kind.VIDEO, url="https://cdn/a.mp4", file="/home/me/a.mp4")
    history.record(Task(id="task-1", key=None, profile="studio", dialect="evolink", base_url=URL, outputs=(fetched,)))
    submission = history.intend(an_intent(), in_flight=60)
    task = history.bind(submission.row, accepted(submission))
    assert history.tasks() == [task]
    assert (task.key, task.outputs, task.tags) == ("key one", (fetched,), ("ci",))
    known = history.submission("wire-key one")
    assert known is not None
    assert known.intent == replace(submission.intent, body=None)
    assert history.intend(an_intent(), in_flight=60).task == task


def test_a_replay_that_leads_to_a_task_with_a_key_of_its_own_keeps_that_one(history: History) -> None:
    first, second = history.intend(an_intent("one"), in_flight=60), history.intend(an_intent("two"), in_flight=60)
    history.bind(first.row, accepted(first))
    task = history.bind(second.row, accepted(second))
    assert task.key == "one"
    assert history.tasks() == [task]


def test_two_processes_may_bind_the_same_answer(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    history.bind(submission.row, accepted(submission))
    history.bind(submission.row, accepted(submission))
    assert len(history.tasks()) == 1


def test_a_second_task_for_one_submission_is_not_lost(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    history.bind(submission.row, accepted(submission))
    history.bind(submission.row, accepted(submission, "task-2"))
    assert [task.id for task in history.tasks()] == ["task-2", "task-1"]
    assert [task.id for task in history.find("key one")] == ["task-2", "task-1"]


def test_an_answer_is_kept_although_its_submission_was_forgotten(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    assert history.forget([submission.task]) == 1
    history.bind(submission.row, accepted(submission))
    assert history.tasks() == [accepted(submission)]


def test_an_id_that_cannot_be_recorded_is_in_the_error(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    history._db.rows("PRAGMA query_only = ON")
    with pytest.raises(HistoryError, match=r"^task-1 was accepted, but the history .* cannot be used") as caught:
        history.bind(submission.row, accepted(submission))
    assert caught.value.task == "task-1"
    assert "taskctl wait -P studio task-1" in str(caught.value.hint)


def test_a_look_that_shows_the_key_settles_the_submission(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    seen = Task(id="task-1", key="wire-key one", profile="studio", dialect="evolink", base_url=URL)
    assert history.record(seen).key == "key one"
    assert history.submissions() == []
    assert history.submission("key one") is not None
    assert history.bind(submission.row, accepted(submission)).id == "task-1"
    assert len(history.tasks()) == 1


def test_who_still_thinks_it_unconfirmed_does_not_undo_its_answer(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    bound = history.bind(submission.row, accepted(submission))
    assert history.record(submission.task) == bound
    assert history.tasks() == [bound]


def test_a_refused_submission_leaves_nothing(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    history.drop(submission.row)
    assert history.tasks() == []
    again = history.intend(an_intent(), in_flight=60)
    assert again.fresh
    assert again.row != submission.row, "a late answer to the first must not meet the second"


def test_what_has_become_a_task_is_not_dropped(history: History) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    history.bind(submission.row, accepted(submission))
    history.drop(submission.row)
    assert len(history.tasks()) == 1
    assert not history.touch(submission.row, in_flight=60)
    assert not history.claim(submission.row, in_flight=60)


def test_a_lost_answer_leaves_it_unconfirmed_and_not_in_flight(history: History, clock: FakeClock) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    history.lost(submission.row)
    assert the_only(history).task.state is State.UNCONFIRMED
    assert not the_only(history).in_flight(clock.now())
    assert the_only(history).intent.body == an_intent().body


def test_a_resend_is_in_flight_again(history: History, clock: FakeClock) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    clock.time += timedelta(seconds=90)
    assert history.touch(submission.row, in_flight=30)
    assert the_only(history).in_flight_until == NOON + timedelta(seconds=120)
    assert the_only(history).sent_at == NOON


def test_of_two_that_claim_a_lost_submission_one_may_send(history: History, clock: FakeClock) -> None:
    submission = history.intend(an_intent(), in_flight=60)
    assert not history.claim(submission.row, in_flight=60), "its own process may be sending it"
    clock.time += timedelta(seconds=60)
    assert history.claim(submission.row, in_flight=60)
    assert not history.claim(submission.row, in_flight=60)
    history.lost(submission.row)
    assert history.claim(submission.row, in_flight=60)


def test_a_body_that_holds_a_secret_is_not_kept(history: History, path: Path) -> None:
    Secret("canary-of-the-submission")
    intent = an_intent(
        body=b'{"note": "canary-of-the-submission"}', url=f"{URL}/v1?k=canary-of-the-submission", input={}
    )
    assert history.intend(intent, in_flight=60).intent == intent, "this process may send it"
    assert the_only(history).intent.body is None
    assert the_only(history).intent.url == f"{URL}/v1?k=***"
    wal = path.with_name("history.db-wal")
    assert b"canary" not in path.read_bytes() + wal.read_bytes()


WRITER = """
import sys, time
from pathlib import Path
from typing import Any
from taskctl.clock import SystemClock
from taskctl.store.history import History
from taskctl.store.submission import Intent

path, number, start = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
while time.time() < start:
    pass
with History.open(path, clock=SystemClock()) as history:
    for turn in range(20):
        for key in (f"{number}-{turn}", f"shared-{turn}"):
            intent = Intent(key=key, wire_key=key, profile="p", dialect="d", base_url="http://h", fingerprint="f",
                            method="POST", url="http://h/v1", body=b"{}")
            print(history.intend(intent, in_flight=60).fresh)
"""


def test_eight_processes_at_once_lose_nothing_and_share_their_keys(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    start = str(time.time() + 0.5)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number), start], env=environment, stdout=subprocess.PIPE
        )
        for number in range(8)
    ]
    answers = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8
    fresh = sum(answer.count(b"True") for answer in answers)
    assert fresh == 8 * 20 + 20
    with History.open(path, clock=FakeClock()) as history:
        assert len(history.submissions()) == fresh
