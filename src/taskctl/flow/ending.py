"""Cancels what has not ended, and deletes what is named; and asks a provider for its own list."""

from taskctl.errors import KeyConflict, Refused, TaskctlError, Unsupported
from taskctl.flow.outcome import Outcome, unsettled
from taskctl.model import State, Task
from taskctl.net.provider import Provider
from taskctl.runtime import Runtime


async def cancel(runtime: Runtime, tasks: list[Task]) -> Outcome:
    """Ask the providers to stop these tasks. One that has ended stays as it is."""
    outcome = Outcome()
    for task in tasks:
        try:
            outcome.tasks.append(await _cancelled(runtime, task))
        except TaskctlError as error:
            outcome.tasks.append(task)
            outcome.errors.append(error)
    return outcome


async def _cancelled(runtime: Runtime, task: Task) -> Task:
    profile = runtime.profiles.of(task)
    if profile.dialect.cancel is None:
        raise Unsupported(f"{profile.dialect.name} cannot cancel", hint="the task goes on", task=task.name)
    if task.state.ended:
        runtime.listener.note(f"{task.name} has ended already: {task.state}")
        return task
    provider = await runtime.provider(profile)
    try:
        report = await provider.cancel(task.id, task.key)
    except (Refused, KeyConflict) as refusal:
        return await _as_it_is(runtime, provider, task, refusal)
    if task.id is not None and (report is None or report.state is None):
        report = await provider.look(task.id, operation=task.operation)
    if report is None:
        runtime.listener.note(f"{task.name}: {profile.name} took the request, and says nothing of the task")
        return task
    told = runtime.remember(task.told(report, now=runtime.clock.now()))
    if told.state is not State.CANCELLED:
        runtime.listener.note(f"{told.name} is {told.state}: it was not cancelled")
    return told


async def _as_it_is(runtime: Runtime, provider: Provider, task: Task, refusal: TaskctlError) -> Task:
    """What a task is that could not be cancelled: perhaps it has ended meanwhile, and that is why.

    Raises:
        TaskctlError: the refusal, where that is not it.
    """
    if task.id is None:
        raise refusal
    try:
        report = await provider.look(task.id, operation=task.operation)
    except TaskctlError:
        raise refusal from None
    told = runtime.remember(task.told(report, now=runtime.clock.now()))
    if not told.state.ended:
        raise refusal
    runtime.listener.note(f"{told.name} is {told.state}: it was not cancelled")
    return told


async def delete(runtime: Runtime, tasks: list[Task]) -> Outcome:
    """Remove these tasks and their files at their providers; the history keeps what it knows."""
    outcome = Outcome()
    for task in tasks:
        try:
            profile = runtime.profiles.of(task)
            if profile.dialect.delete is None:
                hint = "only the provider's own pages can, if at all"
                raise Unsupported(f"{profile.dialect.name} cannot delete", hint=hint, task=task.name)
            if task.id is None:
                raise unsettled(task)
            provider = await runtime.provider(profile)
            await provider.delete(task.id)
        except TaskctlError as error:
            outcome.errors.append(error)
            outcome.tasks.append(task)
        else:
            outcome.tasks.append(
                task if task.state.ended else runtime.remember(task.forgotten(now=runtime.clock.now()))
            )
    return outcome


async def remote(runtime: Runtime, limit: int | None) -> Outcome:
    """The tasks that the selected provider lists, with what the history knows of them besides."""
    profile = runtime.profiles.selected()
    if profile.dialect.listing is None:
        raise Unsupported(
            f"{profile.dialect.name} cannot list its tasks", hint="taskctl list shows what the history knows"
        )
    provider = await runtime.provider(profile)
    outcome = Outcome()
    async for report in provider.tasks(limit):
        known = runtime.history.find_in(profile.base_url, report.id or "")
        fresh = Task(
            id=report.id, key=None, profile=profile.name, dialect=profile.dialect.name, base_url=profile.base_url
        )
        outcome.tasks.append((known or fresh).told(report, now=runtime.clock.now()))
    return outcome
