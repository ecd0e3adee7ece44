"""What a terminal shows of files on their way; drawn by a timer from what the transfers count."""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size  # noqa: TID253  # imported only where files are drawn
from rich.filesize import decimal  # noqa: TID253  # imported only where files are drawn
from rich.text import Text  # noqa: TID253  # imported only where files are drawn

from taskctl.cli.board import SPARE, filled, wandering
from taskctl.clock import Clock
from taskctl.durations import words
from taskctl.safe import safe

if TYPE_CHECKING:
    from taskctl.net.transfer import Progress

MOST = 12
"""Files that are shown one by one."""
_BAR, _SIZE, _SPEED = 20, 20, 11
_WINDOW = 5.0
"""Seconds over which the speed is told."""


class Files:
    """Files on their way: a line for each, as many as there is room for, and one for all of them."""

    def __init__(self, moving: "list[Progress]", clock: Clock) -> None:
        self._moving = moving
        self._clock = clock
        self._past: dict[int, deque[tuple[float, int]]] = {}

    def lines(self, width: int, height: int, *, ascii_only: bool = False) -> Iterator[Text]:
        """The files, no wider and no higher than this."""
        now = self._clock.monotonic()
        going = [progress for progress in self._moving if progress.begun and not progress.ended]
        shown = going[: min(MOST, max(1, height - 3))]
        rows = [(safe(progress.label), self._one(progress, now, ascii_only=ascii_only)) for progress in shown]
        if len(self._moving) > 1:
            rows.append(self._all(now, ascii_only=ascii_only))
        wide = min(max((cell_len(name) for name, _ in rows), default=0), max(8, width - _BAR - _SIZE - _SPEED - 20))
        for name, told in rows:
            line = Text(f"{set_cell_size(name, wide)}  {told}", no_wrap=True)
            line.truncate(max(1, width - SPARE), overflow="crop" if ascii_only else "ellipsis")
            yield line

    def _one(self, progress: "Progress", now: float, *, ascii_only: bool) -> str:
        done, total = progress.done, progress.total
        bar = (
            filled(done / total, _BAR, ascii_only=ascii_only) if total else wandering(now, _BAR, ascii_only=ascii_only)
        )
        size = f"{decimal(done)} of {decimal(total)}" if total else decimal(done)
        left = None if total is None else total - done
        return f"{bar}  {size:{_SIZE}}  {self._pace(id(progress), done - progress.had, left, now)}"

    def _all(self, now: float, *, ascii_only: bool) -> tuple[str, str]:
        """How many are here, and when the others will be if they are as large as those whose size is known."""
        moving = self._moving
        ended = sum(progress.ended for progress in moving)
        done = sum(progress.done for progress in moving)
        sizes = [progress.total for progress in moving if progress.total is not None]
        left = int(sum(sizes) / len(sizes) * len(moving)) - done if sizes else None
        come = done - sum(progress.had for progress in moving)
        bar = filled(ended / len(moving), _BAR, ascii_only=ascii_only)
        return f"{ended} of {len(moving)} files", f"{bar}  {decimal(done):{_SIZE}}  {self._pace(0, come, left, now)}"

    def _pace(self, which: int, come: int, left: int | None, now: float) -> str:
        speed = self._speed(which, come, now)
        ends = f"{words(left / speed)} left" if left is not None and left > 0 and speed else ""
        return f"{f'{decimal(int(speed))}/s' if speed else '':{_SPEED}}  {ends}"

    def _speed(self, which: int, come: int, now: float) -> float:
        """Bytes a second, lately."""
        past = self._past.setdefault(which, deque())
        past.append((now, come))
        while len(past) > 1 and past[0][0] < now - _WINDOW:
            past.popleft()
        since, before = past[0]
        return max(0.0, (come - before) / (now - since)) if now - since >= 0.5 else 0.0
