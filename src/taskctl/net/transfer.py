"""Fetches result files: whole, checked, resumable, and never seen half-written under their final names.

A blocking client in a few threads costs half of what an asynchronous stream does.
"""

import http.client
import itertools
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from taskctl.dialects.patience import retry_after
from taskctl.errors import FileError, UsageError
from taskctl.model import Kind, Output, Task
from taskctl.net import names
from taskctl.net.body import Body
from taskctl.net.digest import BEGINNING, Digest
from taskctl.net.file_get import Broken, FileGet
from taskctl.net.landing import Landing, begin_writing
from taskctl.net.plan import Offer, Partial, Plan, Step, plan
from taskctl.net.reach import Idle, OutOfReach, Reach

_AHEAD = 16 << 20
"""Bytes that arrive before the disk is told to begin with them, so that there is little left to wait for in the end."""
_SMALL = 2 << 20
"""Bytes up to which what it takes to go on is written down only where a transfer breaks off."""
STALL = 60.0
"""Seconds in which less than one KiB a second means that the transfer has stalled."""
IF_EXISTS = ("skip", "rename", "overwrite", "error")


class LinkExpired(FileError):
    """The link to a result is dead; the task may give a fresh one."""


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
    """Bytes that are here."""
    had: int = 0
    """Bytes that an earlier attempt had left."""
    total: int | None = None
    begun: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is whole and on disk."""

    path: Path
    bytes: int
    sha256: str
    content_type: str | None
    skipped: bool = False
    """It was there already, with the same bytes."""
    measured: bool = True
    """Somebody said how long it is."""


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
    idle: Idle = field(default_factory=Idle)
    buffers: list[memoryview] = field(default_factory=list)
    """Memory that the next transfer can use again."""
    monotonic: Callable[[], float] = time.monotonic
    _landing: Landing = field(init=False, repr=False)
    _request: FileGet | None = field(default=None, init=False, repr=False)
    _etag: str | None = field(default=None, init=False, repr=False)
    """The validator of what is arriving."""

    def __post_init__(self) -> None:
        part = self.target.folder / names.part_name(self.task, self.output)
        self._landing = Landing(part=part, task=self.task.id)

    def run(self) -> Fetched:
        """Fetch the file, going on from what an earlier attempt left.

        Raises:
            LinkExpired: ask the task for a fresh link. Broken: try again later. FileError: it cannot be had.
            Stopped: somebody said so.
        """
        with self._landing.held(self.stop) as ours:
            if not ours or self.stop.is_set():
                raise Stopped
            if self.output.url is None:
                if self.output.text is None:
                    raise LinkExpired(f"the link to {self.progress.label} is not known any more", task=self.task.name)
                return self._keep_text(self.output.text)
            try:
                return self._fetch(self.output.url)
            except OutOfReach as refused:
                raise OutOfReach(f"{self._what}: {refused.message}", hint=refused.hint, task=self.task.id) from refused
            except Broken as broken:
                if self.stop.is_set():
                    raise Stopped from broken
                raise

    def check(self) -> None:
        """End it, from another thread, where the server takes too long; what arrived is kept."""
        if self._request is not None:
            self._request.check()

    def abort(self) -> None:
        """Stop now, from another thread, also where nothing arrives; what arrived is kept."""
        self.stop.set()
        if self._request is not None:
            self._request.abort()

    def _fetch(self, url: str) -> Fetched:
        partial = self._landing.left()
        self._request = request = FileGet(
            what=self._what,
            task=self.task.id,
            reach=self.reach,
            trust=self.trust,
            key_headers=self.key_headers,
            idle=self.idle,
        )
        for _ in range(2):
            with request.answer(url, partial) as response, Digest(self.buffers) as digest:
                decision = plan(partial, _offer(response))
                self._etag, self.progress.total = response.getheader("ETag"), decision.total
                match decision.step:
                    case Step.WRITE | Step.APPEND:
                        if decision.step is Step.APPEND:
                            self._landing.read_into(digest)
                        self._receive(request, response, digest)
                        measured = decision.total is not None or response.chunked
                        fetched = self._finish(digest, response.getheader("Content-Type"))
                        return replace(fetched, measured=measured)
                    case Step.DONE:
                        self._landing.read_into(digest)
                        return self._finish(digest, None)
                    case _:
                        self._refuse(response, decision)
            self._landing.throw_away()
            partial = Partial()
        raise FileError(f"fetching {self._what}: the server's answers do not fit together", task=self.task.id)

    @property
    def _what(self) -> str:
        return f"{self.output.kind} {self.output.index} of {self.task.name}"

    def _refuse(self, response: http.client.HTTPResponse, decision: Plan) -> None:
        """Say why this answer does not become the file, where asking for all of it would not help."""
        said = f"HTTP {response.status}"
        if response.status == 200:
            said += f", encoded as {response.getheader('Content-Encoding')}"
        match decision.step:
            case Step.EXPIRED:
                raise LinkExpired(f"the link to {self._what} is dead ({said})", task=self.task.id)
            case Step.AGAIN:
                wait = retry_after({name.lower(): value for name, value in response.getheaders()})
                what = f"fetching {self._what}: the server answers {said}"
                raise Broken(what, task=self.task.id, retry_after=wait)
            case Step.REFUSE:
                raise FileError(f"fetching {self._what}: the server answers {said}", task=self.task.id)

    def _receive(self, request: FileGet, response: http.client.HTTPResponse, digest: Digest) -> None:
        arriving = self._arriving(request, response, digest)
        self.progress.done = self.progress.had = digest.size
        total = self.progress.total
        if total is not None:
            self._landing.check_room(total - digest.size)
        have, held = digest.size, []
        if have == 0:  # what an earlier attempt left stays, until this is known to be the file
            for piece in arriving:
                held.append(piece)
                if digest.size >= BEGINNING:
                    break
            self._refuse_page(digest.start, response.getheader("Content-Type"))
        with self._landing.writing(have) as file:
            if have == 0 and (total is None or total > _SMALL):
                self._note()
            begun, ended = have, False
            try:
                for piece in itertools.chain(held, arriving):
                    self._landing.write(file, piece)
                    self.progress.done = digest.size
                    if total is not None and digest.size > total:
                        break
                    if digest.size - begun >= _AHEAD:
                        begin_writing(file, begun, digest.size)
                        begun = digest.size
                ended = True
            finally:
                if not ended:
                    self._note()
        if total is not None and digest.size > total:
            self._landing.throw_away()
            raise Broken(f"{self._what}: more than the {total} bytes arrived that it has", task=self.task.id)
        if digest.size != total if total is not None else digest.size == 0:
            self._note()
            expected = "some" if total is None else total
            raise Broken(f"{self._what}: {digest.size} of {expected} bytes arrived", task=self.task.id)

    def _note(self) -> None:
        """Write down what it takes to go on from here."""
        self._landing.note(self._etag, self.progress.total)

    def _arriving(self, request: FileGet, response: http.client.HTTPResponse, digest: Digest) -> Iterator[memoryview]:
        """What arrives, as it arrives, so that nothing of it is lost where the connection breaks."""
        since, arrived = self.monotonic(), 0
        for piece in Body(response, request.connected).pieces(digest):
            yield piece
            if self.stop.is_set():
                break
            arrived += len(piece)
            if (now := self.monotonic()) - since >= STALL:
                if arrived < STALL * 1024:
                    raise Broken(f"{self._what}: {arrived} bytes in {now - since:.0f} s", task=self.task.id)
                since, arrived = now, 0
        if self.stop.is_set():
            raise Stopped

    def _refuse_page(self, start: bytes, content_type: str | None) -> None:
        if self.output.kind in (Kind.TEXT, Kind.FILE) or not names.is_page(start, content_type):
            return
        shown = start[:80].decode(errors="replace")
        raise LinkExpired(f"the link to {self._what} gives a page, not a file: {shown!r}", task=self.task.id)

    def _keep_text(self, text: str) -> Fetched:
        written = text.encode("utf-8", errors="backslashreplace")
        with self._landing.writing(0) as file:
            self._landing.write(file, written)
        with Digest(self.buffers) as digest:
            self._landing.read_into(digest)
            return self._finish(digest, "text/plain")

    def _finish(self, digest: Digest, content_type: str | None) -> Fetched:
        """Give the whole file its final name."""
        size, sha256 = digest.size, digest.hexdigest()
        if size == 0:
            raise FileError(f"{self._what} is empty", task=self.task.id)
        ext = names.extension(self.output, digest.start, content_type)
        path = self.target.folder / names.file_name(self.target.template, self.task, self.output, ext)
        try:
            placed, skipped = self._landing.place(path, self.target.if_exists, size, sha256)
        except FileError:
            self._note()
            raise
        self._landing.throw_away()
        return Fetched(path=placed, bytes=size, sha256=sha256, content_type=content_type, skipped=skipped)


def _offer(response: http.client.HTTPResponse) -> Offer:
    return Offer(
        status=response.status,
        etag=response.getheader("ETag"),
        content_range=response.getheader("Content-Range"),
        content_length=response.length if response.status == 200 else None,
        content_encoding=response.getheader("Content-Encoding"),
    )
