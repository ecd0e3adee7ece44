"""Looks at tasks, and waits for them; every change is on record before it is told."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from taskctl.errors import StillPending, TaskctlError, UsageError
from taskctl.flow.expecting import Estimates, estimates_of
from taskctl.flow.outcome import Outcome, judged, resuming, verdict
from taskctl.flow.quota import Quota
from taskctl.flow.settling import recovered
from taskctl.model import State, Task
from taskctl.net import pace
from taskctl.net.watch import Watch, Watching
from taskctl.net.watched import Seen, Terms
from taskctl.profiles import Profile
from taskctl.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a wait is meant; times in seconds."""

    timeout: float = 3600.0
    interval: float | None = None
    rate: float | None = None
    stall: float | None = None
    any: bool = False
    """The first that completes is enough, and ends the wait."""
    min_success: Quota | None = None
    """So many are enough; the wait goes on for the others."""
    fail_fast: bool = False
    """The wait ends as soon as too many have failed."""


async def status(
    runtime: Runtime, tasks: list[Task], on_look: Callable[[Task], None] | None = None
) -> tuple[Outcome, dict[str, object]]:
    """One look at each task, and the providers' own answers by task. `on_look` is called with each that answered."""
    outcome, raw = Outcome(), {}
    settled = await _settle(runtime, tasks, outcome)
    told = dict(enumerate(settled))
    places = {task.identity: place for place, task in told.items()}
    async with aclosing(_watch(runtime, [task for task in settled if task.id], Patience(timeout=0))) as sightings:
        async for news in sightings:
            for seen in news:
                told[places[seen.before.identity]] = seen.task
                if seen.raw is not None:
                    raw[seen.task.name] = seen.raw
                if seen.error is not None:
                    outcome.errors.append(_for(seen.error, seen.task))
                elif on_look is not None:
                    on_look(seen.task)
    outcome.tasks = list(told.values())
    return outcome, raw


async def wait(
    runtime: Runtime, tasks: list[Task], patience: Patience, on_end: Callable[[Task], None] | None = None
) -> Outcome:
    """Follow the tasks until each has ended, or patience has. `on_end` is called with each task as it ends.

    Raises:
        UsageError: more tasks shall complete than there are.
    """
    outcome = Outcome()
    settled = await _settle(runtime, tasks, outcome)
    told = {task.identity: task for task in settled}
    told |= {task.identity: task for task in await _with_fresh_links(runtime, settled)}
    tally = _Tally(told, patience)
    for task in tally.told.values():
        if task.state.ended and on_end:
            on_end(task)
    if not tally.decided:
        estimates = estimates_of(runtime, tally.told.values())
        runtime.listener.watching(list(tally.told.values()), patience.timeout, estimates)
        try:
            await _follow(runtime, tally, outcome, estimates, on_end)
        finally:
            runtime.listener.unwatch()
    outcome.tasks = list(tally.told.values())
    if not (patience.any and tally.enough):
        judged(outcome, patience_ended=not tally.decided)
    if tally.enough and (patience.any or patience.min_success):
        outcome.excused, outcome.errors = outcome.errors, []
    return outcome


async def _with_fresh_links(runtime: Runtime, tasks: list[Task]) -> list[Task]:
    """Those that had completed before, with links of today; a verdict stands also where nobody can be asked."""
    completed = [task for task in tasks if task.state is State.COMPLETED]
    if not completed:
        return []
    looked, _ = await status(runtime, completed)
    for error in looked.errors:
        runtime.listener.warn(f"{error.task} has completed, but its links may be old: {error.message}")
    return looked.tasks


