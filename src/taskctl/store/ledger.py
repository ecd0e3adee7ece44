"""The second record of what may have been paid: lines of JSON beside the database, on the disk before money is spent.

Where the history breaks, this tells which submissions and which tasks there are. It holds no input, no prompt and no
secret, and nothing of what was forgotten.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from errno import ENOSPC
from io import FileIO
from pathlib import Path

from taskctl.errors import HistoryError
from taskctl.secret import redacted
from taskctl.store.files import hold, make_folder, sync_folder, tighten, write_private
from taskctl.store.submission import Intent

LARGEST = 4 << 20
"""Bytes from which on the file is written anew with what still matters."""
KEPT = timedelta(days=30)
"""How long what is settled still matters: the links of its results are long dead then."""
_FIELDS = ("key", "wire_key", "profile", "dialect", "base_url", "operation", "model", "fingerprint", "method", "url")


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission, as the ledger knows it: its request is not in it."""

    intent: Intent
    at: datetime
    id: str | None = None


class Ledger:
    """The file beside a history."""

    def __init__(self, history: Path) -> None:
        name = "intents.jsonl" if history.name == "history.db" else f"{history.name}.intents.jsonl"
        self.path = history.with_name(name)

    def intend(self, intent: Intent, at: datetime) -> None:
        """A request is about to be sent.

        Raises:
            HistoryError: that cannot be written down, so it must not be sent.
        """
        try:
            for told in _told(Entry(intent, at)):
                self._append(told, now=at)
        except OSError as error:
            raise HistoryError(
                f"{self.path} cannot be written: {error.strerror or error}",
                hint="without it a paid task could be lost, so nothing was sent",
            ) from error

    def bound(self, base_url: str, key: str, id_: str, at: datetime) -> None:
        """The request became this task. Where that cannot be written the history knows it still."""
        with suppress(OSError):
            self._append({"bound": [base_url, key], "id": id_, "at": at.isoformat()}, now=at)

    def gone(self, submissions: Iterable[tuple[str, str]], at: datetime, *, forget: bool = False) -> None:
        """These (address, key) provably became no task; or somebody wants them forgotten, and no word of them left."""
        named = [list(submission) for submission in submissions]
        with suppress(OSError):
            if named and self.path.exists():
                self._append({"gone": named, "at": at.isoformat()}, now=at, anew=forget)

    def entries(self) -> list[Entry]:
        """What there is, oldest first; what cannot be read is passed over."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return []
        known: dict[tuple[str, str], Entry] = {}
        for line in content.splitlines():
            with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
                _take(json.loads(line), known)
        return list(known.values())

    def _append(self, told: Mapping[str, object], *, now: datetime, anew: bool = False) -> None:
        """Add a line, on the disk when this returns."""
        line = _line(told)
        with self._held() as file:
            begins = file.seek(0, os.SEEK_END)
            if begins:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line  # a power cut left the last one unended
            _write(file, line, begins)
            if not begins:
                sync_folder(self.path.parent)
            if anew or begins + len(line) > LARGEST:
                self._write_anew(now)

    @contextmanager
    def _held(self) -> Iterator[FileIO]:
        """The file, for us alone: the one that has the name now, not one that was replaced meanwhile."""
        make_folder(self.path.parent)
        while True:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with FileIO(os.open(self.path, flags, 0o600), "r+") as file:
                hold(file.fileno())
                if self._is(file):
                    tighten(self.path)
                    yield file
                    return

    def _is(self, file: FileIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.lstat())
        except OSError:
            return False

    def _write_anew(self, now: datetime) -> None:
        """Keep what nobody has settled, and of the rest the newest that leaves room to go on."""
        entries = self.entries()
        lines = {number: b"".join(map(_line, _told(entry))) for number, entry in enumerate(entries)}
        kept = {number for number, entry in enumerate(entries) if entry.id is None}
        room = LARGEST // 2 - sum(len(lines[number]) for number in kept)
        for number, entry in reversed(list(enumerate(entries))):
            if number not in kept and now - entry.at < KEPT and (room := room - len(lines[number])) >= 0:
                kept.add(number)
        write_private(self.path, b"".join(lines[number] for number in sorted(kept)))


def _write(file: FileIO, line: bytes, begins: int) -> None:
    """The whole line on the disk, or nothing of it."""
    try:
        written = file.write(line)
        os.fsync(file.fileno())
    except OSError:
        file.truncate(begins)
        raise
    if written != len(line):
        file.truncate(begins)
        raise OSError(ENOSPC, os.strerror(ENOSPC))


def _told(entry: Entry) -> Iterator[dict[str, object]]:
    """The lines of an entry."""
    at, intent = entry.at.isoformat(), entry.intent
    yield {"intent": {name: getattr(intent, name) for name in _FIELDS}, "at": at}
    if entry.id is not None:
        yield {"bound": [intent.base_url, intent.key], "id": entry.id, "at": at}


def _line(told: Mapping[str, object]) -> bytes:
    return json.dumps(redacted(told), separators=(",", ":")).encode() + b"\n"


def _take(told: dict[str, object], known: dict[tuple[str, str], Entry]) -> None:
    at = datetime.fromisoformat(str(told["at"]))
    if isinstance(intent := told.get("intent"), dict):
        made = Intent(**{name: intent[name] for name in _FIELDS}, body=None)
        known[made.base_url, made.key] = Entry(made, at)
        return
    if isinstance(bound := told.get("bound"), list):
        place = bound[0], bound[1]
        known[place] = replace(known[place], id=str(told["id"]))
    elif isinstance(gone := told.get("gone"), list):
        for base_url, key in gone:
            known.pop((base_url, key), None)
