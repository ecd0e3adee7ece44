"""The history's shape, in numbered steps; a step once released never changes.

Times are integers: microseconds since 1970, UTC. They sort as they are, which ISO text does only while every writer
keeps to one precision, and `datetime(submitted_at / 1000000, 'unixepoch')` reads them.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from taskctl.errors import HistoryError

APPLICATION = 0x7461736B
"""Marks the file as ours ("task")."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION}",
        # AUTOINCREMENT: the row of a submission that was dropped is never given to another one.
        # listed_at: when we sent it, else when we first heard of it; never moved by a provider's clock.
        # id_backwards, key_backwards: what ends with some text is found by an index.
        # The body comes last: SQLite reads a row up to the column that it needs.
        """
        CREATE TABLE task (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            listed_at INTEGER NOT NULL,
            base_url TEXT NOT NULL,
            id TEXT,
            id_backwards TEXT,
            key TEXT,
            key_backwards TEXT,
            wire_key TEXT,
            profile TEXT NOT NULL,
            dialect TEXT NOT NULL,
            operation TEXT,
            model TEXT,
            state TEXT NOT NULL,
            submitted_at INTEGER,
            updated_at INTEGER,
            finished_at INTEGER,
            facts TEXT NOT NULL,
            outputs TEXT NOT NULL,
            tags TEXT NOT NULL,
            input TEXT NOT NULL,
            files TEXT,
            fingerprint TEXT,
            method TEXT,
            url TEXT,
            content_type TEXT,
            in_flight_until INTEGER,
            body_sha256 TEXT,
            body BLOB
        ) STRICT
        """,
        "CREATE UNIQUE INDEX task_by_identity ON task (id, base_url)",
        "CREATE INDEX task_by_id_backwards ON task (id_backwards)",
        "CREATE INDEX task_by_key ON task (key)",
        "CREATE INDEX task_by_key_backwards ON task (key_backwards)",
        "CREATE INDEX task_by_wire_key ON task (wire_key)",
        "CREATE INDEX task_by_time ON task (listed_at)",
        "CREATE INDEX task_by_state ON task (state, listed_at)",
        "CREATE INDEX task_by_profile ON task (profile, listed_at)",
        """
        CREATE TABLE tag (
            task INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,
            tag TEXT NOT NULL,
            PRIMARY KEY (task, tag)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX tag_by_name ON tag (tag)",
    ),
)

VERSION = len(STEPS)


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """The number of the last step taken; a file of another program or of a newer taskctl is refused."""
    # one statement, so that another process cannot take the first steps between two questions
    version, application, tables = db.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),"
        " (SELECT count(*) FROM sqlite_schema)"
    ).fetchone()
    if application != APPLICATION and (version or tables):
        raise HistoryError(
            f"{path} is a database of another program", hint="name the history's file with TASKCTL_HISTORY"
        )
    if version > VERSION:
        raise HistoryError(
            f"{path} was written by a newer taskctl: its shape is number {version}, this one knows {VERSION}",
            hint="upgrade taskctl, or name another file with TASKCTL_HISTORY",
        )
    return int(version)


def migrate(db: sqlite3.Connection, path: Path, begin: Callable[[], None] | None = None) -> None:
    """Take the steps that the file has not taken, all of them or none; with the first of all goes `begin`."""
    if version_of(db, path) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        before = version_of(db, path)  # asked again: another process may have been first
        for step in STEPS[before:]:
            for statement in step:
                db.execute(statement)
        if before == 0 and begin is not None:
            begin()
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
