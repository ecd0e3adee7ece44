"""A connection with a border: whatever SQLite says becomes a HistoryError, every write is one short transaction."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from taskctl.errors import Damaged, HistoryError

PATIENCE = 30.0
"""Seconds that a writer waits for the others."""

Value = str | int | bytes | None
Values = Sequence[Value] | Mapping[str, Value]

Row = sqlite3.Row

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Database:
    """An open history file, or what stands in for one that cannot be written."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        wal: bool = False,
        problem: str | None = None,
        news: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.problem = problem
        self.news = news
        """What was done when it was opened that somebody should know."""
        self._connection = connection
        self._relaxed = "NORMAL" if wal else "FULL"  # a rollback journal is only safe when it is synced

    def close(self) -> None:
        """Let go of the file."""
        with border(self.path):
            self._connection.close()

    def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Everything that a question finds."""
        with border(self.path):
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> sqlite3.Row | None:
        """The first row that a question finds."""
        with border(self.path):
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def stream(self, sql: str, values: Values = ()) -> Iterator[sqlite3.Row]:
        """What a question finds, one row at a time."""
        with border(self.path):
            yield from self._connection.execute(sql, values)

    def run(self, sql: str, values: Values = ()) -> int:
        """Change something, inside `writing`; how many rows it met."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, sql: str, values: Values) -> int:
        """Add a row, inside `writing`; its number."""
        return cast("int", self._connection.execute(sql, values).lastrowid)

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[None]:
        """One transaction that is the only writer from its start; a durable one is on the disk when it ends."""
        if self.problem is not None:
            raise HistoryError(
                f"the history {self.path} cannot be written: {self.problem}",
                hint="name a file that can be written with TASKCTL_HISTORY",
            )
        with border(self.path):
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else self._relaxed}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def clear_traces(self) -> None:
        """Empty the write-ahead log, so that what was removed is gone from it too."""
        with border(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def border(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, keeping the cause."""
    try:
        yield
    except sqlite3.Error as error:
        code = primary_code(error)
        if code in DAMAGED:
            raise Damaged(
                f"the history {path} is damaged, or is not a history: {error}",
                hint="move it aside, and a new one begins; or name another file with TASKCTL_HISTORY",
            ) from error
        if code in BUSY:
            raise HistoryError(f"the history {path} was in use by others for {PATIENCE:.0f} s: {error}") from error
        raise HistoryError(f"the history {path} cannot be used: {error}") from error


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's own code for what went wrong, without its refinements."""
    code: int | None = getattr(error, "sqlite_errorcode", None)  # errors of the Python module have none
    return None if code is None else code & 0xFF
