"""The files that a completed task has: their names, what they are and what is in them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskctl.sandbox import media

if TYPE_CHECKING:
    from taskctl.sandbox.shelf import Record

__all__ = ["EXTENSION", "SECONDS", "Work", "content", "kind_of", "work", "works"]

EXTENSION = {"video": "mp4", "image": "png", "audio": "wav", "text": "srt"}
SECONDS = {"video": 2.4, "audio": 2.0}
_IMAGE_WORDS = ("image", "flux", "seedream", "banana", "imagen")
_AUDIO_WORDS = ("audio", "music", "suno", "tts", "voice")
_TYPES = {
    "mp4": "video/mp4",
    "png": "image/png",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "srt": "application/x-subrip",
}


@dataclass(frozen=True, kw_only=True)
class Work:
    """One file: which of the task's outputs it belongs to, and its kind of file."""

    index: int
    kind: str
    extension: str
    cover: bool = False

    @property
    def name(self) -> str:
        """How it is called in a link."""
        return f"{'cover-' if self.cover else ''}{self.index + 1}.{self.extension}"

    @property
    def content_type(self) -> str:
        """What it is served as."""
        return _TYPES[self.extension]


def kind_of(model: str) -> str:
    """What a model makes, going by the words in its name."""
    name = model.lower()
    if any(word in name for word in _IMAGE_WORDS):
        return "image"
    return "audio" if any(word in name for word in _AUDIO_WORDS) else "video"


def works(record: Record, *, covers: bool = False) -> list[Work]:
    """The outputs of a task, or the covers that belong to them."""
    count = record.outputs if record.directions.outputs is None else record.directions.outputs
    kind = "image" if covers else record.kind
    return [Work(index=index, kind=kind, extension=EXTENSION[kind], cover=covers) for index in range(count)]


def work(record: Record, name: str) -> Work | None:
    """The file of that name, with or without its extension."""
    files = works(record) + (works(record, covers=True) if record.kind == "audio" else [])
    return next((file for file in files if name in (file.name, file.name.rpartition(".")[0])), None)


@functools.lru_cache(maxsize=64)
def content(prompt: str, index: int, extension: str) -> bytes:
    """What is in a file."""
    match extension:
        case "srt":
            return media.srt(prompt)
        case "png":
            return media.png(prompt, index)
        case "wav":
            return media.wav(prompt, index)
        case "mp3":
            return media.mp3(prompt, index)
        case _:
            return media.mp4(prompt, index)
