"""What the history remembers, how it is asked, and how it forgets."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from taskctl.errors import HistoryError, TaskNotFound
from taskctl.model import Cost, Failure, Kind, Output, State, Task
from taskctl.secret import Secret
from taskctl.store.history import History

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
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


def a_task(task_id: str | None, **changes: Any) -> Task:
    task = Task(
        id=task_id, key=None, profile="studio", dialect="evolink", base_url=URL, submitted_at=NOON, updated_at=NOON
    )
    return replace(task, **changes)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History.open(tmp_path / "state" / "history.db", clock=FakeClock()) as history:
        yield history


def ids(tasks: list[Task]) -> list[str | None]:
    return [task.id for task in tasks]


def test_a_recorded_task_is_found_as_it_was(history: History) -> None:
    task = a_task(
        "task-1",
        key="my key",
        operation="video",
        model="sora-2",
        state=State.FAILED,
        provider_state="error",
        progress=40,
        can_cancel=False,
        message="sorry",
        finished_at=NOON + MINUTE,
        eta_seconds=1.5,
        outputs=(Output(index=0, kind=Kind.TEXT, text="words", expires_at=NOON, bytes=5, file="/home/me/words.txt"),),
        error=Failure(code="nsfw", message="no"),
        cost=Cost(estimated=1.5, unit="credits"),
        tags=("b", "a"),
        input={"prompt": "x", "nested": {"list": [1, None, True]}},
    )
    assert history.record(task) == task
    assert history.find_in(URL, "task-1") == task
    assert history.find_in("https://other.example.org", "task-1") is None


def test_a_second_look_updates_the_same_row(history: History) -> None:
    history.record(a_task("task-1", key="k", tags=("ci",), input={"prompt": "x"}))
    history.record(a_task("task-1", state=State.RUNNING, progress=10))
    [task] = history.tasks()
    assert (task.state, task.progress, task.key, task.tags) == (State.RUNNING, 10, "k", ("ci",))
    assert task.input == {"prompt": "x"}


def test_nothing_is_written_when_nothing_has_changed(history: History) -> None:
    signed = Output(index=0, kind=Kind.VIDEO, url="https://cdn.example.org/a.mp4?sig=1")
    history.record(a_task("task-1", outputs=(signed,), state=State.COMPLETED))
    before = history._db.rows("PRAGMA data_version"), history._db._connection.total_changes
    history.record(a_task("task-1", outputs=(signed,), state=State.COMPLETED))
    history.record(a_task("task-1", outputs=(replace(signed, url=f"{signed.url}2"),), state=State.COMPLETED))
    assert (history._db.rows("PRAGMA data_version"), history._db._connection.total_changes) == before


def test_the_same_id_at_two_servers_is_two_tasks(history: History) -> None:
    history.record(a_task("task-1"))
    history.record(a_task("task-1", base_url="http://127.0.0.1:8080"))
    assert {task.base_url for task in history.find("task-1")} == {URL, "http://127.0.0.1:8080"}


def test_an_older_look_of_another_process_does_not_bring_a_task_back(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with History.open(path, clock=FakeClock()) as one, History.open(path, clock=FakeClock()) as other:
        one.record(a_task("task-1", state=State.COMPLETED, finished_at=NOON))
        assert other.record(a_task("task-1", state=State.RUNNING)).state is State.COMPLETED
        assert one.find_in(URL, "task-1") == other.find_in(URL, "task-1")


def test_a_signed_link_is_kept_without_its_signature(history: History, tmp_path: Path) -> None:
    signed = Output(index=0, kind=Kind.VIDEO, url="https://user:pw@cdn.example.org/a.mp4?X-Signature=canary#t")
    plain = Output(index=1, kind=Kind.VIDEO, url="https://cdn.example.org/b.mp4#t=1")
    broken = Output(index=2, kind=Kind.VIDEO, url="http://[broken?canary")
    told = history.record(a_task("task-1", state=State.COMPLETED, outputs=(signed, plain, broken)))
    assert told.outputs[0].url == signed.url, "the moment's answer has it"
    stored = history.find("task-1")[0]
    assert [output.url for output in stored.outputs] == [None, plain.url, None]
    history.record(replace(stored, outputs=tuple(replace(output, file="/f") for output in stored.outputs)))
    assert b"canary" not in everything_below(tmp_path)
    assert b'"address":"https://cdn.example.org/a.mp4"' in everything_below(tmp_path)


def test_no_secret_reaches_the_disk(history: History, tmp_path: Path) -> None:
    Secret("canary/of the+history")
    history.record(
        a_task(
            "task-1",
            message="key canary/of the+history is wrong",
            error=Failure(code=None, message="canary%2Fof%20the%2Bhistory"),
            outputs=(Output(index=0, kind=Kind.FILE, url="https://h.example.org/canary/of the+history/x"),),
            tags=("canary/of the+history",),
            input={"canary/of the+history": ["canary/of the+history"]},
        )
    )
    assert b"canary" not in everything_below(tmp_path)
    assert history.find("task-1")[0].message == "key *** is wrong"
    assert history.find("task-1")[0].outputs[0].url is None, "it would lead nowhere"


def everything_below(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_what_providers_and_command_lines_may_send_does_not_break_a_write(history: History) -> None:
    history.record(
        a_task(
            "task-1",
            model="m\udcff",
            provider_state="nul \0 and half a pair \ud83d",
            message="\ud83d",
            progress=2**70,
            eta_seconds=float("inf"),
            error=Failure(code="\0", message="\udc80"),
            input={"n": 2**200, "\ud800": "\0"},
            tags=("\udcff",),
        )
    )
    task = history.find("task-1")[0]
    assert task.provider_state == "nul \0 and half a pair \ud83d"
    assert (task.progress, task.input, task.model) == (2**70, {"n": 2**200, "\ud800": "\0"}, "m\\udcff")
    assert ids(history.tasks(model="m\udcff", tag="\udcff")) == ["task-1"]


def test_an_input_nested_without_end_is_refused(history: History) -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(HistoryError, match="nested"):
        history.record(a_task("task-1", input=deep))


HOSTILE = ["100%_off", "10000_off", "id_with_1", "idXwithX1", "a[bc]*?d", "abcbc]*d", "quo'te\"", "éééé-ß", "-rf/../x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_ids_and_keys_are_found_by_their_beginning_and_their_end(history: History, name: str) -> None:
    for number, other in enumerate(HOSTILE):
        history.record(a_task(f"{other}-task-{number}-{other}", key=f"{other}.key{number}.{other}"))
    task_id, key = (f"{name}-task-{HOSTILE.index(name)}-{name}", f"{name}.key{HOSTILE.index(name)}.{name}")
    assert ids(history.find(task_id)) == ids(history.find(key)) == [task_id]
    assert ids(history.find(task_id[:-2])) == ids(history.find(task_id[2:])) == [task_id]
    assert ids(history.find(key[:-2])) == ids(history.find(key[2:])) == [task_id]
    assert task_id in ids(history.find(name))


def test_wildcards_find_nothing_but_themselves(history: History) -> None:
    history.record(a_task("abcdefgh"))
    for text in ("%%%%", "____", "abc%", "%fgh", "abcd*", "[a-z][a-z][a-z]", "abcd_", ""):
        assert history.find(text) == []


def test_an_exact_id_wins_and_short_ends_find_nothing(history: History) -> None:
    history.record(a_task("abcd"))
    history.record(a_task("abcdefgh"))
    history.record(a_task("x1"))
    assert ids(history.find("abcd")) == ["abcd"]
    assert ids(history.find("x1")) == ["x1"]
    assert history.find("fgh") == []
    assert ids(history.find("efgh")) == ["abcdefgh"]


def test_an_ambiguous_beginning_finds_all_newest_first(history: History) -> None:
    for number in range(60):
        history.record(a_task(f"task-{number}", submitted_at=NOON + number * MINUTE))
    assert ids(history.find("task"))[:2] == ["task-59", "task-58"]
    assert len(history.find("task")) == 50


def test_tasks_are_listed_newest_first_and_by_every_filter(history: History) -> None:
    history.record(a_task("old", submitted_at=NOON - MINUTE, model="m", tags=("ci", "x")))
    history.record(a_task("new", submitted_at=NOON + MINUTE, state=State.FAILED, profile="other"))
    history.record(a_task("mid", state=State.COMPLETED, model="m", base_url="http://h"))
    history.record(a_task("mid2", state=State.RUNNING, tags=("ci",)))
    assert ids(history.tasks()) == ["new", "mid2", "mid", "old"]
    assert ids(history.tasks(limit=2)) == ["new", "mid2"]
    assert ids(history.tasks(states={State.COMPLETED, State.FAILED, State.QUEUED})) == ["new", "mid", "old"]
    assert ids(history.tasks(states={State.COMPLETED, State.QUEUED}, limit=1)) == ["mid"]
    assert history.tasks(states=()) == []
    assert ids(history.tasks(profile="other")) == ["new"]
    assert ids(history.tasks(base_url="http://h")) == ["mid"]
    assert ids(history.tasks(model="m")) == ["mid", "old"]
    assert ids(history.tasks(tag="ci")) == ["mid2", "old"]
    assert ids(history.tasks(tag="ci", states=(State.QUEUED,), profile="studio")) == ["old"]
    assert ids(history.tasks(since=NOON)) == ["new", "mid2", "mid"]
    last = history.last()
    assert last is not None
    assert last.id == "new"


def test_a_task_without_a_date_is_listed_by_when_it_was_first_heard_of(tmp_path: Path) -> None:
    clock = FakeClock()
    with History.open(tmp_path / "history.db", clock=clock) as history:
        clock.time += 5 * MINUTE
        history.record(a_task("elsewhere", submitted_at=None))
        history.record(a_task("dated"))
        history.record(a_task("elsewhere", submitted_at=NOON - 500 * MINUTE))
        assert ids(history.tasks()) == ["elsewhere", "dated"]
        assert history.tasks()[0].submitted_at == NOON - 500 * MINUTE


def test_an_empty_history_has_no_last_task(history: History) -> None:
    assert history.last() is None
    assert history.find("anything") == []


def test_forgetting_and_pruning_leave_nothing_behind(history: History, tmp_path: Path) -> None:
    for number, state in enumerate(State):
        ended = NOON + 9 * MINUTE if state.ended else None
        history.record(
            a_task(f"id-{state}", state=state, finished_at=ended, input={"prompt": f"canary {number}"}, tags=("t",))
        )
    for stranger in (a_task("never seen"), a_task("id-queued", base_url="http://h")):
        with pytest.raises(TaskNotFound):
            history.forget([a_task("id-running"), stranger])
    assert history.find_in(URL, "id-running") is not None
    assert history.forget([a_task("id-running")]) == 1
    assert history.prune(NOON + 9 * MINUTE) == 0
    assert history.prune(NOON + 10 * MINUTE) == 4
    assert sorted(task.state for task in history.tasks()) == ["queued", "unconfirmed", "unknown"]
    assert len(history.tasks(tag="t")) == 3
    assert everything_below(tmp_path).count(b'"canary') == 3


def test_everything_can_be_exported_and_written_meanwhile(history: History) -> None:
    for number in range(300):
        history.record(a_task(f"task-{number}"))
    exported = []
    for task in history.export():
        exported.append(task.id)
        history.record(replace(task, state=State.RUNNING))
    assert exported == [f"task-{number}" for number in range(300)]


def test_the_input_of_a_task_that_is_not_known_is_its_own(history: History) -> None:
    assert history.inputs(a_task("task-1", input={"a": 1})) == ({"a": 1}, {})
    history.record(a_task("task-1", input={"a": 2}))
    assert history.inputs(a_task("task-1")) == ({"a": 2}, {})


def test_a_row_that_cannot_be_read_is_named(history: History) -> None:
    history.record(a_task("task-1"))
    with history._db.writing():
        history._db.run("UPDATE task SET facts = 'not json'")
    with pytest.raises(HistoryError, match="row 1 "):
        history.tasks()


def test_its_path_is_known(history: History, tmp_path: Path) -> None:
    assert history.path == tmp_path / "state" / "history.db"
    assert history.writable
    assert history.problem is None
