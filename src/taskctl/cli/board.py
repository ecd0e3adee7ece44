"""What a terminal shows of a wait: a line per task while they fit, else the sum of them and the ones that matter."""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size  # noqa: TID253  # imported only where a board is drawn
from rich.text import Text  # noqa: TID253  # imported only where a board is drawn

from taskctl.cli.tables import STYLES, reason
from taskctl.clock import Clock
from taskctl.durations import words
from taskctl.model import State, Task
from taskctl.safe import safe
from taskctl.secret import redact

if TYPE_CHECKING:
    from taskctl.net.pace import Estimate
    from taskctl.net.watched import Seen

MOST_ROWS = 12
"""More tasks than this are shown as their sum."""
MATTER = 3
"""Tasks of each sort that are named below the sum."""
STANDSTILL = 300.0
"""Seconds without a change after which a task is named as standing still."""
SPARE = 3
"""Columns left free: the terminal writes its ^C there, and a line that wraps is two."""
_NAME, _BAR, _STATE, _TIME, _LEFT = 24, 20, 13, 7, 19
_WINDOW = 60
"""Seconds over which the throughput is told."""


@dataclass(slots=True)
class Row:
    """A task under watch, and what a person wants to know of it."""

    task: Task
    changed: float
    estimate: "Estimate | None" = None
    missed: str | None = None
    """Why the last look brought nothing."""
    ended: float | None = None
    """When it ended, by the clock that never jumps."""

    def age(self, now: datetime, monotonic: float, began: float) -> float:
        """Seconds since it was submitted, as far as we know; of a task that has ended, until then."""
        since_end = monotonic - self.ended if self.ended is not None else 0.0
        if self.task.took_seconds is not None:
            return self.task.took_seconds
        if self.task.submitted_at is None:
            return monotonic - began - since_end
        return max(0.0, (now - self.task.submitted_at).total_seconds() - since_end)


