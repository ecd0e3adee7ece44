"""What a terminal shows of files on their way; drawn by a timer from what the transfers count."""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size  # noqa: TID253  # imported only where files are drawn
from rich.filesize import decimal  # noqa: TID253  # as above
from rich.text import Text  # noqa: TID253  # as above

from taskctl.cli.board import SPARE, filled, wandering
from taskctl.clock import Clock
from taskctl.durations import words
from taskctl.safe import safe

if TYPE_CHECKING:
    from taskctl.net.transfer import Progress

MOST = 8
"""More files than this would push each other off the screen."""
_BAR, _SIZE, _SPEED = 20, 20, 11
_WINDOW = 5.0
"""Seconds over which the speed is told."""


class Files:
    """Files on their way: a line for each, the latest ones where they are many, and the sum of them."""

    def __init__(self, moving: "list[Progress]", clock: Clock) -> None:
        self._moving = moving
        self._clock = clock
        self._past: dict[int, deque[tuple[float, int]]] = {}

    def lines(self, width: int, height: int, *, ascii_only: bool = False) -> Iterator[Text]:
        """The files, no wider and no higher than this."""
        now, moving = self._clock.monotonic(), list(self._moving)
        going = [progress for progress in moving if progress.total is None or progress.done < progress.total]
        shown = (going or moving)[-min(MOST, max(1, height - 3)) :]
        names = [safe(progress.label) for progress in shown]
        wide = min(max(map(cell_len, names), default=0), max(8, width - _BAR - _SIZE - _SPEED - 20))
        for progress, name in zip(shown, names, strict=True):
            line = Text(f"{set_cell_size(name, wide)}  {self._line(progress, now, ascii_only)}", no_wrap=True)
            line.truncate(max(1, width - SPARE), overflow="crop" if ascii_only else "ellipsis")
            yield line
        if len(moving) > len(shown):
            done = sum(progress.done for progress in moving)
            yield Text(f"{len(moving) - len(going)} of {len(moving)} files here, {decimal(done)}", style="dim")

    def _line(self, progress: "Progress", now: float, ascii_only: bool) -> str:  # noqa: FBT001  # passed on
        done, total = progress.done, progress.total
        speed = self._speed(progress, now)
        bar = filled(done / total, _BAR, ascii_only) if total else wandering(now, _BAR, ascii_only)
        size = f"{decimal(done)} of {decimal(total)}" if total else decimal(done)
        left = f"{words((total - done) / speed)} left" if total and speed else ""
        return f"{bar}  {size:{_SIZE}}  {f'{decimal(int(speed))}/s' if speed else '':{_SPEED}}  {left}"

    def _speed(self, progress: "Progress", now: float) -> float:
        """Bytes a second, lately."""
        past = self._past.setdefault(id(progress), deque())
        past.append((now, progress.done))
        while len(past) > 1 and past[0][0] < now - _WINDOW:
            past.popleft()
        since, before = past[0]
        return (progress.done - before) / (now - since) if now - since >= 0.5 else 0.0
