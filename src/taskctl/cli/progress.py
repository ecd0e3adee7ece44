"""What people see while tasks run and files arrive: a board on a terminal, a line per change elsewhere."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from taskctl.cli import tables
from taskctl.cli.output import Format, Output
from taskctl.clock import Clock
from taskctl.durations import words
from taskctl.model import State, Task
from taskctl.safe import safe
from taskctl.secret import redact

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from taskctl.cli.board import Board
    from taskctl.net.pace import Estimate
    from taskctl.net.transfer import Progress
    from taskctl.net.watched import Seen

HEARTBEAT = 60.0
"""Seconds; CI runners kill jobs that are silent for long."""
PULSE = 1.0
"""Seconds for which lines are held back, to be told together."""
SINGLY = 10
"""More tasks than this are told of together."""
TROUBLE = 5
"""Looks in a row that brought nothing, after which that is told."""
NAMED = 3
"""Tasks that one line names."""


def listener_for(output: Output, clock: Clock) -> "LineListener":
    """A board where it can move and nothing else is written meanwhile, otherwise lines."""
    lines_come = output.format is Format.JSONL and output.on_terminal
    return LiveListener(output, clock) if output.lively and not lines_come else LineListener(output, clock)


class LineListener:
    """One line per change of state, together where there are many, and a heartbeat each minute."""

    def __init__(self, output: Output, clock: Clock, *, heartbeat: float = HEARTBEAT, pulse: float = PULSE) -> None:
        self._output = output
        self._clock = clock
        self._heartbeat = heartbeat
        self._pulse = pulse
        self._states: dict[tuple[str, str | None], State] = {}
        self._held: dict[State, list[str]] = {}
        self._moving: list[Progress] = []
        self._lock = threading.Lock()
        self._began = 0.0
        self._over = threading.Event()
        self._strange: set[str] = set()
        self._misses: dict[str, int] = {}
        """Looks in a row that brought nothing, by the provider's address."""

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self._output.note(text)

    def warn(self, text: str) -> None:
        """Something that may need doing."""
        self._output.warn(text)

    def watching(
        self, tasks: Sequence[Task], timeout: float, estimates: "Mapping[tuple[str, str | None], Estimate]"
    ) -> None:
        """A watch begins."""
        self._states = {task.identity: task.state for task in tasks}
        if self._announced(tasks, timeout, estimates):
            self._begin_beating()

    def _announced(
        self, tasks: Sequence[Task], timeout: float, estimates: "Mapping[tuple[str, str | None], Estimate]"
    ) -> bool:
        """Say for how long we wait, where we do, and how long it usually takes."""
        self._began = self._clock.monotonic()
        going = [task for task in tasks if not task.state.ended]
        if not going or not timeout:
            return False
        noun = "1 task" if len(going) == 1 else f"{len(going)} tasks"
        self.note(f"waiting for {noun}, at most {words(timeout)}{_usually(going, estimates)}")
        return True

    def seen(self, news: "Sequence[Seen]") -> None:
        """Something happened to tasks under watch."""
        for seen in news:
            self._states[seen.before.identity] = seen.task.state
            if seen.error is None:
                self._missed(seen)
            if seen.task.state is not seen.before.state or seen.task.provider_state != seen.before.provider_state:
                self._changed(seen.task)

    def unwatch(self) -> None:
        """The watch is over."""
        self._over.set()
        self._tell_held()

    def transferring(self, progress: "list[Progress]") -> None:
        """Files are on their way."""
        self._began = self._clock.monotonic()
        self._moving = progress
        self._begin_beating()

    def transferred(self) -> None:
        """All files are here or given up."""
        self._over.set()
        self._moving = []

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
        if why or len(self._states) <= SINGLY:
            self.note(f"{task.name} {task.state}" + (f": {why}" if why else ""))
            return
        with self._lock:
            self._held.setdefault(task.state, []).append(task.name)

    def _tell_held(self) -> None:
        with self._lock:
            held, self._held = self._held, {}
        for state, names in held.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            count = f"{len(names)} " if len(names) > 1 else ""
            self.note(f"{count}{state}: {', '.join(names[:NAMED])}{more}")

    def _missed(self, seen: "Seen") -> None:
        """Say once that a provider does not answer, when that has gone on for some looks; with -v say it every time."""
        place = seen.before.base_url
        if seen.missed is None:
            self._misses.pop(place, None)
            return
        self._misses[place] = self._misses.get(place, 0) + 1
        asked = getattr(seen.missed, "retry_after", None) or 0.0
        told = self._misses[place] == TROUBLE or (self._misses[place] == 1 and asked >= HEARTBEAT)
        if told or self._output.verbose:
            again = f" (it asks for {words(asked)} of rest)" if asked else ""
            self.note(f"{seen.missed.message}{again}; waiting on")

    def _begin_beating(self) -> None:
        self._over = threading.Event()
        threading.Thread(target=self._beat, args=(self._over,), daemon=True).start()

    def _beat(self, over: threading.Event) -> None:
        pulses = 0
        while not over.wait(self._pulse):
            self._tell_held()
            pulses += 1
            if pulses * self._pulse >= self._heartbeat:
                pulses = 0
                self.note(f"{self._counts()} after {words(self._clock.monotonic() - self._began)}")

    def _counts(self) -> str:
        if self._moving:
            from rich.filesize import decimal

            ended, done = sum(one.ended for one in self._moving), sum(one.done for one in self._moving)
            return f"{ended} of {len(self._moving)} files here, {decimal(done)}"
        states = list(self._states.values())
        return ", ".join(f"{states.count(state)} {state}" for state in State if state in states)


