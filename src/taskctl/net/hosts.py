"""What each server that files come from can bear: one in trouble is left alone by all, and given up after a while."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from taskctl.net.file_get import Broken
from taskctl.net.pace import after_misses

MOST = 5
"""Troubles in a row after which a server is given up: for all of its files together, not for each."""

LONGEST = 300.0
"""Seconds; a server that wants to be left alone for longer is given up."""


@dataclass(slots=True)
class Host:
    """A server; used by several threads."""

    monotonic: Callable[[], float] = time.monotonic
    given_up: Broken | None = None
    """Why nobody asks it any more, once it had its chances."""
    _troubles: int = 0
    _last: float = float("-inf")
    _free_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def pause(self) -> float:
        """Seconds for which to leave it alone."""
        return max(0.0, self._free_at - self.monotonic())

    def failed(self, broken: Broken, *, began: float, gained: bool) -> None:
        """An attempt that began then broke off. Those that were under way together count once.

        One that gained something counts as no trouble: the next goes on where it stopped.
        """
        with self._lock:
            now = self.monotonic()
            if gained:
                self._troubles = 0
            elif began >= self._last:
                self._troubles += 1
                self._last = now
            alone = after_misses(1.0, max(1, self._troubles), broken.retry_after)
            self._free_at = max(self._free_at, now + alone)
            if self._troubles >= MOST or alone > LONGEST:
                self.given_up = broken

    def worked(self) -> None:
        """A file came whole."""
        self._troubles = 0


class Hosts:
    """All servers that files come from, by name and port."""

    def __init__(self) -> None:
        self._known: dict[str, Host] = {}

    def of(self, name: str) -> Host:
        """The server of this name."""
        return self._known.setdefault(name, Host())
