"""What is done about a history that is damaged: it is moved aside, and a new one begins with what the ledger knows."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from taskctl.errors import Damaged, HistoryError
from taskctl.model import State, Task
from taskctl.store import queries
from taskctl.store.database import DAMAGED, Database, primary_code
from taskctl.store.files import locked, sync_folder
from taskctl.store.ledger import Entry, Ledger
from taskctl.store.opening import open_database
from taskctl.store.rows import encode, stamp
from taskctl.store.steps import APPLICATION
from taskctl.store.submission import begun, encode_intent

_APPLICATION_AT = 68
"""Where a database says whose it is; see SQLite's file format."""


def opened(path: Path, ledger: Ledger, now: datetime) -> Database:
    """The history in this file, or a new one where it is damaged beyond reading.

    Raises:
        HistoryError: it is no history of ours.
    """
    seed = _seed(ledger)
    try:
        return open_database(path, seed)
    except Damaged as damage:
        if not _is_ours(path, ledger):
            raise
        moved = move_aside(path, now)
        database = open_database(path, seed)
        if moved is not None:
            database.news = (f"{damage.message}; it is kept as {moved}", *database.news)
        return database


def repaired(damage: Damaged, path: Path, now: datetime) -> Damaged:
    """The same error after its file was moved aside, so that the next command begins anew."""
    if not _is_ours(path, Ledger(path)) or (moved := move_aside(path, now)) is None:
        return damage
    hint = "run the command again: a new history begins, with every submission that is known"
    return Damaged(f"{damage.message}; it is kept as {moved}", hint=hint, task=damage.task)


def move_aside(path: Path, now: datetime) -> Path | None:
    """Give a damaged file another name; None where it is not damaged, or another process was faster.

    Raises:
        HistoryError: it cannot be moved.
    """
    try:
        with locked(path.with_name(f"{path.name}.lock")):
            if not _is_damaged(path):
                return None
            aside = path.with_name(f"{path.name}.corrupt-{now:%Y%m%dT%H%M%S.%fZ}")
            path.rename(aside)
            for companion in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    Path(f"{path}{companion}").rename(f"{aside}{companion}")
            sync_folder(path.parent)
            return aside
    except OSError as error:
        raise HistoryError(
            f"the history {path} is damaged, and cannot be moved aside: {error.strerror or error}",
            hint="move it yourself, or name another file with TASKCTL_HISTORY",
        ) from error


def _is_damaged(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            return bool(verdict != "ok")
    except sqlite3.Error as error:
        return primary_code(error) in DAMAGED


def _is_ours(path: Path, ledger: Ledger) -> bool:
    """Whether this was a history: another program's file that somebody named by mistake is not moved."""
    if path.name == "history.db" or ledger.path.exists():
        return True
    with suppress(OSError), path.open("rb") as file:
        file.seek(_APPLICATION_AT)
        return file.read(4) == APPLICATION.to_bytes(4, "big")
    return False


def _seed(ledger: Ledger) -> Callable[[Database], str | None]:
    """Fills a history that begins with what the ledger knows, and says so."""

    def seed(database: Database) -> str | None:
        entries = _distinct(ledger.entries())
        for entry in entries:
            values = encode(_task(entry)) | encode_intent(entry.intent) | {"listed_at": stamp(entry.at), "body": None}
            database.insert(queries.insert(values), values)
        if not entries:
            return None
        noun = "1 submission" if len(entries) == 1 else f"{len(entries)} submissions"
        return f"the history {database.path} begins anew, with {noun} that {ledger.path} knows"

    return seed


def _distinct(entries: list[Entry]) -> list[Entry]:
    """The entries, of those that became one task the first."""
    tasks: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        tasks.setdefault((entry.intent.base_url, entry.id or f"key {entry.intent.key}"), entry)
    return list(tasks.values())


def _task(entry: Entry) -> Task:
    from dataclasses import replace

    task = begun(entry.intent, now=entry.at)
    return task if entry.id is None else replace(task, id=entry.id, state=State.UNKNOWN)
