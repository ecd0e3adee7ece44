"""Where a result lands: its unfinished file, the notes that let it go on, and its final name."""

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskctl.errors import FileError
from taskctl.net.digest import Digest
from taskctl.net.plan import Partial, is_strong

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_WAIT = 0.1
"""Seconds between two looks whether somebody else has done with the same file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """The place of one result. Nothing here follows a link, and nothing half-written has a final name."""

    part: Path
    task: str | None = None

    @property
    def notes(self) -> Path:
        """What makes the rest of this file the rest of this file: the server's validator, and the length."""
        return self.part.with_name(f"{self.part.name}.json")

    @contextlib.contextmanager
    def held(self, stop: threading.Event) -> Iterator[bool]:
        """Keep everybody else from fetching the same result here; False where we were stopped while waiting."""
        with self.on_disk(self.part.parent):
            self.part.parent.mkdir(parents=True, exist_ok=True)
        if sys.platform == "win32":  # an open file cannot be renamed there
            if self.part.is_symlink():
                self.part.unlink()
            yield True
            return
        while True:
            with self.on_disk(self.part):
                handle = os.open(self.part, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise FileError(f"{self.part} is in the way, and is no file", task=self.task)
                while not _locked(handle):
                    if stop.wait(_WAIT):
                        yield False
                        return
                if self._is(handle):
                    try:
                        yield True
                    finally:
                        self._tidy(handle)
                    return
            finally:
                os.close(handle)

    def left(self) -> Partial:
        """What an earlier attempt left, where its notes are readable and fit."""
        try:
            if not (stat.S_ISREG(self.notes.lstat().st_mode) and stat.S_ISREG(self.part.lstat().st_mode)):
                return Partial()
            notes = json.loads(self.notes.read_text("utf-8"))
            have = self.part.lstat().st_size
        except (OSError, ValueError, RecursionError):
            return Partial()
        etag, total = (notes.get("etag"), notes.get("total")) if isinstance(notes, dict) else (None, None)
        known = etag if isinstance(etag, str) else None
        return Partial(have=have, etag=known, total=total if isinstance(total, int) else None)

    def note(self, etag: str | None, total: int | None) -> None:
        """Write down what the next attempt has to know."""
        with self.on_disk(self.notes):
            self.notes.unlink(missing_ok=True)
            if is_strong(etag):
                handle = os.open(self.notes, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump({"etag": etag, "total": total}, file)

    def throw_away(self) -> None:
        """Forget what arrived."""
        with self.on_disk(self.part):
            for path in (self.part, self.notes):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def writing(self, have: int) -> Iterator[int]:
        """The unfinished file, open to be written after what it has; on disk when this ends well.

        What was noted about other bytes is gone before the first of these is written.
        """
        if not have:
            with self.on_disk(self.notes):
                self.notes.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | _NO_LINK | (os.O_APPEND if have else os.O_TRUNC) | getattr(os, "O_BINARY", 0)
        with self.on_disk(self.part):
            handle = os.open(self.part, flags, 0o666)
        try:
            yield handle
            with self.on_disk(self.part):
                os.fsync(handle)
        finally:
            os.close(handle)

    def write(self, handle: int, piece: bytes | memoryview) -> None:
        """Add a piece, all of it: a disk that is nearly full takes only the beginning, without an error."""
        rest = memoryview(piece)
        with self.on_disk(self.part):
            while rest:
                rest = rest[os.write(handle, rest) :]

    def check_room(self, needed: int) -> None:
        """Refuse what the disk has no room for.

        Raises:
            FileError: it has not.
        """
        import shutil

        folder = self.part.parent
        with self.on_disk(folder):
            free = shutil.disk_usage(folder).free
        if needed > free:
            raise FileError(f"{needed} bytes are to come, and {folder} has room for {free}", task=self.task)

    def read_into(self, digest: Digest) -> None:
        """Sum up what is there."""
        with self.on_disk(self.part), self.part.open("rb", buffering=0) as file:
            while count := file.readinto(digest.room):
                digest.add(count)

    def place(self, path: Path, if_exists: str, size: int, digest: str) -> tuple[Path, bool]:
        """Give the whole file its final name; True where it was there already, with the same bytes."""
        with self.on_disk(path):
            if if_exists == "overwrite":
                self.part.replace(path)
                return path, False
            if self._named(path):
                return path, False
            if if_exists == "skip" and _has(path, size, digest):
                return path, True
            for number in range(2, 1000) if if_exists == "rename" else ():
                candidate = path.with_name(f"{path.stem} ({number}){path.suffix}")
                if self._named(candidate):
                    return candidate, False
        raise FileError(
            f"{path} exists" + (" with other content" if if_exists == "skip" else ""),
            hint="choose --if-exists rename or overwrite, or another --dir or --name",
            task=self.task,
        )

    @contextlib.contextmanager
    def on_disk(self, path: Path) -> Iterator[None]:
        """Turn the disk's errors into ours."""
        try:
            yield
        except OSError as problem:
            if problem.errno in _FULL:
                raise FileError(
                    f"there is no room for {path}", hint="what arrived is kept: make room and try again", task=self.task
                ) from problem
            raise FileError(f"{path} cannot be written: {problem.strerror or problem}", task=self.task) from problem

    def _named(self, path: Path) -> bool:
        """Whether the file has this name now; False where something has it already."""
        try:
            os.link(self.part, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                return False
            self.part.replace(path)
        return True

    def _tidy(self, handle: int) -> None:
        """Leave no file in which nothing has arrived."""
        if os.fstat(handle).st_size == 0 and self._is(handle):
            self.throw_away()

    def _is(self, handle: int) -> bool:
        """Whether this is the unfinished file still, and not what it was before somebody else finished it."""
        try:
            return os.path.samestat(os.fstat(handle), self.part.lstat())
        except OSError:
            return False


def begin_writing(handle: int, start: int, end: int) -> None:
    """Have the disk begin with what was written, where the system lets one say so; nothing waits for it here.

    Telling Linux that these pages are needed no more makes it write the changed ones out at once.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.posix_fadvise(handle, start, end - start, os.POSIX_FADV_DONTNEED)


def _has(path: Path, size: int, digest: str) -> bool:
    """Whether these very bytes are there already."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


if sys.platform == "win32":

    def _locked(_: int) -> bool:
        return True

else:

    def _locked(handle: int) -> bool:
        """Whether the file is ours alone now; a file system that knows no locks gives every file to everybody."""
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True
