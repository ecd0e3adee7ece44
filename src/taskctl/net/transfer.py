"""Fetches result files: whole, checked, resumable, and never seen half-written under their final names.

A blocking client in a few threads: reading into one large buffer costs half of what an asynchronous stream does.
"""

import contextlib
import errno
import hashlib
import http.client
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

from taskctl.errors import FileError, NoAnswer, UsageError
from taskctl.model import Output, Task
from taskctl.net import names
from taskctl.net.plan import Offer, Partial, Step, plan
from taskctl.net.reach import PlainConnection, Reach, SecureConnection
from taskctl.net.wire import USER_AGENT

HOPS = 5
_BUFFER = 1 << 20
_REDIRECTS = (301, 302, 303, 307, 308)
IF_EXISTS = ("skip", "rename", "overwrite", "error")


class LinkExpired(FileError):
    """The link to a result is dead; the task may give a fresh one."""


class Broken(NoAnswer):
    """The transfer stopped half-way; what arrived is kept, and the next attempt goes on from there."""


class Stopped(Exception):
    """The transfer was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where files go and what they are called."""

    folder: Path
    template: str = names.DEFAULT
    if_exists: str = "skip"

    def __post_init__(self) -> None:
        names.check_template(self.template)
        if self.if_exists not in IF_EXISTS:
            raise UsageError(f"--if-exists {self.if_exists!r} is not one of {', '.join(IF_EXISTS)}")


