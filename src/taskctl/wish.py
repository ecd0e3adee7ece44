"""What somebody wants made, before any provider is asked: the input, the local files in it, and its fingerprint."""

import hashlib
import json
import mimetypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from taskctl.errors import FileError
from taskctl.profiles import Profile

LARGEST_INLINE = 50 * 1024 * 1024
"""Bytes of a file that goes into the request itself."""
_TYPES = {
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".webp": "image/webp",
}
"""What `mimetypes` knows on some machines only, or calls by an old name."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that stands in an input."""

    path: str

    def __post_init__(self) -> None:
        try:
            found = Path(self.path).is_file()
        except OSError as problem:
            raise FileError(f"{self.path} cannot be read: {problem.strerror}") from problem
        if not found:
            raise FileError(f"{self.path or 'an empty name'} is no file that can be read")

    def sha256(self) -> str:
        """The hash of its content."""
        try:
            with Path(self.path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise FileError(f"{self.path} cannot be read: {problem.strerror}") from problem

    def data_url(self) -> str:
        """The file as a data URL, for providers that take no uploads."""
        import base64

        path = Path(self.path)
        try:
            if (size := path.stat().st_size) > LARGEST_INLINE:
                raise FileError(f"{self.path} has {size} bytes, too many to send inside a request")
            content = path.read_bytes()
        except OSError as problem:
            raise FileError(f"{self.path} cannot be read: {problem.strerror}") from problem
        kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One intended submission."""

    profile: Profile
    operation: str | None = None
    model: str | None = None
    input: dict[str, object] = field(default_factory=dict)
    """JSON, with a LocalFile wherever a file stands."""
    callback_url: str | None = None
    key: str | None = None
    tags: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """The hash of everything that makes two requests the same; files count by their content."""
        asked = {
            "dialect": self.profile.dialect.name,
            "operation": self.operation,
            "model": self.model,
            "input": replaced(self.input, lambda _, file: {"sha256": file.sha256()}),
            "callback_url": self.callback_url,
        }
        written = json.dumps(asked, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(written.encode()).hexdigest()

    def files(self) -> dict[str, LocalFile]:
        """The local files, by where they stand in the input (JSON pointer)."""
        return dict(_files(self.input, ""))


def replaced(value: object, instead: Callable[[str, LocalFile], object], pointer: str = "") -> object:
    """The value with something else where its files stand."""
    if isinstance(value, LocalFile):
        return instead(pointer, value)
    if isinstance(value, dict):
        return {name: replaced(member, instead, f"{pointer}/{_escaped(name)}") for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(item, instead, f"{pointer}/{place}") for place, item in enumerate(value)]
    return value


def restored(input_: dict[str, object], files: dict[str, str]) -> dict[str, object]:
    """An input as it was given, with its files where they stood."""

    def visit(value: object, pointer: str) -> object:
        if pointer in files:
            return LocalFile(files[pointer])
        if isinstance(value, dict):
            return {name: visit(member, f"{pointer}/{_escaped(name)}") for name, member in value.items()}
        if isinstance(value, list):
            return [visit(item, f"{pointer}/{place}") for place, item in enumerate(value)]
        return value

    return {name: visit(member, f"/{_escaped(name)}") for name, member in input_.items()}


def _files(value: object, pointer: str) -> Iterator[tuple[str, LocalFile]]:
    if isinstance(value, LocalFile):
        yield pointer, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _files(member, f"{pointer}/{_escaped(name)}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _files(item, f"{pointer}/{place}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
