"""SQLite's errors stop at the border."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskctl.errors import HistoryError
from taskctl.store.database import Database
from taskctl.store.opening import open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "history.db")
    yield database
    database.close()


def count(database: Database) -> int:
    return len(database.rows("SELECT * FROM tag"))


def test_an_error_names_the_file_and_keeps_its_cause(database: Database) -> None:
    with pytest.raises(HistoryError, match=r"history\.db cannot be used: no such table") as caught:
        database.rows("SELECT * FROM nowhere")
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(HistoryError, match="nowhere"):
        list(database.stream("SELECT * FROM nowhere"))


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    row = "INSERT INTO task (listed_at, base_url, profile, dialect, state, facts, outputs, tags, input)"
    for bad, problem in (("NULL", "NOT NULL"), ("x'00'", "cannot store BLOB")):

        def write(value: str = bad) -> None:
            with database.writing():
                database.run(f"{row} VALUES (1, '', '', '', '', '', '', '', '')")
                database.run(f"{row} VALUES (1, '', '', '', '', '', '', '', {value})")

        with pytest.raises(HistoryError, match=problem):
            write()
    assert database.rows("SELECT * FROM task") == []
    with database.writing():
        pass


def test_a_writer_waits_for_another_and_says_so_when_it_gives_up(database: Database) -> None:
    database.rows("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match="in use by others"), database.writing():
            pass
        assert count(database) == 0, "readers do not wait"


def test_a_closed_history_says_that_it_cannot_be_used(tmp_path: Path) -> None:
    database = open_database(tmp_path / "history.db")
    database.close()
    with pytest.raises(HistoryError, match="closed"):
        database.rows("SELECT 1")


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_only_what_costs_money_waits_for_the_disk(database: Database, durable: bool, level: int) -> None:
    with database.writing(durable=durable):
        assert database.rows("PRAGMA synchronous")[0][0] == level