class Board:
    """The tasks of a wait, counted as they change, so that drawing many costs little."""

    def __init__(
        self, tasks: Sequence[Task], clock: Clock, estimates: "Mapping[tuple[str, str | None], Estimate] | None" = None
    ) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        known = estimates or {}
        self._rows = {task.identity: Row(task, self._began, known.get(task.identity)) for task in tasks}
        for row in self._rows.values():
            row.ended = self._began if row.task.state.ended else None
        self._counts = Counter(task.state for task in tasks)
        self._failed: deque[Row] = deque(maxlen=MATTER)
        self._silent: dict[tuple[str, str | None], Row] = {}
        self._ends: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, news: "Sequence[Seen]") -> None:
        """Count what happened."""
        now = self._clock.monotonic()
        for seen in news:
            row = self._rows.get(seen.before.identity)
            if row is None:
                continue
            self._counts[row.task.state] -= 1
            self._counts[seen.task.state] += 1
            if seen.task is not seen.before:
                row.changed = now
            if seen.task.state.ended and not row.task.state.ended:
                row.ended = now
                self._ends.append(now)
                if seen.task.state is not State.COMPLETED:
                    self._failed.append(row)
            row.task, row.estimate = seen.task, seen.estimate or row.estimate
            problem = seen.missed or seen.error
            row.missed = problem.message if problem and not seen.task.state.ended else None
            if row.missed is None:
                self._silent.pop(seen.before.identity, None)
            else:
                self._silent[seen.before.identity] = row

    def fits(self, height: int) -> bool:
        """Whether every task gets a line of its own."""
        return len(self._rows) <= min(MOST_ROWS, height - 2)

    def counts(self) -> str:
        """How many tasks are in which state."""
        return ", ".join(f"{self._counts[state]} {state}" for state in State if self._counts[state])

    def lines(self, width: int, height: int, *, ascii_only: bool = False) -> Iterator[Text]:
        """The board, no wider and no higher than this."""
        rows = self._rows.values() if self.fits(height) else self._that_matter()
        made = [
            *(() if self.fits(height) else self._sum(width, ascii_only=ascii_only)),
            *self._each(rows, width, ascii_only=ascii_only),
        ]
        for line in made[: max(1, height - 1)]:
            line.rstrip()
            line.truncate(max(1, width - SPARE), overflow="crop" if ascii_only else "ellipsis")
            yield line

    def _each(self, rows: Iterable[Row], width: int, *, ascii_only: bool) -> Iterator[Text]:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        rows = list(rows)
        names = [_name(row.task, ascii_only=ascii_only) for row in rows]
        wide = min(2 * _NAME, max(map(cell_len, names), default=0))
        bar = max(_BAR // 4, min(_BAR, width - wide - _STATE - _TIME - _LEFT - 6))
        for name, row in zip(names, rows, strict=True):
            task, style, age = row.task, STYLES[row.task.state], row.age(now, monotonic, self._began)
            line = Text(f"{set_cell_size(name, wide)}  ", no_wrap=True)
            line.append(_bar(task, monotonic, bar, ascii_only=ascii_only), style=style)
            line.append(f"  {_state(task):{_STATE}}", style=style)
            line.append(f"{words(age):>{_TIME}}  ")
            if row.ended is None:
                line.append(f"{_left(row, age):{_LEFT}} ", style="dim")
            line.append(_note(row, monotonic))
            yield line

    def _sum(self, width: int, *, ascii_only: bool) -> Iterator[Text]:
        total, now = len(self._rows), self._clock.monotonic()
        ended = sum(self._counts[state] for state in State if state.ended)
        wide = max(_BAR, min(width - 60, 2 * _BAR))
        line = Text(f"{total} tasks  ", no_wrap=True)
        line.append(filled(ended / total if total else 1.0, wide, ascii_only=ascii_only), style="green")
        line.append(f"  {ended}/{total}  {words(now - self._began)}")
        yield line
        states = Text("  ", no_wrap=True)
        bad = [State.FAILED, State.EXPIRED, State.CANCELLED, State.UNCONFIRMED, State.UNKNOWN]
        for state in (*bad, State.QUEUED, State.RUNNING, State.COMPLETED):
            if self._counts[state]:
                states.append(f"{self._counts[state]} {state}", style=STYLES[state]).append("  ")
        yield states
        yield Text(f"  {self._throughput(total - ended, now)}", style="dim", no_wrap=True)

    def _throughput(self, left: int, now: float) -> str:
        while self._ends and self._ends[0] < now - _WINDOW:
            self._ends.popleft()
        span = min(float(_WINDOW), now - self._began)
        if not self._ends or span < 1:
            return "none has ended lately" if span >= _WINDOW else "none has ended yet"
        a_second = len(self._ends) / span
        often = f"{a_second:.1f} ending a second" if a_second >= 1 else f"{a_second * 60:.1f} ending a minute"
        return often + (f", {words(left / a_second)} left at this rate" if left else "")

    def _that_matter(self) -> Iterator[Row]:
        """The last that failed, those that bring no answer or stand still, and those about to end."""
        now = self._clock.monotonic()
        yield from reversed(list(self._failed))  # copies: news may come from another thread while this is drawn
        silent = heapq.nlargest(MATTER, list(self._silent.values()), key=lambda row: now - row.changed)
        yield from silent
        going = [row for row in self._rows.values() if row.ended is None and row.missed is None]
        still = (row for row in going if now - row.changed >= STANDSTILL)
        yield from heapq.nlargest(MATTER - len(silent), still, key=lambda row: now - row.changed)
        moving = (row for row in going if row.task.progress and now - row.changed < STANDSTILL)
        yield from heapq.nlargest(MATTER, moving, key=lambda row: row.task.progress or 0)


def _name(task: Task, *, ascii_only: bool) -> str:
    name, gap = safe(task.name), ".." if ascii_only else "…"
    short = name if len(name) <= _NAME else f"{name[:10]}{gap}{name[-12:]}"
    return f"{safe(task.profile)} {short}"


def _bar(task: Task, now: float, wide: int, *, ascii_only: bool) -> str:
    if task.state is State.COMPLETED:
        return filled(1.0, wide, ascii_only=ascii_only)
    if task.progress is not None:
        return filled(task.progress / 100, wide, ascii_only=ascii_only)
    if task.state.ended:
        return filled(0.0, wide, ascii_only=ascii_only)
    return wandering(now, wide, ascii_only=ascii_only)


def wandering(now: float, wide: int, *, ascii_only: bool) -> str:
    """A bar with a mark that wanders, since nobody knows how far it is."""
    full, empty = _strokes(ascii_only=ascii_only)
    at = int(now * 4) % wide
    return "".join(full if (place - at) % wide < wide // 4 else empty for place in range(wide))


def filled(share: float, wide: int, *, ascii_only: bool) -> str:
    """A bar that is full to this share."""
    full, empty = _strokes(ascii_only=ascii_only)
    done = int(max(0.0, min(1.0, share)) * wide)
    return full * done + empty * (wide - done)


def _strokes(*, ascii_only: bool) -> tuple[str, str]:
    return ("#", "-") if ascii_only else ("━", "─")


def _state(task: Task) -> str:
    if task.progress is not None and not task.state.ended:
        return f"{task.state} {task.progress}%"
    return task.state.value


def _left(row: Row, age: float) -> str:
    """How long it still takes, as far as anybody knows."""
    if row.ended is not None or row.estimate is None:
        return ""
    usually = "usually " if row.estimate.learned else ""
    left, late = row.estimate.seconds - age, row.estimate.late
    if left >= 1:
        return f"{usually}~{words(left)} left"
    if late is not None and late - age >= 1:
        return f"{usually}<{words(late - age)} left"
    if row.estimate.learned:
        return "longer than usual"
    return "any moment" if age < 1.5 * row.estimate.seconds else "overdue"


def _note(row: Row, now: float) -> str:
    """What it waits for, or why it did not end well."""
    if row.missed is not None:
        return safe(redact(row.missed.partition(": ")[2] or row.missed))
    if row.ended is not None:
        return safe(redact(reason(row.task) or ""))
    if now - row.changed >= STANDSTILL:
        return f"no change for {words(now - row.changed)}"
    return safe(redact(row.task.message or ""))
