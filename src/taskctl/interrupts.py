"""Signals while asynchronous work runs: they cancel it where it waits, and take effect when it has tidied up.

An exception that a signal raises wherever the program happens to be can lose what was just learned, or leave an event
loop that never ends.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_IMPATIENT = 1.0
"""Seconds after which another signal means: now."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupts:
    """The signals that came while some work ran."""

    def __init__(self) -> None:
        self._came: tuple[int, float] | None = None
        self._cancel: Callable[[], object] | None = None
        self._before: dict[int, Any] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back what signals would do, until the work has ended."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):  # ours, or Python's own; what is ignored stays ignored
                    self._before[number] = signal.signal(number, self._come)
        try:
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def cancel(self, task: "asyncio.Task[Any]") -> None:
        """This is the work: a signal cancels it, also one that came before."""
        loop = task.get_loop()
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self._came is not None:
            task.cancel()

    def take_effect(self) -> None:
        """Do what the signal that came was to do."""
        if self._came is not None:
            number, _ = self._came
            self._before[number](number, None)

    def _come(self, number: int, frame: FrameType | None) -> None:
        if self._came is not None:
            if time.monotonic() - self._came[1] > _IMPATIENT:
                self._before[number](number, frame)
            return
        self._came = number, time.monotonic()
        if self._cancel is not None:
            self._cancel()
