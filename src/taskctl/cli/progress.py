"""What people see while tasks run and files arrive: bars on a terminal, a line per change elsewhere."""

import threading
from typing import TYPE_CHECKING

from taskctl.cli import tables
from taskctl.cli.output import Format, Output
from taskctl.clock import Clock
from taskctl.durations import words
from taskctl.model import State, Task
from taskctl.safe import safe
from taskctl.secret import redact

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from taskctl.net.transfer import Progress
    from taskctl.net.watch import Seen

HEARTBEAT = 60.0
"""Seconds; CI runners kill jobs that are silent for long."""
MOST_BARS = 12
"""More tasks than this share one bar."""


def listener_for(output: Output, clock: Clock) -> "LineListener":
    """Bars where they can move and nothing else is written meanwhile, otherwise lines."""
    lines_come = output.format is Format.JSONL and output.on_terminal
    return LiveListener(output, clock) if output.lively and not lines_come else LineListener(output, clock)


class LineListener:
    """One line per change of state, and a heartbeat each minute."""

    def __init__(self, output: Output, clock: Clock, *, heartbeat: float = HEARTBEAT) -> None:
        self._output = output
        self._clock = clock
        self._heartbeat = heartbeat
        self._tasks: dict[tuple[str, str | None], Task] = {}
        self._began = 0.0
        self._silent = threading.Event()
        self._strange: set[str] = set()

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self._output.note(text)

    def warn(self, text: str) -> None:
        """Something that may need doing."""
        self._output.warn(text)

    def watching(self, tasks: list[Task], timeout: float) -> None:
        """A watch begins."""
        if self._announced(tasks, timeout):
            self._silent.clear()
            threading.Thread(target=self._beat, daemon=True).start()

    def _announced(self, tasks: list[Task], timeout: float) -> bool:
        """Say for how long we wait, where we do."""
        self._began = self._clock.monotonic()
        self._tasks = {(task.base_url, task.id): task for task in tasks}
        going = sum(not task.state.ended for task in tasks)
        if not going or not timeout:
            return False
        noun = "1 task" if going == 1 else f"{going} tasks"
        self.note(f"waiting for {noun}, at most {words(timeout)}")
        return True

    def seen(self, seen: "Seen") -> None:
        """Something happened to a task under watch."""
        self._tasks[seen.before.base_url, seen.before.id] = seen.task
        if seen.missed is not None and seen.error is None:
            self._missed(str(seen.missed.message))
        if seen.task.state is not seen.before.state or seen.task.provider_state != seen.before.provider_state:
            self._changed(seen.task)

    def unwatch(self) -> None:
        """The watch is over."""
        self._silent.set()

    def transferring(self, progress: "list[Progress]") -> None:
        """Files are on their way."""

    def transferred(self) -> None:
        """All files are here or given up."""

    def _changed(self, task: Task) -> None:
        if task.state is State.UNKNOWN:
            word = task.provider_state or ""
            if word not in self._strange:
                self._strange.add(word)
                self.warn(
                    f"{task.name}: the provider calls its state {word!r}, which its dialect does not know; waiting on"
                )
            return
        why = tables.reason(task)
        self.note(f"{task.name} {task.state}" + (f": {why}" if why else ""))

    def _missed(self, message: str) -> None:
        if self._output.verbose:
            self.note(message)

    def _beat(self) -> None:
        while not self._silent.wait(self._heartbeat):
            self.note(f"{self._counts()} after {words(self._clock.monotonic() - self._began)}")

    def _counts(self) -> str:
        states = [task.state for task in self._tasks.values()]
        return ", ".join(f"{states.count(state)} {state}" for state in State if state in states)


class LiveListener(LineListener):
    """Bars that move, drawn by a timer and gone when all is done."""

    def __init__(self, output: Output, clock: Clock) -> None:
        super().__init__(output, clock)
        self._bars: Bars | None = None
        self._bar_of: dict[tuple[str, str | None], TaskID] = {}
        self._summary: TaskID | None = None

    def watching(self, tasks: list[Task], timeout: float) -> None:
        """Draw a bar per task, or one for all."""
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        if not self._announced(tasks, timeout):
            return
        self._bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=self._output.console(self._output.stderr),
            transient=True,
            refresh_per_second=4,
        )
        if len(tasks) > MOST_BARS:
            self._summary = self._bars.add_task(f"{len(tasks)} tasks", total=len(tasks), state=self._counts())
        else:
            for identity, task in self._tasks.items():
                total = None if task.progress is None and not task.state.ended else 100
                self._bar_of[identity] = self._bars.add_task(_label(task), total=total, state=task.state.value)
        self._draw_all()
        self._bars.start()

    def seen(self, seen: "Seen") -> None:
        """Move the bar of this task."""
        super().seen(seen)
        self._draw(seen.task)

    def unwatch(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._summary = None, None
        self._bar_of.clear()

    def transferring(self, progress: "list[Progress]") -> None:
        """Draw a bar per file; the list grows while files begin."""
        from taskctl.cli.transfers import TransferBars

        self._bars = TransferBars(progress, self._output.console(self._output.stderr))
        self._bars.start()

    def transferred(self) -> None:
        """Take the bars away."""
        self.unwatch()

    def note(self, text: str) -> None:
        """Say it above the bars."""
        if self._bars is None:
            super().note(text)
        elif not self._output.quiet:
            self._bars.console.print(safe(redact(text)), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Say it above the bars, whatever `-q` says."""
        if self._bars is None:
            super().warn(text)
        else:
            self._bars.console.print(f"warning: {safe(redact(text))}", soft_wrap=True)

    def _changed(self, task: Task) -> None:
        if task.state in (State.FAILED, State.CANCELLED, State.EXPIRED, State.UNKNOWN):
            super()._changed(task)

    def _draw_all(self) -> None:
        for task in self._tasks.values():
            self._draw(task)

    def _draw(self, task: Task) -> None:
        if self._bars is None:
            return
        if self._summary is not None:
            ended = sum(known.state.ended for known in self._tasks.values())
            self._bars.update(self._summary, completed=ended, state=self._counts())
            return
        bar = self._bar_of.get((task.base_url, task.id))
        if bar is None:
            return
        if task.state is State.COMPLETED:
            self._bars.update(bar, total=100, completed=100, state=task.state.value)
        elif task.progress is not None:
            self._bars.update(bar, total=100, completed=task.progress, state=f"{task.state} {task.progress}%")
        else:
            self._bars.update(bar, state=task.state.value)
        if task.state.ended:
            self._bars.stop_task(bar)


def _label(task: Task) -> str:
    name = safe(task.name)
    short = name if len(name) <= 24 else f"{name[:10]}…{name[-12:]}"
    return f"{safe(task.profile)} {short}"