class LiveListener(LineListener):
    """A board that moves, drawn by a timer and gone when all is done."""

    def __init__(self, output: Output, clock: Clock) -> None:
        super().__init__(output, clock)
        self._live: Live | None = None
        self._board: Board | None = None

    def watching(
        self, tasks: Sequence[Task], timeout: float, estimates: "Mapping[tuple[str, str | None], Estimate]"
    ) -> None:
        """Put up the board."""
        from taskctl.cli.board import MOST_ROWS, Board

        if not self._announced(tasks, timeout, estimates):
            return
        self._board = Board(tasks, self._clock, estimates)
        self._draw(self._board.lines, 4 if len(tasks) <= MOST_ROWS else 2)

    def _draw(self, lines: "Callable[..., Iterable[Text]]", often: int) -> None:
        """Draw these lines so often a second, until `unwatch`."""
        from rich.console import Group
        from rich.live import Live

        console = self._output.console(self._output.stderr)

        def drawn() -> Group:
            width, height = console.size
            return Group(*lines(width, height, ascii_only=console.options.ascii_only))

        live = Live(get_renderable=drawn, console=console, transient=True, refresh_per_second=often)
        live.start(refresh=True)
        self._live = live

    def seen(self, news: "Sequence[Seen]") -> None:
        """Note it on the board, which shows it with its next drawing."""
        super().seen(news)
        if self._board is not None:
            self._board.take(news)

    def unwatch(self) -> None:
        """Take the board away."""
        if self._live is not None:
            self._live.stop()
        self._live = self._board = None

    def transferring(self, progress: "list[Progress]") -> None:
        """Draw a bar per file; the list grows while files begin."""
        from taskctl.cli.transfers import Files

        self._draw(Files(progress, self._clock).lines, 4)

    def transferred(self) -> None:
        """Take the bars away."""
        self.unwatch()

    def note(self, text: str) -> None:
        """Say it above the board."""
        if self._live is None:
            super().note(text)
        elif not self._output.quiet:
            self._live.console.print(safe(redact(text)), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Say it above the board, whatever `-q` says."""
        if self._live is None:
            super().warn(text)
        else:
            self._live.console.print(f"warning: {safe(redact(text))}", soft_wrap=True)

    def _changed(self, task: Task) -> None:
        if task.state is State.UNKNOWN or (tables.reason(task) and self._board and len(self._board) <= SINGLY):
            super()._changed(task)


def _usually(going: Sequence[Task], estimates: "Mapping[tuple[str, str | None], Estimate]") -> str:
    """How long tasks like these take, where all of them are alike."""
    learned = {estimate for task in going if (estimate := estimates.get(task.identity)) and estimate.learned}
    if len(learned) != 1:
        return ""
    (estimate,) = learned
    late = f", nine in ten below {words(estimate.late)}" if estimate.late else ""
    return f" (tasks like this took {words(estimate.seconds)}{late})"
