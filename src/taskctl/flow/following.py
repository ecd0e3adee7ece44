"""Looks at tasks, and waits for them; every change is on record before it is told."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from taskctl.errors import StillPending, TaskctlError
from taskctl.flow.outcome import Outcome, judged, resuming, verdict
from taskctl.flow.settling import recovered
from taskctl.model import State, Task
from taskctl.net import pace
from taskctl.net.watch import Seen, Terms, Watch
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
    fail_fast: bool = False


async def status(runtime: Runtime, tasks: list[Task]) -> tuple[Outcome, dict[str, object]]:
    """One look at each task, and the providers' own answers by task."""
    outcome, raw = Outcome(), {}
    settled = await _settle(runtime, tasks, outcome)
    told = dict(enumerate(settled))
    places = {_identity(task): place for place, task in told.items()}
    async with aclosing(_watch(runtime, [task for task in settled if task.id], Patience(timeout=0))) as sightings:
        async for seen in sightings:
            told[places[_identity(seen.before)]] = seen.task
            if seen.raw is not None:
                raw[seen.task.name] = seen.raw
            if seen.error is not None:
                outcome.errors.append(seen.error)
    outcome.tasks = list(told.values())
    return outcome, raw


async def wait(
    runtime: Runtime, tasks: list[Task], patience: Patience, on_end: Callable[[Task], None] | None = None
) -> Outcome:
    """Follow the tasks until each has ended, or patience has. `on_end` is called with each task as it ends."""
    outcome = Outcome()
    told = {_identity(task): task for task in await _settle(runtime, tasks, outcome)}
    for task in told.values():
        if task.state.ended and on_end:
            on_end(task)
    if not any(_decides(task, patience) for task in told.values()):
        runtime.listener.watching(list(told.values()), patience.timeout)
        try:
            await _follow(runtime, told, patience, outcome, on_end)
        finally:
            runtime.listener.unwatch()
    outcome.tasks = list(told.values())
    if patience.any and any(task.state is State.COMPLETED for task in outcome.tasks):
        outcome.errors.clear()
        return outcome
    return judged(outcome)


async def _follow(
    runtime: Runtime,
    told: dict[tuple[str, str | None], Task],
    patience: Patience,
    outcome: Outcome,
    on_end: Callable[[Task], None] | None,
) -> None:
    open_ = [task for task in told.values() if not task.state.ended and task.id]
    async with aclosing(_watch(runtime, open_, patience)) as sightings:
        async for seen in sightings:
            told[_identity(seen.before)] = seen.task
            runtime.listener.seen(seen)
            if seen.error is not None:
                outcome.errors.append(_for(seen.error, seen.task))
            if seen.task.state.ended and not seen.before.state.ended:
                if on_end:
                    on_end(seen.task)
                if _decides(seen.task, patience):
                    return


def _decides(task: Task, patience: Patience) -> bool:
    """Whether the end of this task ends the whole wait."""
    return (patience.any and task.state is State.COMPLETED) or (patience.fail_fast and verdict(task) is not None)


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


async def _watch(runtime: Runtime, tasks: list[Task], patience: Patience) -> AsyncGenerator[Seen]:
    """Everything that happens to these tasks; patience of 0 looks once."""
    once = patience.timeout == 0
    terms = Terms(timeout=patience.timeout, interval=patience.interval, stall=patience.stall, once=once)
    watch = Watch(runtime.clock, terms, random.random)
    for alike in _by_provider(tasks):
        try:
            profile = runtime.profiles.of(alike[0])
            provider = await runtime.provider(profile)
        except TaskctlError as error:
            for task in alike:
                yield Seen(task=task, before=task, error=_for(error, task))
            continue
        rate = patience.rate or profile.settings.rate or pace.RATE
        watch.add(provider, [(task, _every(profile, task)) for task in alike], rate=rate, interval=profile.interval)
    async with aclosing(aiter(watch)) as sightings:
        async for seen in sightings:
            if seen.task != seen.before:
                seen = replace(seen, task=runtime.remember(seen.task))  # noqa: PLW2901  # the same sighting, as recorded
            yield seen


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


def _identity(task: Task) -> tuple[str, str | None]:
    return task.base_url, task.id or task.key
