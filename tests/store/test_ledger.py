"""The second record of what may have been paid."""

import json
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskctl.errors import ExitCode, HistoryError
from taskctl.secret import Secret
from taskctl.store import ledger as ledgers
from taskctl.store.ledger import Entry, Ledger
from tests.store import test_opening

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
INTENT = replace(
    test_opening.INTENT,
    key="shot-1",
    wire_key="shot-1",
    operation="video",
    model="m",
    input={"prompt": "a private dog"},
    url="http://h/v1/videos",
    body=b'{"prompt": "a private dog"}',
)
KNOWN = replace(INTENT, input={}, body=None)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "history.db")


def test_what_may_have_been_paid_is_known_until_it_is_settled(ledger: Ledger) -> None:
    assert ledger.entries() == []
    ledger.intend(INTENT, NOON)
    assert ledger.entries() == [Entry(KNOWN, NOON)]
    ledger.bound("http://h", "shot-1", "task-1", NOON)
    assert ledger.entries() == [Entry(KNOWN, NOON, "task-1")]
    ledger.intend(replace(INTENT, key="shot-2"), NOON)
    ledger.gone([("http://h", "shot-2")], NOON)
    assert [entry.id for entry in ledger.entries()] == ["task-1"]


def test_it_lies_beside_its_history_for_this_user_alone(tmp_path: Path) -> None:
    for name, beside in (("history.db", "intents.jsonl"), ("other.db", "other.db.intents.jsonl")):
        ledger = Ledger(tmp_path / "new" / name)
        ledger.intend(INTENT, NOON)
        assert ledger.path == tmp_path / "new" / beside
        assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
        ledger.path.chmod(0o644)
        ledger.bound("http://h", "shot-1", "t", NOON)
        assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


def test_it_holds_no_input_and_no_secret(ledger: Ledger) -> None:
    Secret("sk-very-secret-key")
    ledger.intend(replace(INTENT, url="http://h/v1?key=sk-very-secret-key"), NOON)
    content = ledger.path.read_text()
    assert "sk-very-secret-key" not in content
    assert "private dog" not in content


@pytest.mark.parametrize(
    "broken",
    [
        b"garbage\n",
        b"[]\n",
        b"{}\n",
        b'{"at": "2026-11-22T12:00:00+00:00", "bound": ["http://h", "nobody"], "id": "x"}\n',
        b'{"at": "2026-11-22T12:00:00+00:00", "gone": 5}\n',
        b'{"at": 7, "intent": {}}\n',
        b"\xff\xfe\n",
        b'{"intent": {"key": "cut sho',
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_cannot_be_read_takes_nothing_else_along(ledger: Ledger, broken: bytes) -> None:
    ledger.intend(INTENT, NOON)
    with ledger.path.open("ab") as file:
        file.write(broken)
    ledger.intend(replace(INTENT, key="shot-2"), NOON)
    assert [entry.intent.key for entry in ledger.entries()] == ["shot-1", "shot-2"]


def test_cut_at_any_byte_it_still_tells_what_came_before(ledger: Ledger) -> None:
    ledger.intend(INTENT, NOON)
    first = ledger.path.read_bytes()
    ledger.bound("http://h", "shot-1", "task-1", NOON)
    whole = ledger.path.read_bytes()
    for size in range(len(whole) + 1):
        ledger.path.write_bytes(whole[:size])
        told = ledger.entries()
        assert len(told) == (size >= len(first) - 1), "the newline alone may be missing"
        assert [entry.id for entry in told if entry.id] == (["task-1"] if size >= len(whole) - 1 else [])


def test_many_writers_lose_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LARGEST", 4000)  # so that it is written anew now and then
    began = threading.Barrier(8)

    def write(writer: int) -> None:
        began.wait()
        for number in range(10):
            Ledger(ledger.path.with_name("history.db")).intend(replace(INTENT, key=f"{writer}-{number}"), NOON)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.entries()) == 80


def test_it_is_written_anew_with_what_still_matters(ledger: Ledger) -> None:
    ledger.intend(INTENT, NOON)
    ledger.bound("http://h", "shot-1", "task-1", NOON)
    ledger.intend(replace(INTENT, key="lost"), NOON)
    late = NOON + ledgers.KEPT + timedelta(seconds=1)
    ledger.intend(replace(INTENT, key="settled"), late)
    ledger.bound("http://h", "settled", "task-2", late)
    ledger.intend(replace(INTENT, key="new"), late)
    ledger.gone([("http://h", "nobody")], late, forget=True)
    assert [entry.intent.key for entry in ledger.entries()] == ["lost", "settled", "new"]
    assert b"task-1" not in ledger.path.read_bytes()


def test_of_what_is_forgotten_no_word_is_left(ledger: Ledger) -> None:
    for key in ("shot-1", "shot-2"):
        ledger.intend(replace(INTENT, key=key, wire_key=key), NOON)
    ledger.gone([("http://h", "shot-1")], NOON, forget=True)
    assert b"shot-1" not in ledger.path.read_bytes()
    assert [entry.intent.key for entry in ledger.entries()] == ["shot-2"]


def test_a_full_disk_refuses_and_leaves_whole_lines(ledger: Ledger) -> None:
    import resource

    ledger.intend(INTENT, NOON)
    before = ledger.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(HistoryError, match="cannot be written") as caught:
            ledger.intend(replace(INTENT, key="shot-2"), NOON)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert ledger.path.read_bytes() == before


def test_a_planted_link_is_not_written_through(ledger: Ledger, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    ledger.path.symlink_to(target)
    with pytest.raises(HistoryError):
        ledger.intend(INTENT, NOON)
    assert target.read_text() == "mine"


def test_each_line_is_a_document(ledger: Ledger) -> None:
    ledger.intend(replace(INTENT, key="newline\nand \udcff"), NOON)
    ledger.bound("http://h", "newline\nand \udcff", "task-1", NOON)
    told = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert [sorted(line) for line in told] == [["at", "intent"], ["at", "bound", "id"]]
    assert ledger.entries()[0].id == "task-1"


def test_it_does_not_grow_for_ever_and_loses_nothing_unsettled(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LARGEST", 6000)
    ledger.intend(replace(INTENT, key="lost"), NOON)
    for number in range(40):
        ledger.intend(replace(INTENT, key=f"key-{number}"), NOON)
        ledger.bound("http://h", f"key-{number}", f"task-{number}", NOON)
        assert ledger.path.stat().st_size <= 6000
    told = [entry.intent.key for entry in ledger.entries()]
    assert told[0] == "lost"
    assert told[-1] == "key-39"
    assert len(told) < 30
