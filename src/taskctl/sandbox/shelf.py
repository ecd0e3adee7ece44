"""What the sandbox keeps on disk: one file a task, written once, so that any process can serve what another took."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from taskctl.sandbox.directions import directions_of

if TYPE_CHECKING:
    from pathlib import Path

    from taskctl.sandbox.directions import Directions

__all__ = ["Record", "Shelf", "hashed"]


def hashed(*words: str) -> str:
    """A name for files and links that any text can have."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A task as it was accepted; all else follows from the time, unless somebody cancels it."""

    id: str
    dialect: str
    kind: str
    operation: str
    model: str
    prompt: str
    created_at: float
    outputs: int = 1
    key: str | None = None
    sameness: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    cancelled_at: float | None = None

    @cached_property
    def directions(self) -> Directions:
        """What its prompt asks for."""
        return directions_of(self.prompt)

    @cached_property
    def slug(self) -> str:
        """Its name in files and links."""
        return hashed(self.dialect, self.id)


class Shelf:
    """The folder with the tasks, the claims that keys have on them, and the counters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for place in (folder, *(folder / name for name in ("tasks", "keys", "counts", "files"))):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, record: Record) -> Record:
        """Keep a new task; where its key has one already, that one is kept and given back."""
        if record.key is not None and not self._claim(record, record.key):
            held = self.held(record.dialect, record.key)
            if held is None:
                self._key_file(record.dialect, record.key).unlink(missing_ok=True)  # given back, or unreadable
            return held or self.put(record)
        self.write(self._file(record.slug), _dump(record))
        return record

    def held(self, dialect: str, key: str) -> Record | None:
        """The task that a key has claimed."""
        return self._record(self._key_file(dialect, key))

    def find(self, dialect: str, task_id: str) -> Record | None:
        """The task of that id."""
        return self.find_slug(dialect, hashed(dialect, task_id))

    def find_slug(self, dialect: str, slug: str) -> Record | None:
        """The task of that name."""
        record = self._record(self._file(slug)) if slug.isalnum() else None
        return record if record and record.dialect == dialect else None

    def all(self, dialect: str | None = None) -> list[Record]:
        """Every task of a dialect, or of all, oldest first."""
        records = (self._record(path) for path in (self.folder / "tasks").glob("*.json"))
        chosen = [record for record in records if record and dialect in (None, record.dialect)]
        return sorted(chosen, key=lambda record: (record.created_at, record.id))

    def cancel(self, record: Record, now: float) -> None:
        """Stop a task; the first to do so decides when."""
        with suppress(FileExistsError):
            self._link(self._file(record.slug).with_suffix(".cancelled"), str(now).encode())

    def remove(self, record: Record) -> None:
        """Forget a task, its cancellation and its claim."""
        file = self._file(record.slug)
        gone = [file, file.with_suffix(".cancelled")]
        for path in gone + ([self._key_file(record.dialect, record.key)] if record.key is not None else []):
            path.unlink(missing_ok=True)

    def tick(self, *name: str) -> int:
        """Count one more and give its number, which nobody else gets."""
        mark = secrets.token_hex(8).encode() + b"\n"
        path = self.folder / "counts" / hashed(*name)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, mark)
        finally:
            os.close(handle)
        return path.read_bytes().index(mark) // len(mark) + 1

    def ticks(self, *name: str) -> int:
        """How far a counter has come."""
        return len((self.read(self.folder / "counts" / hashed(*name)) or b"").splitlines())

    def write(self, path: Path, data: bytes) -> None:
        """Put a file in its place in one step."""
        draft = self._draft(data)
        draft.replace(path)

    def read(self, path: Path) -> bytes | None:
        """What a file holds, if it is there."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def _claim(self, record: Record, key: str) -> bool:
        try:
            self._link(self._key_file(record.dialect, key), _dump(record))
        except FileExistsError:
            return False
        return True

    def _link(self, path: Path, data: bytes) -> None:
        """Create a file whole or, where it exists, not at all."""
        draft = self._draft(data)
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links: then it may be seen half written
            _create(path, data)
        finally:
            draft.unlink()

    def _draft(self, data: bytes) -> Path:
        draft = self.folder / f"draft-{secrets.token_hex(8)}"
        _create(draft, data)
        return draft

    def _record(self, path: Path) -> Record | None:
        """What a file tells of a task; what another version wrote, and this one can't read, is not there."""
        text = self.read(path)
        try:
            record = Record(**json.loads(text)) if text is not None else None
        except (TypeError, ValueError):
            return None
        if record is None:
            return None
        cancelled = self.read(self._file(record.slug).with_suffix(".cancelled"))
        return record if cancelled is None else replace(record, cancelled_at=float(cancelled))

    def _file(self, slug: str) -> Path:
        return self.folder / "tasks" / f"{slug}.json"

    def _key_file(self, dialect: str, key: str) -> Path:
        return self.folder / "keys" / hashed(dialect, key)


def _dump(record: Record) -> bytes:
    return json.dumps(asdict(record)).encode()


def _create(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
