"""The history's shape grows in steps, all of them or none."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskctl.store import steps

HERE = Path("history.db")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        yield db


def test_an_empty_file_takes_every_step(db: sqlite3.Connection) -> None:
    assert steps.version_of(db, HERE) == 0
    steps.migrate(db, HERE)
    assert steps.version_of(db, HERE) == steps.VERSION == len(steps.STEPS)
    steps.migrate(db, HERE)


def test_every_table_is_strict(db: sqlite3.Connection) -> None:
    steps.migrate(db, HERE)
    strict = dict(db.execute("SELECT name, strict FROM pragma_table_list WHERE name IN ('task', 'tag')"))
    assert strict == {"task": 1, "tag": 1}


def test_a_step_that_fails_leaves_the_file_as_it_was(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    steps.migrate(db, HERE)
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, ("CREATE TABLE later (x) STRICT", "no SQL")))
    monkeypatch.setattr(steps, "VERSION", 2)
    with pytest.raises(sqlite3.OperationalError):
        steps.migrate(db, HERE)
    assert steps.version_of(db, HERE) == 1
    assert not db.in_transaction
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS[:1], ("CREATE TABLE later (x TEXT) STRICT",)))
    steps.migrate(db, HERE)
    assert steps.version_of(db, HERE) == 2


def test_the_first_step_has_not_changed_since_its_release() -> None:
    import hashlib

    shape = hashlib.sha256("".join("".join(step.split()) for step in steps.STEPS[0]).encode()).hexdigest()
    assert shape[:16] == "967d1f628ad669c6"
