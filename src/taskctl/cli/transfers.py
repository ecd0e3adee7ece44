"""Bars for files on their way, drawn by a timer from what the transfers count."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType  # noqa: TID253  # imported only where bars are drawn
from rich.progress import (  # noqa: TID253  # as above
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars  # noqa: TID253  # as above

from taskctl.safe import safe

if TYPE_CHECKING:
    from taskctl.net.transfer import Progress

MOST = 8
"""More files than this would push each other off the screen."""


class TransferBars(Bars):
    """A bar per file under way; nothing is drawn by the threads that read."""

    def __init__(self, moving: "list[Progress]", console: Console) -> None:
        self._moving = moving
        self._bar_of: dict[int, TaskID] = {}
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        super().__init__(*columns, console=console, transient=True, refresh_per_second=4)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bars as the transfers stand now."""
        for progress in list(getattr(self, "_moving", ())):
            bar = self._bar_of.get(id(progress))
            if bar is None:
                shown = len(self._bar_of) < MOST
                bar = self._bar_of[id(progress)] = self.add_task(
                    safe(progress.label), visible=shown, total=progress.total
                )
            self.update(bar, completed=progress.done, total=progress.total)
        yield from super().get_renderables()