class _Tally:
    """What is known of each task, and whether that decides the wait."""

    def __init__(self, told: dict[tuple[str, str | None], Task], patience: Patience) -> None:
        self.told = told
        self.patience = patience
        self._needed = 1 if patience.any else patience.min_success.of(len(told)) if patience.min_success else len(told)
        if (patience.any or patience.min_success) and not told:
            raise UsageError("nothing can complete: there is no task to wait for", hint="did the command before fail?")
        if self._needed > len(told):
            there = "there is only 1 task" if len(told) == 1 else f"there are only {len(told)} tasks"
            raise UsageError(f"--min-success {patience.min_success}: {there}")
        self._completed = sum(task.state is State.COMPLETED for task in told.values())
        self._failed = sum(verdict(task) is not None for task in told.values())

    @property
    def enough(self) -> bool:
        """Whether as many have completed as have to."""
        return self._completed >= self._needed

    @property
    def decided(self) -> bool:
        """Whether what is still to come makes no difference."""
        too_few = len(self.told) - self._failed < self._needed
        return (self.patience.any and self.enough) or (self.patience.fail_fast and too_few)

    def take(self, seen: Seen) -> None:
        """Count what happened."""
        self.told[seen.before.identity] = seen.task
        if not seen.before.state.ended:
            self._completed += seen.task.state is State.COMPLETED
            self._failed += seen.error is not None or verdict(seen.task) is not None


async def _follow(
    runtime: Runtime,
    tally: _Tally,
    outcome: Outcome,
    estimates: Estimates,
    on_end: Callable[[Task], None] | None,
) -> None:
    going = [task for task in tally.told.values() if not task.state.ended and task.id]
    async with aclosing(_watch(runtime, going, tally.patience, estimates)) as sightings:
        async for news in sightings:
            runtime.listener.seen(news)
            for seen in news:
                tally.take(seen)
                if seen.error is not None:
                    outcome.errors.append(_for(seen.error, seen.task))
                if on_end and seen.task.state.ended and not seen.before.state.ended:
                    on_end(seen.task)
            if tally.decided:
                return


async def _settle(runtime: Runtime, tasks: list[Task], outcome: Outcome) -> list[Task]:
    """The tasks, those with a lost answer settled where their provider can tell."""
    settled = []
    for task in tasks:
        lost = task.state is State.UNCONFIRMED and task.key is not None
        submission = runtime.history.submission(task.key or "", task.base_url) if lost else None
        try:
            settled.append(await recovered(runtime, submission) if submission else task)
        except TaskctlError as error:
            outcome.errors.append(error)
            settled.append(task)
    return settled


async def _watch(
    runtime: Runtime, tasks: list[Task], patience: Patience, estimates: Estimates | None = None
) -> AsyncGenerator[list[Seen]]:
    """Everything that happens to these tasks; patience of 0 looks once."""
    once = patience.timeout == 0
    terms = Terms(timeout=patience.timeout, interval=patience.interval, stall=patience.stall, once=once)
    watch = Watch(runtime.clock, terms, random.random)
    budgets: dict[object, pace.Budget] = {}
    for alike in _by_provider(tasks):
        try:
            profile = runtime.profiles.of(alike[0])
            provider = await runtime.provider(profile)
        except TaskctlError as error:
            yield [Seen(task=task, before=task, error=_for(error, task)) for task in alike]
            continue
        rate = patience.rate or profile.settings.rate or pace.RATE
        budget = budgets.setdefault(provider.account, pace.Budget(rate))
        budget.rate = min(budget.rate, rate)
        watching = [
            Watching(task=task, every=_every(profile, task), estimate=(estimates or {}).get(task.identity))
            for task in alike
        ]
        watch.add(provider, watching, budget=budget, interval=profile.interval)
    async with aclosing(aiter(watch)) as sightings:
        async for news in sightings:
            recorded = iter(runtime.remember_all([seen.task for seen in news if seen.task is not seen.before]))
            yield [seen if seen.task is seen.before else replace(seen, task=next(recorded)) for seen in news]


def _by_provider(tasks: list[Task]) -> list[list[Task]]:
    grouped: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        grouped.setdefault((task.profile, task.base_url), []).append(task)
    return list(grouped.values())


def _every(profile: Profile, task: Task) -> float:
    """Seconds between two looks that the dialect advises for this task."""
    operation = profile.dialect.operations.get(task.operation or "")
    return operation.every if operation else profile.dialect.form.poll.every


def _for(error: TaskctlError, task: Task) -> TaskctlError:
    """The same error, about this task; where the task goes on, with what resumes the wait."""
    message = error.message if task.name in error.message else f"{task.name}: {error.message}"
    hint = resuming(task) if isinstance(error, StillPending) else error.hint
    return type(error)(message, hint=hint, task=task.name)
