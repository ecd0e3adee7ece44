"""The tasks of one provider under watch: which is looked at next, with which others, and how."""

import heapq
from dataclasses import dataclass, field

from taskctl.errors import Busy, NoAnswer, TaskctlError, Unavailable, Unreadable
from taskctl.net.pace import Budget
from taskctl.net.provider import Provider
from taskctl.net.watched import Watched

LOOKS = 100
"""Looks under way at once, per provider."""
STREAMS = 8
"""Streams open at once, per provider."""


@dataclass(slots=True)
class Lane:
    """The tasks of one provider and what they share."""

    provider: Provider
    budget: Budget
    interval: float | None = None
    """As a person set it: without jitter."""
    tasks: list[Watched] = field(default_factory=list)
    looks: int = 0
    streaming: dict[int, Watched] = field(default_factory=dict)
    """Tasks of which a stream tells, and no look."""
    reached: bool = False
    """Whether the provider has ever answered, be it that it cannot answer now."""
    answered: bool = False
    """Whether it has ever told of a task."""
    trouble: TaskctlError | None = None
    """Why the last look that brought nothing did not."""
    _due: list[tuple[float, int, Watched]] = field(default_factory=list)
    _order: int = 0
    _batch: int = 1
    """Tasks that one request may ask for."""
    _streams: bool = False

    def __post_init__(self) -> None:
        dialect = self.provider.site.dialect
        self._batch = dialect.form.batch.size if dialect.form.batch else 1
        self._streams = "stream" in dialect.abilities

    def push(self, watched: Watched, due: float) -> None:
        """Look at this task then, or as soon after as the budget allows."""
        self._order += 1
        heapq.heappush(self._due, (due, self._order, watched))

    def next_due(self) -> float | None:
        """When the next request may leave; None where nothing waits or too much is under way."""
        return max(self._due[0][0], self.budget.free_at) if self._due and self.looks < LOOKS else None

    def take(self, now: float) -> list[Watched]:
        """The tasks of the next request, the one that waits longest first.

        One request for many takes along those that would be asked for soon, unless a person said how often to ask.
        """
        self.budget.take(now)
        first = heapq.heappop(self._due)[2]
        soon = now if self.interval is not None else now + first.every / 2
        taken = [first]
        most = self._most(first)
        while len(taken) < most and self._due:
            due, _, watched = self._due[0]
            most = min(most, self._most(watched))
            if len(taken) >= most or due > soon:
                break
            heapq.heappop(self._due)
            taken.append(watched)
        return taken

    def _most(self, watched: Watched) -> int:
        """With how many, itself included, one request may ask for this task."""
        return 1 if watched.alone else min(self._batch, watched.company or self._batch)

    def may_stream(self, watched: Watched) -> bool:
        """Whether a stream may be opened for this task."""
        return self._streams and not watched.streamed and len(self.streaming) < STREAMS

    def ask_singly(self) -> None:
        """This provider has no answers about many tasks after all."""
        self._batch = 1

    def hear(self, problem: TaskctlError | None, now: float) -> None:
        """Learn from one request, which brought an answer or a problem, what holds for all these tasks."""
        match problem:
            case NoAnswer():
                self.trouble = problem
                self.reached = self.reached or isinstance(problem, Unavailable)
                if isinstance(problem, Busy) or problem.retry_after is not None:
                    self.budget.refused(now, problem.retry_after)
            case Unreadable():
                self.trouble, self.reached = problem, True
            case _:
                self.reached = self.answered = True
                self.budget.accepted()