@dataclass(slots=True)
class Progress:
    """How far a transfer is; written by its thread, read by whoever draws it."""

    label: str
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is whole and on disk."""

    path: Path
    bytes: int
    sha256: str
    content_type: str | None
    skipped: bool = False
    """It was there already, with the same bytes."""


@dataclass(slots=True, kw_only=True)
class Transfer:
    """One file on its way."""

    task: Task
    output: Output
    target: Target
    reach: Reach
    trust: Callable[[], ssl.SSLContext]
    key_headers: Callable[[str], Mapping[str, str]]
    """The headers that hold the key, for a URL; empty for nearly all."""
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Fetched:
        """Fetch the file, going on from what an earlier attempt left.

        Raises:
            LinkExpired: ask the task for a fresh link. Broken: try again later. FileError: it cannot be had.
        """
        if self.output.url is None:
            return self._keep_text(self.output.text or "")
        self._prepare_folder()
        partial = self._left()
        for _ in range(2):
            with self._asked(self.output.url, partial) as response:
                offer = _offer(response)
                decision = plan(partial, offer)
                match decision.step:
                    case Step.WRITE | Step.APPEND:
                        have = partial.have if decision.step is Step.APPEND else 0
                        self._receive(response, offer, have, decision.total)
                        return self._finish(response.getheader("Content-Type"))
                    case Step.DONE:
                        return self._finish(None)
                    case Step.EXPIRED:
                        raise LinkExpired(f"the link to {self._what} is dead (HTTP {offer.status})", task=self.task.id)
                    case Step.AGAIN:
                        raise Broken(
                            f"fetching {self._what}: the server answers HTTP {offer.status}", task=self.task.id
                        )
                    case Step.REFUSE:
                        raise FileError(
                            f"fetching {self._what}: the server answers HTTP {offer.status}", task=self.task.id
                        )
            self._throw_away()
            partial = Partial()
        raise FileError(f"fetching {self._what}: the server's answers do not fit together", task=self.task.id)

    @property
    def _what(self) -> str:
        return f"{self.output.kind} {self.output.index} of {self.task.name}"

    @property
    def _part(self) -> Path:
        return self.target.folder / f"{names.clean(self.task.name)[:120]}-{self.output.index}.part"

    @property
    def _side(self) -> Path:
        return self._part.with_suffix(".part.json")

    def _prepare_folder(self) -> None:
        try:
            self.target.folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise FileError(f"{self.target.folder} cannot be made: {problem.strerror}") from problem

    def _left(self) -> Partial:
        """What an earlier attempt left, where its notes are readable and fit."""
        try:
            notes = json.loads(self._side.read_text("utf-8"))
            have = self._part.lstat()
        except (OSError, ValueError):
            return Partial()
        if self._part.is_symlink() or not isinstance(notes, dict) or not isinstance(notes.get("etag"), str):
            return Partial()
        total = notes.get("total")
        return Partial(have=have.st_size, etag=notes["etag"], total=total if isinstance(total, int) else None)

    def _throw_away(self) -> None:
        for path in (self._part, self._side):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _asked(self, url: str, partial: Partial) -> Iterator[http.client.HTTPResponse]:
        """The answer to a request for the file, after up to five redirects, each checked like the first URL."""
        for _ in range(HOPS + 1):
            parts = self.reach.checked(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            host = parts.hostname or ""
            connection: http.client.HTTPConnection = (
                SecureConnection(self.reach, host, port, self.trust())
                if parts.scheme == "https"
                else PlainConnection(self.reach, host, port)
            )
            try:
                connection.request(
                    "GET",
                    parts._replace(scheme="", netloc="", fragment="").geturl() or "/",
                    headers=self._headers(url, partial),
                )
                response = connection.getresponse()
                location = response.getheader("Location")
                if response.status in _REDIRECTS and location:
                    url = urljoin(url, location)
                    continue
                yield response
            except (OSError, http.client.HTTPException) as problem:
                if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise FileError(f"the disk is full; {self._part} is kept", task=self.task.id) from problem
                reason = str(problem) or type(problem).__name__
                raise Broken(f"fetching {self._what} from {host}: {reason}", task=self.task.id) from problem
            else:
                return
            finally:
                connection.close()
        raise FileError(f"fetching {self._what}: more than {HOPS} redirects", task=self.task.id)

    def _headers(self, url: str, partial: Partial) -> dict[str, str]:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **self.key_headers(url)}
        if partial.resumable and partial.etag is not None:
            headers |= {"Range": f"bytes={partial.have}-", "If-Range": partial.etag}
        return headers

    def _receive(self, response: http.client.HTTPResponse, offer: Offer, have: int, total: int | None) -> None:
        self.progress.done, self.progress.total = have, total
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | (os.O_APPEND if have else os.O_TRUNC)
        try:
            handle = os.open(self._part, flags, 0o600)
        except OSError as problem:
            raise FileError(f"{self._part} cannot be written: {problem.strerror}", task=self.task.id) from problem
        with os.fdopen(handle, "wb", buffering=0) as file:
            if have == 0:
                self._check_space(total)
                self._note(offer, total)
            buffer = memoryview(bytearray(_BUFFER))
            while count := response.readinto(buffer):
                if self.stop.is_set():
                    raise Stopped
                if self.progress.done == 0 and names.is_page(bytes(buffer[:count]), response.getheader("Content-Type")):
                    self._refuse_page(bytes(buffer[: min(count, 200)]))
                file.write(buffer[:count])
                self.progress.done += count
            os.fsync(file.fileno())
        if total is not None and self.progress.done != total:
            raise Broken(f"{self._what}: {self.progress.done} of {total} bytes arrived", task=self.task.id)

    def _check_space(self, total: int | None) -> None:
        import shutil

        free = shutil.disk_usage(self.target.folder).free
        if total is not None and total > free:
            self._throw_away()
            raise FileError(
                f"{self._what} has {total} bytes, and {self.target.folder} has room for {free}", task=self.task.id
            )

    def _refuse_page(self, start: bytes) -> None:
        if self.output.kind.value in ("text", "file"):
            return
        self._throw_away()
        raise LinkExpired(
            f"the link to {self._what} gives a page, not a file: {start.decode(errors='replace')!r}", task=self.task.id
        )

    def _note(self, offer: Offer, total: int | None) -> None:
        """Write down what makes the rest of this file the rest of this file."""
        self._side.unlink(missing_ok=True)
        if offer.etag is not None and not offer.etag.startswith("W/"):
            handle = os.open(self._side, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"etag": offer.etag, "total": total}, file)

    def _keep_text(self, text: str) -> Fetched:
        self._prepare_folder()
        self._throw_away()
        handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", errors="backslashreplace"))
        return self._finish("text/plain")

    def _finish(self, content_type: str | None) -> Fetched:
        """Give the whole file its final name."""
        size, digest, start = _summed(self._part)
        if size == 0:
            self._throw_away()
            raise FileError(f"{self._what} is empty", task=self.task.id)
        ext = names.extension(self.output, start, content_type)
        path = self.target.folder / names.file_name(self.target.template, self.task, self.output, ext)
        self._part.chmod(0o666 & ~_umask())
        placed, skipped = self._place(path, digest)
        self._throw_away()
        return Fetched(path=placed, bytes=size, sha256=digest, content_type=content_type, skipped=skipped)

    def _place(self, path: Path, digest: str) -> tuple[Path, bool]:
        if self.target.if_exists == "overwrite":
            self._part.replace(path)
            return path, False
        for number in range(1, 1000):
            candidate = path if number == 1 else path.with_name(f"{path.stem} ({number}){path.suffix}")
            try:
                os.link(self._part, candidate, follow_symlinks=False)
            except FileExistsError as problem:
                if self.target.if_exists == "skip" and not candidate.is_symlink() and _summed(candidate)[1] == digest:
                    return candidate, True
                if self.target.if_exists == "rename":
                    continue
                raise FileError(
                    f"{candidate} exists with other content",
                    hint="choose --if-exists rename or overwrite, or another --dir or --name",
                    task=self.task.id,
                ) from problem
            except OSError:  # a file system without hard links
                if candidate.exists():
                    continue
                self._part.replace(candidate)
            return candidate, False
        raise FileError(f"{path} and a thousand names like it exist", task=self.task.id)


def _offer(response: http.client.HTTPResponse) -> Offer:
    return Offer(
        status=response.status,
        etag=response.getheader("ETag"),
        content_range=response.getheader("Content-Range"),
        content_length=response.length if response.status == 200 else None,
        content_encoding=response.getheader("Content-Encoding"),
    )


def _summed(path: Path) -> tuple[int, str, bytes]:
    """Size, SHA-256 and first bytes of a file."""
    with path.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest, start


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
