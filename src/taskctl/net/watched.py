"""A task under watch: what each answer means for it, and when to look at it again. No I/O, no clock of its own."""

from dataclasses import dataclass, replace
from datetime import datetime

from taskctl.errors import NoAnswer, StillPending, TaskctlError, TaskNotFound, Unreadable
from taskctl.model import Report, Task
from taskctl.net import pace
from taskctl.net.wire import Untrusted

SOONEST = 0.5
"""Seconds; a provider that wishes to be asked again sooner is not taken at its word."""
LATEST = 600.0
"""Seconds; nor one that wishes to be left alone for longer."""
CLOSE = 2 * pace.LONGEST
"""Seconds; an end between two looks this far apart tells how long the task took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How patient and how polite a watch is; times in seconds."""

    timeout: float
    interval: float | None = None
    stall: float | None = None
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Something new about a task. With an error the watch of this task is over, and the error says why."""

    task: Task
    before: Task
    error: TaskctlError | None = None
    missed: TaskctlError | None = None
    """A look that brought nothing; the watch goes on."""
    estimate: pace.Estimate | None = None
    raw: object = None
    """The provider's own answer, where a look brought one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks: durations are measured by the one that never jumps."""

    monotonic: float
    wall: datetime


@dataclass(slots=True)
class Watched:
    """A task under watch."""

    task: Task
    every: float
    """Seconds between two looks that its dialect advises."""
    known: bool
    """Whether the provider is known to have had this task."""
    began: float
    changed: float
    estimate: pace.Estimate | None = None
    misses: int = 0
    denials: int = 0
    first_denial: float = 0.0
    looked: float | None = None
    """When it was last told of, while it went on."""
    asked_for: float | None = None
    """Seconds until the next look, as the provider wishes."""
    streamed: bool = False
    alone: bool = False
    """An answer about many tasks left it out: ask for it by itself."""
    company: int | None = None
    """In how many at most to ask for it: one task that makes a request fail must not hide the others."""

    def age(self, now: Moment) -> float:
        """Seconds since it was submitted, as far as anybody knows."""
        submitted = self.task.submitted_at
        return (now.wall - submitted).total_seconds() if submitted else now.monotonic - self.began

    def hear(self, told: Report | TaskctlError, now: Moment, *, once: bool) -> Seen | None:
        """Take in what a look brought; None where that is nothing new. An answer after none is new."""
        before, missed_before = self.task, self.misses
        if isinstance(told, Report):
            self._take(told, now)
            if self.task is before and not once and not missed_before:
                return None
            if self.task is not before:
                self.changed = now.monotonic
            return Seen(task=self.task, before=before, raw=told.raw, estimate=self.estimate)
        missed = self._misses(told, now, once=once)
        if self.task is not before:
            self.changed = now.monotonic
        forgotten = self.task is not before
        return Seen(
            task=self.task,
            before=before,
            missed=told if missed and not forgotten else None,
            error=told if (once or not missed) and not forgotten else None,
            estimate=self.estimate,
        )

    def _take(self, report: Report, now: Moment) -> None:
        self.known = True
        self.misses = self.denials = 0
        self.asked_for = report.poll_after
        before, self.task = self.task, self.task.told(report, now=now.wall)
        eta = self.task.eta_seconds
        if eta is not None and (eta != before.eta_seconds or self.estimate is None or self.estimate.learned):
            since = self.age(now) if eta != before.eta_seconds else 0.0
            self.estimate = pace.Estimate(max(0.0, since) + eta)
        if not self.task.state.ended:
            self.looked = now.monotonic
        elif self.task.took_seconds is None and self._saw_it_end(now):
            self.task = replace(self.task, took_seconds=round(max(0.0, self.age(now)), 3))

    def _saw_it_end(self, now: Moment) -> bool:
        followed = self.streamed or (self.looked is not None and now.monotonic - self.looked <= CLOSE)
        return followed and self.task.submitted_at is not None

    def _misses(self, error: TaskctlError, now: Moment, *, once: bool) -> bool:
        """Whether this is only a look that brought nothing."""
        if isinstance(error, Untrusted):
            return False
        if isinstance(error, NoAnswer | Unreadable):
            many = self.company is not None and self.company > 1
            self.misses = 1 if many else self.misses + 1  # another of them may be to blame: ask again soon, in fewer
            return True
        if isinstance(error, TaskNotFound) and self.known and not once:
            self.misses = 1  # it answers: only this task is in doubt
            self._deny(now)
            return True
        return False

    def _deny(self, now: Moment) -> None:
        """A known task that the provider does not know: not yet, or no more."""
        if self._is_young(now):
            return
        if self.denials == 0:
            self.first_denial = now.monotonic
        self.denials += 1
        if pace.is_forgotten(self.denials, now.monotonic - self.first_denial):
            self.task = self.task.forgotten(now=now.wall)

    def _is_young(self, now: Moment) -> bool:
        """Whether it may be too new to be known. A provider's clock that is ahead of ours is not trusted for long."""
        age = self.age(now)
        return age < pace.GRACE and (age >= 0 or now.monotonic - self.began < pace.GRACE)

    def pause(self, now: Moment, interval: float | None, missed: TaskctlError | None, chance: float) -> float:
        """Seconds until the next look; `interval` is what a person set, which nothing but the provider stretches."""
        if missed is not None:
            asked = missed.retry_after if isinstance(missed, NoAnswer) else None
            every = interval or min(self.every, pace.FORGET_SPAN / 2)
            return pace.after_misses(every, self.misses, asked)
        if interval is not None:
            return interval
        if self.asked_for is not None:
            return min(max(self.asked_for, SOONEST), LATEST)
        eta = self.estimate.seconds if self.estimate else None
        return pace.jittered(pace.pause(self.every, self.age(now), eta), chance)

    def standstill(self, now: float, stall: float | None) -> StillPending | None:
        """The error that it has not moved for so long."""
        if stall is None or self.task.state.ended or now - self.changed < stall:
            return None
        return StillPending(f"{self.task.name} has not moved for {stall:g} s", task=self.task.name)
