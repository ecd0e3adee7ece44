"""Threads that fetch files as soon as these are known; what has arrived is on record within a second."""

import asyncio
import contextlib
import queue
import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from taskctl.errors import FileError, TaskctlError
from taskctl.flow.courier import Courier, Delivery, Fetching, Shared
from taskctl.flow.outcome import Outcome
from taskctl.model import Output, State, Task
from taskctl.net.transfer import Fetched, Progress
from taskctl.runtime import Runtime

_PULSE = 0.5
"""Seconds between two times at which what has arrived is written down."""
_GRACE = 5.0
"""Seconds for which threads that were told to stop are waited for; one may be connecting."""


class Couriers:
    """Fetches files in threads, from the moment on at which they are known; `async with` ends when all are here."""

    def __init__(self, runtime: Runtime, fetching: Fetching) -> None:
        self._deliveries: list[Delivery] = []
        self.progress: list[Progress] = []
        self._tasks: dict[tuple[str, str | None], Task] = {}
        """The tasks as the history has them now."""
        self._runtime = runtime
        self._fetching = fetching
        self._todo: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._shared = Shared(fetching=fetching)
        self._working = fetching.jobs
        self._crashes = _Crashes()

    async def __aenter__(self) -> Self:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._couriers = [Courier(self._runtime, self._loop, self._shared) for _ in range(self._fetching.jobs)]
        self._threads = [threading.Thread(target=self._work, args=(one,), daemon=True) for one in self._couriers]
        for thread in self._threads:
            thread.start()
        self._tending = asyncio.create_task(self._tend())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._couriers:
            self._todo.put(None)
        try:
            if error is None:
                await self._tending
        finally:
            self._shared.stop.set()
            self._tending.cancel()
            for courier in self._couriers:
                courier.abort()
            patience = time.monotonic() + _GRACE
            for thread in self._threads:
                thread.join(max(0.0, patience - time.monotonic()))
            self._keep()
            self._shared.idle.close()
        self._crashes.surface()

    def take(self, task: Task) -> None:
        """Fetch the results of this task, where it has completed."""
        if task.state is not State.COMPLETED or task.identity in self._tasks:
            return
        self._tasks[task.identity] = task
        for output in self._fetching.wanted(task):
            delivery = Delivery(task=task, output=output, progress=Progress(f"{task.name}-{output.index}"))
            self._deliveries.append(delivery)
            self.progress.append(delivery.progress)
            self._todo.put(delivery)

    def joined(self, outcome: Outcome) -> Outcome:
        """The outcome with what was fetched, and what was not, in the order of its tasks."""
        place = {task.identity: number for number, task in enumerate(outcome.tasks)}
        outcome.tasks = [self._tasks.get(task.identity, task) for task in outcome.tasks]
        for task in outcome.tasks:
            if task.identity in self._tasks and not self._fetching.wanted(task):
                what = f"{task.name} completed without a result to fetch"
                outcome.errors.append(FileError(what, task=task.name))
        for delivery in sorted(self._deliveries, key=lambda one: place.get(one.task.identity, 0)):
            if isinstance(delivery.got, TaskctlError):
                outcome.errors.append(delivery.got)
            elif delivery.got is not None:
                outcome.files.append(str(delivery.got.path))
        return outcome

    def _work(self, courier: Courier) -> None:
        """What a thread does; the last that has done ends the tending."""
        with self._crashes:
            courier.work(self._todo, self._done)
        with contextlib.suppress(RuntimeError):  # the loop has gone already
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        self._working -= 1
        if not self._working:
            self._over.set()

    async def _tend(self) -> None:
        """Write down what arrives while the couriers work, and end what takes too long."""
        while self._working:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PULSE):
                    await self._over.wait()
            for courier in self._couriers:
                courier.check()
            self._keep()

    def _keep(self) -> None:
        files: dict[tuple[str, str | None], dict[int, Output]] = {}
        while not self._done.empty():
            delivery = self._done.get()
            if isinstance(delivery.got, Fetched):
                output = _filed(delivery.output, delivery.got)
                files.setdefault(delivery.task.identity, {})[output.index] = output
                if not delivery.got.measured:
                    what = (
                        f"{delivery.got.path}: the server did not tell its length, so whether it is whole is not known"
                    )
                    self._runtime.listener.warn(what)
        changed = [_with(self._tasks[identity], outputs) for identity, outputs in files.items()]
        for identity, task in zip(files, self._runtime.remember_all(changed), strict=True):
            self._tasks[identity] = task


class _Crashes(list[BaseException]):
    """What went wrong in threads and should not have: kept, and raised where somebody can see it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.append(error)
        return True

    def surface(self) -> None:
        """Raise the first of them."""
        if self:
            raise self[0]


def _filed(output: Output, got: Fetched) -> Output:
    content_type = output.content_type or got.content_type
    return replace(output, file=str(got.path.absolute()), bytes=got.bytes, sha256=got.sha256, content_type=content_type)


def _with(task: Task, files: dict[int, Output]) -> Task:
    return replace(task, outputs=tuple(files.get(output.index, output) for output in task.outputs))
