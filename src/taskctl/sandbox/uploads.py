"""Files that clients have uploaded."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from taskctl.sandbox.shelf import hashed

if TYPE_CHECKING:
    from taskctl.sandbox.shelf import Shelf

__all__ = ["Upload", "Uploads"]


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What is known of an uploaded file."""

    id: str
    name: str
    content_type: str
    size: int
    created_at: float
    folder: str = ""


class Uploads:
    """The uploads of one place, each a note and its bytes; a second one of the same id takes the first one's place."""

    def __init__(self, shelf: Shelf, place: str) -> None:
        self._shelf = shelf
        self._folder = shelf.folder / "files" / place
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def put(self, upload: Upload, data: bytes) -> None:
        """Keep a file."""
        note = self._folder / f"{hashed(upload.id)}.json"
        self._shelf.write(note.with_suffix(".bin"), data)
        self._shelf.write(note, json.dumps(asdict(upload)).encode())

    def find(self, upload_id: str) -> tuple[Upload, bytes] | None:
        """A file and what is known of it."""
        note = self._folder / f"{hashed(upload_id)}.json"
        text, data = self._shelf.read(note), self._shelf.read(note.with_suffix(".bin"))
        return (Upload(**json.loads(text)), data) if text is not None and data is not None else None

    def all(self) -> list[Upload]:
        """What is known of every file, oldest first."""
        texts = (self._shelf.read(note) for note in self._folder.glob("*.json"))
        found = [Upload(**json.loads(text)) for text in texts if text is not None]
        return sorted(found, key=lambda upload: (upload.created_at, upload.id))

    def remove(self, upload_id: str) -> None:
        """Forget a file."""
        note = self._folder / f"{hashed(upload_id)}.json"
        note.unlink(missing_ok=True)
        note.with_suffix(".bin").unlink(missing_ok=True)
