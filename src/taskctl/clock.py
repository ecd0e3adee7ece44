"""Time, handed in: what a task is dated with, what a deadline is measured by, and how one waits."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the program knows about time."""

    def now(self) -> datetime:
        """The wall clock's time, aware and UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow, for deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The wall clock's time, aware and UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, unmoved by changes of the wall clock."""
        import time

        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds; other tasks run meanwhile."""
        import asyncio

        await asyncio.sleep(seconds)
