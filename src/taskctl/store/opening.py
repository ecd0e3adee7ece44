"""How a path becomes a history: made private, brought up to date, read-only or empty where it can't be written."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from taskctl.store.database import PATIENCE, Database, border, primary_code
from taskctl.store.files import make_private, tighten
from taskctl.store.mounts import remote
from taskctl.store.steps import VERSION, migrate, version_of

UNWRITABLE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY})

Seed = Callable[[Database], str | None]

PATIENCE_FOR_LOG = 200
"""Milliseconds that the change to a write-ahead log may wait for readers; the next opening tries again."""


def open_database(path: Path, seed: Seed | None = None) -> Database:
    """The history in this file; where it can't be written, what can be read of it, with the reason.

    `seed` fills a history that begins here, and says so.

    Raises:
        Damaged: it is no database. HistoryError: it is another program's, or a newer taskctl's.
    """
    with border(path):
        try:
            make_private(path)
            for companion in ("-wal", "-shm"):
                tighten(Path(f"{path}{companion}"))
            return _writable(path, seed)
        except OSError as error:
            problem = error.strerror or str(error)
        except sqlite3.Error as error:
            if primary_code(error) not in UNWRITABLE:
                raise
            problem = str(error)
        return _readable(path, problem) or _in_memory(path, problem)


def _writable(path: Path, seed: Seed | None) -> Database:
    with ExitStack() as stack:
        db = stack.enter_context(closing(_connect(str(path))))
        version_of(db, path)  # before anything is changed
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        wal = _write_ahead(db, path)
        made = Database(db, path, wal=wal)
        migrate(db, path, lambda: _begin(made, seed))
        stack.pop_all()
        return made


def _begin(database: Database, seed: Seed | None) -> None:
    if seed is not None and (news := seed(database)) is not None:
        database.news = (*database.news, news)


def _readable(path: Path, problem: str) -> Database | None:
    """The file opened for reading, if it is there and has our shape."""
    for mode in ("mode=ro", "immutable=1"):  # a log that can't be opened is passed over by the second
        with ExitStack() as stack:
            try:
                if not path.is_file():
                    return None
                db = stack.enter_context(closing(_connect(f"{path.absolute().as_uri()}?{mode}", uri=True)))
                if version_of(db, path) != VERSION:
                    return None
            except (OSError, sqlite3.OperationalError):
                continue
            stack.pop_all()
            return Database(db, path, problem=problem)
    return None


def _in_memory(path: Path, problem: str) -> Database:
    """An empty history that lasts as long as the process."""
    db = _connect(":memory:")
    migrate(db, path)
    return Database(db, path, problem=problem)


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(name, timeout=PATIENCE, isolation_level=None, uri=uri)
    db.row_factory = sqlite3.Row
    return db


def _write_ahead(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file keeps a write-ahead log, which it is given where that can be."""
    if _journal(db, "PRAGMA journal_mode") == "wal":
        return True
    if remote(path):
        return False
    db.execute(f"PRAGMA busy_timeout = {PATIENCE_FOR_LOG}")
    try:
        return _journal(db, "PRAGMA journal_mode = WAL") == "wal"
    except sqlite3.OperationalError:
        return False  # no shared memory here, or others are at it: the rollback journal is as safe, only slower
    finally:
        db.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")


def _journal(db: sqlite3.Connection, pragma: str) -> str:
    (mode,) = db.execute(pragma).fetchone()
    return str(mode)
