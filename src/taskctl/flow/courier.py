"""Fetches one file after the other in a thread: again where the connection breaks, with a fresh link where one died."""

import asyncio
import concurrent.futures
import functools
import hashlib
import ssl
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from taskctl.errors import FileError, NoAnswer, TaskctlError
from taskctl.model import Output, Task
from taskctl.net.file_get import Broken
from taskctl.net.hosts import Hosts
from taskctl.net.names import file_name
from taskctl.net.provider import Provider
from taskctl.net.reach import Idle, Reach
from taskctl.net.transfer import Fetched, LinkExpired, Progress, Stopped, Target, Transfer
from taskctl.runtime import Runtime

if TYPE_CHECKING:
    import queue

T = TypeVar("T")

ATTEMPTS = 5
"""How often in a row one file is tried where the connection breaks and nothing more of it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How files are fetched."""

    target: Target
    jobs: int = 4
    extras: bool = False
    """Also what came along with the results."""

    def wanted(self, task: Task) -> tuple[Output, ...]:
        """The outputs of a task that are to be fetched."""
        return task.outputs if self.extras else task.results


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One file that is to be fetched, and what became of it."""

    task: Task
    output: Output
    progress: Progress
    got: Fetched | TaskctlError | None = None


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all couriers have in common."""

    fetching: Fetching
    stop: threading.Event = field(default_factory=threading.Event)
    idle: Idle = field(default_factory=Idle)
    hosts: Hosts = field(default_factory=Hosts)
    providers: dict[tuple[str, str], Provider] = field(default_factory=dict)


class Courier:
    """Fetches one file after the other, in a thread of its own."""

    def __init__(self, runtime: Runtime, loop: asyncio.AbstractEventLoop, shared: Shared) -> None:
        self._runtime = runtime
        self._loop = loop
        self._shared = shared
        self._buffers: list[memoryview] = []
        self._transfer: Transfer | None = None
        self._asking: concurrent.futures.Future[Any] | None = None

    def work(self, todo: "queue.SimpleQueue[Delivery | None]", done: "queue.SimpleQueue[Delivery]") -> None:
        """Fetch what there is to do, until there is no more."""
        while (delivery := todo.get()) is not None:
            try:
                delivery.progress.begun = True
                delivery.got = self._delivered(delivery)
            except TaskctlError as error:
                delivery.got = error
            except (Stopped, concurrent.futures.CancelledError):
                what = f"fetching {delivery.progress.label} was stopped"
                delivery.got = NoAnswer(what, task=delivery.task.name)
            delivery.progress.ended = True
            done.put(delivery)

    def abort(self) -> None:
        """End what is under way, from another thread."""
        if (transfer := self._transfer) is not None:
            transfer.abort()
        if (asking := self._asking) is not None:
            asking.cancel()

    def check(self) -> None:
        """End what takes too long, from another thread."""
        if (transfer := self._transfer) is not None:
            transfer.check()

    def _delivered(self, delivery: Delivery) -> Fetched:
        """One file: again where the connection breaks, with a fresh link or by another route where the link died."""
        task, output, shared = delivery.task, delivery.output, self._shared
        if shared.stop.is_set():
            raise Stopped
        if (here := _here(task, output, shared.fetching.target)) is not None:
            return here
        provider = self._provider(task)
        form = provider.site.dialect.form.download
        renewed = False
        self._transfer = transfer = Transfer(
            task=task,
            output=output,
            target=shared.fetching.target,
            reach=_reach(provider.site.base_url),
            trust=_trust,
            key_headers=provider.key_headers if form.auth else _no_headers,
            progress=delivery.progress,
            stop=shared.stop,
            idle=shared.idle,
            buffers=self._buffers,
        )
        try:
            attempt, best = 0, 0
            while attempt < ATTEMPTS:
                host = shared.hosts.of(urlsplit(transfer.output.url or "").netloc)
                if shared.stop.wait(host.pause()):
                    raise Stopped
                if host.given_up is not None:
                    what = f"{delivery.progress.label} was not tried again: {host.given_up.message}"
                    raise Broken(what, task=task.name)
                began = time.monotonic()
                try:
                    fetched = transfer.run()
                except Broken as broken:
                    gained, best = delivery.progress.done > best, max(delivery.progress.done, best)
                    attempt = 0 if gained else attempt + 1
                    host.failed(broken, began=began, gained=gained)
                    if attempt == ATTEMPTS:
                        raise
                except LinkExpired:
                    attempt += 1
                    fallback = provider.site.fallback_url(output, task.id or "")
                    if not renewed:
                        renewed = True
                        transfer.output = self._renewed(provider, task, output)
                    elif fallback is not None and transfer.output.url != fallback:
                        transfer.output = replace(output, url=fallback)
                        transfer.key_headers = provider.key_headers
                    else:
                        raise
                else:
                    host.worked()
                    return fetched
        finally:
            self._transfer = None
        raise FileError(f"{delivery.progress.label}: no link lasted long enough", task=task.name)

    def _provider(self, task: Task) -> Provider:
        place = task.profile, task.base_url
        if place not in self._shared.providers:
            self._shared.providers[place] = self._asked(self._runtime.provider_of(task))
        return self._shared.providers[place]

    def _renewed(self, provider: Provider, task: Task, output: Output) -> Output:
        """The same output with a fresh link."""
        report = self._asked(provider.look(task.id or "", operation=task.operation))
        fresh = next((one for one in report.outputs if one.index == output.index), None)
        return replace(output, url=fresh.url) if fresh and fresh.url else output

    def _asked(self, question: Coroutine[Any, Any, T]) -> T:
        """What the provider, which lives on the event loop, answers; cancelled where all is stopped."""
        self._asking = asking = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            if self._shared.stop.is_set():
                asking.cancel()
            return asking.result()
        finally:
            self._asking = None


def differs(path: Path, output: Output) -> str | None:
    """How a file differs from what was fetched; None where it does not."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    if size != output.bytes:
        return f"has {size} bytes, and {output.bytes} were fetched"
    return None if digest == output.sha256 else "has other content than what was fetched"


def _here(task: Task, output: Output, target: Target) -> Fetched | None:
    """The file, where it was fetched to this very place before and is there still, byte for byte."""
    if target.if_exists != "skip" or output.file is None or output.bytes is None or output.sha256 is None:
        return None
    file = Path(output.file)
    path = target.folder / file_name(target.template, task, output, file.suffix)
    if path.absolute() != file or path.is_symlink() or differs(path, output) is not None:
        return None
    return Fetched(path=path, bytes=output.bytes, sha256=output.sha256, content_type=output.content_type, skipped=True)


def _no_headers(_: str) -> dict[str, str]:
    return {}


@functools.cache
def _reach(base_url: str) -> Reach:
    """Worked out once: it may ask for an address."""
    return Reach.of(base_url)


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
