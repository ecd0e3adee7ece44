"""What each server that files come from can bear: one in trouble is left alone by all, and given up after a while."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from taskctl.net.pace import after_misses

MOST = 5
"""Troubles in a row after which a server is given up: for all of its files together, not for each."""


@dataclass(slots=True)
class Host:
    """A server; used by several threads."""

    monotonic: Callable[[], float] = time.monotonic
    _troubles: int = 0
    _last: float = float("-inf")
    _free_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def given_up(self) -> bool:
        """Whether it had its chances."""
        return self._troubles >= MOST

    def pause(self) -> float:
        """Seconds for which to leave it alone."""
        return max(0.0, self._free_at - self.monotonic())

    def failed(self, began: float, retry_after: float | None) -> None:
        """An attempt that began then got nothing whole. Those that were under way together count once."""
        with self._lock:
            now = self.monotonic()
            if began >= self._last:
                self._troubles += 1
                self._last = now
            alone = after_misses(1.0, self._troubles, None) if retry_after is None else retry_after
            self._free_at = max(self._free_at, now + alone)

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
