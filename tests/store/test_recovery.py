"""What is done about a history that is damaged."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from taskctl.clock import SystemClock
from taskctl.errors import ExitCode, HistoryError
from taskctl.model import State
from taskctl.store import recovery
from taskctl.store.history import History
from tests.inside import Inside
from tests.store.test_opening import INTENT, TASK, opened


def damage_header(path: Path) -> None:
    path.write_bytes(b"garbage " * 2000)


def damage_schema(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 3000 + whole[3100:])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:700])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history with a submission that has no answer, one that has become a task, and one that was refused."""
    path = tmp_path / "history.db"
    with opened(path) as history:
        history.intend(INTENT, in_flight=60)
        submission = history.intend(replace(INTENT, key="k-2", wire_key="k-2"), in_flight=60)
        history.bind(submission.row, replace(submission.task, id="task-1", state=State.QUEUED))
        history.drop(history.intend(replace(INTENT, key="k-3", wire_key="k-3"), in_flight=60).row)
    return path


@pytest.mark.parametrize("damage", [damage_header, damage_schema, cut_short])
def test_a_damaged_history_is_kept_aside_and_what_was_paid_is_known(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    broken = path.read_bytes()
    with opened(path) as history:
        first, second = history.news
        (aside,) = path.parent.glob("history.db.corrupt-*Z")
        assert "is damaged" in first
        assert str(aside) in first
        assert aside.read_bytes() == broken
        assert "2 submissions" in second
        (lost,) = history.submissions()
        assert (lost.intent.key, lost.intent.fingerprint, lost.intent.body) == ("k", "f", None)
        (task,) = history.find("task-1")
        assert (task.key, task.state, task.base_url) == ("k-2", State.UNKNOWN, TASK.base_url)
        assert history.find("k-3") == []
    with opened(path) as history:
        assert history.news == ()
        assert len(history.tasks()) == 2


def test_a_history_that_was_deleted_begins_with_what_was_paid(path: Path) -> None:
    for file in path.parent.glob("history.db*"):
        file.unlink()
    with opened(path) as history:
        (news,) = history.news
        assert "begins anew" in news
        assert len(history.tasks()) == 2


def test_what_was_forgotten_does_not_come_back(path: Path) -> None:
    with opened(path) as history:
        history.forget(history.tasks())
    damage_header(path)
    with opened(path) as history:
        assert history.tasks() == []


def test_a_file_that_was_never_a_history_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" * 1000)
    with pytest.raises(HistoryError, match=r"photo\.jpg is damaged, or is not a history") as caught:
        opened(path)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert caught.value.hint is not None
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    assert path.read_bytes() == b"\xff\xd8\xff" * 1000
    assert [found.name for found in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_history_by_another_name_is_known_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    with opened(path) as history:
        history.record(TASK)
    damage_schema(path)
    with opened(path) as history:
        assert len(history.news) == 1
        assert history.tasks() == []


def test_a_history_that_is_whole_is_not_moved(path: Path) -> None:
    assert recovery.move_aside(path, SystemClock().now()) is None
    with opened(path) as history:
        assert len(history.tasks()) == 2


def test_of_two_that_find_it_damaged_one_moves_it(path: Path) -> None:
    damage_header(path)
    now = SystemClock().now()
    assert recovery.move_aside(path, now) is not None
    with opened(path):
        assert recovery.move_aside(path, now) is None


def test_a_page_that_breaks_while_it_is_used_ends_the_command_and_not_the_next(inside: Inside) -> None:
    path = inside.home / ".local" / "state" / "taskctl" / "history.db"
    with History.open(path, clock=SystemClock()) as history:
        history.intend(INTENT, in_flight=60)
        for number in range(200):
            history.record(replace(TASK, id=f"task-{number}", input={"prompt": "x" * 500}))
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'task'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    path.write_bytes(whole[: (page - 1) * size] + b"\xee" * size + whole[page * size :])
    done = inside("list")
    assert done.code == 3
    assert "kept as" in done.err
    assert "run the command again" in done.err
    again = inside("list", "-o", "json")
    assert again.code == 0
    assert [task["key"] for task in again.json()["tasks"]] == ["k"]


def test_nothing_is_sent_where_the_second_record_cannot_be_written(tmp_path: Path) -> None:
    with opened(tmp_path / "history.db") as history:
        (tmp_path / "intents.jsonl").mkdir()
        with pytest.raises(HistoryError, match="cannot be written"):
            history.intend(INTENT, in_flight=60)
        assert history.submissions() == []
