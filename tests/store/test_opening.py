"""How a path becomes a history, and what is left of it where it can't be written."""

import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from taskctl.clock import SystemClock
from taskctl.errors import HistoryError
from taskctl.model import State, Task
from taskctl.store.history import History
from taskctl.store.submission import Intent

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")

TASK = Task(id="task-1", key=None, profile="p", dialect="d", base_url="http://h")
INTENT = Intent(
    key="k",
    wire_key="k",
    profile="p",
    dialect="d",
    base_url="http://h",
    fingerprint="f",
    method="POST",
    url="u",
    body=b"",
)


def opened(path: Path) -> History:
    return History.open(path, clock=SystemClock())


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {place.name: stat.S_IMODE(place.stat().st_mode) for place in [folder, *folder.rglob("*")]}


@posix
@pytest.mark.usefixtures("open_umask")
def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    with opened(tmp_path / "a" / "b" / "history.db") as history:
        history.record(TASK)
        assert modes(tmp_path / "a") == {
            "a": 0o700,
            "b": 0o700,
            "history.db": 0o600,
            "history.db-wal": 0o600,
            "history.db-shm": 0o600,
        }


@posix
@pytest.mark.usefixtures("open_umask")
def test_files_that_others_may_read_are_closed_to_them_and_folders_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    tmp_path.chmod(0o755)
    with opened(path) as history:
        history.record(TASK)
        for file in tmp_path.iterdir():
            file.chmod(0o666)
        with opened(path) as again:
            assert again.find("task-1") == [TASK]
            assert set(modes(tmp_path).values()) == {0o755, 0o600}


def test_the_history_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    with opened(tmp_path / "history.db") as history:
        assert history._db.rows("PRAGMA journal_mode")[0][0] == "wal"
        assert history._db.rows("PRAGMA busy_timeout")[0][0] == 30_000


def test_where_there_can_be_no_log_the_journal_serves_and_is_synced(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(path)) as reader:
        assert db.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM task").fetchone() == (0,)
        with opened(path) as history:
            assert history._db.rows("PRAGMA journal_mode")[0][0] == "delete"
            reader.execute("COMMIT")
            history.record(TASK)
            assert history._db.rows("PRAGMA synchronous")[0][0] == 2, "FULL"


@pytest.mark.parametrize("content", [b"", None])
def test_an_empty_or_missing_file_becomes_a_history(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "history.db"
    if content is not None:
        path.write_bytes(content)
    with opened(path) as history:
        assert history.intend(INTENT, in_flight=60).fresh
    with opened(path) as history:
        assert len(history.submissions()) == 1


def test_a_history_cut_short_is_damaged_or_whole_and_never_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with opened(path) as history:
        for number in range(50):
            history.record(Task(id=f"task-{number}", key=None, profile="p", dialect="d", base_url="http://h"))
    whole = path.read_bytes()
    for part in range(1, 20):
        path.write_bytes(whole[: len(whole) * part // 20])
        try:
            with opened(path) as history:
                history.tasks()
        except HistoryError as error:
            assert "history.db" in error.message  # noqa: PT017 - either outcome is right


def test_a_file_of_a_newer_taskctl_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="newer taskctl") as caught:
        opened(path)
    assert "99" in caught.value.message
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cookies.db"
    for version in (0, 1):
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE IF NOT EXISTS cookie (name)")
            db.execute(f"PRAGMA user_version = {version}")
        before = path.read_bytes()
        with pytest.raises(HistoryError, match="another program"):
            opened(path)
        assert path.read_bytes() == before


def _cannot_record(history: History) -> None:
    assert not history.writable
    assert history.problem is not None
    with pytest.raises(HistoryError, match="cannot be written"):
        history.intend(INTENT, in_flight=60)
    with pytest.raises(HistoryError, match="cannot be written"):
        history.forget([TASK])


@pytest.mark.parametrize("path", ["/dev/null/x/history.db", "/dev/null", "/proc/nowhere/history.db", "/proc"])
@posix
def test_an_impossible_path_gives_an_empty_history_that_says_why(path: str) -> None:
    with opened(Path(path)) as history:
        _cannot_record(history)
        assert history.tasks() == []
        assert history.record(TASK) == TASK
    assert Path("/dev/null").stat().st_mode & 0o666 == 0o666


@posix
def test_a_path_below_a_file_gives_an_empty_history(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "file" / "state" / "history.db") as history:
        _cannot_record(history)


@contextmanager
def without_power() -> Iterator[None]:
    """Be a user whom modes hold back, even where the tests run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everyone can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o700)


@posix
@pytest.mark.parametrize("mode", [0o444, 0o644, 0o666])
def test_a_history_that_can_only_be_read_is_read(shared_folder: Path, mode: int) -> None:
    path = shared_folder / "history.db"
    with opened(path) as history:
        history.record(TASK)
    path.chmod(mode if os.geteuid() == 0 else 0o444)
    shared_folder.chmod(0o555)
    with without_power(), opened(path) as history:
        _cannot_record(history)
        assert history.find("task-1") == [TASK]
        done = Task(id="task-1", key="k", profile="p", dialect="d", base_url="http://h", state=State.COMPLETED)
        assert history.record(done) == done
        assert history.find("task-1") == [TASK]


@posix
def test_a_history_that_cannot_be_read_either_is_empty(shared_folder: Path) -> None:
    path = shared_folder / "history.db"
    with opened(path) as history:
        history.record(TASK)
    path.chmod(0o000)
    shared_folder.chmod(0o555)
    with without_power(), opened(path) as history:
        _cannot_record(history)
        assert history.tasks() == []


@posix
def test_a_home_that_cannot_be_made_gives_an_empty_history(shared_folder: Path) -> None:
    shared_folder.chmod(0o555)
    with without_power(), opened(shared_folder / "state" / "taskctl" / "history.db") as history:
        _cannot_record(history)


def test_opening_again_keeps_the_locks_of_this_process(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with opened(path) as history:
        history.record(TASK)
        with opened(path) as again:
            again.record(TASK)
        with history._db.writing(), closing(sqlite3.connect(path, timeout=0)) as other:
            opened(path).close()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
