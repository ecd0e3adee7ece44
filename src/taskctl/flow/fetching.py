"""Fetches the results of tasks: with fresh links, several files at once, each recorded when it is whole."""

import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from taskctl.errors import FileError, StillPending, TaskctlError
from taskctl.flow import following
from taskctl.flow.courier import Fetching, differs
from taskctl.flow.couriers import Couriers
from taskctl.flow.following import Patience, status
from taskctl.flow.outcome import Outcome, unsettled, verdict
from taskctl.model import State, Task
from taskctl.runtime import Runtime

__all__ = ["Fetching", "download", "fetch", "verify", "wait"]


async def download(runtime: Runtime, tasks: list[Task], fetching: Fetching) -> Outcome:
    """Fetch the results of these tasks. Each is asked for its links first, and fetched as soon as it has told them."""
    async with _fetching(runtime, fetching) as couriers:
        outcome, _ = await status(runtime, tasks, couriers.take)
    asked = {error.task for error in outcome.errors}
    for task in outcome.tasks:
        if (error := _unfetchable(task)) is not None and task.name not in asked:
            outcome.errors.append(error)
    return couriers.joined(outcome)


async def wait(
    runtime: Runtime,
    tasks: list[Task],
    patience: Patience,
    fetching: Fetching,
    on_end: Callable[[Task], None] | None = None,
) -> Outcome:
    """Wait for the tasks, and fetch the results of each as soon as it has completed: links die."""

    def ended(task: Task) -> None:
        couriers.take(task)
        if on_end is not None:
            on_end(task)

    async with _fetching(runtime, fetching) as couriers:
        outcome = await following.wait(runtime, tasks, patience, ended)
    return couriers.joined(outcome)


async def fetch(runtime: Runtime, tasks: list[Task], fetching: Fetching) -> Outcome:
    """Fetch the results of completed tasks whose links are fresh."""
    async with _fetching(runtime, fetching) as couriers:
        for task in tasks:
            couriers.take(task)
    return couriers.joined(Outcome(tasks=tasks))


@asynccontextmanager
async def _fetching(runtime: Runtime, fetching: Fetching) -> AsyncIterator[Couriers]:
    """Couriers at work; what is still on its way when the block ends is shown."""
    try:
        async with Couriers(runtime, fetching) as couriers:
            yield couriers
            runtime.listener.transferring(couriers.progress)
    finally:
        runtime.listener.transferred()


def verify(tasks: list[Task]) -> Outcome:
    """Whether the files of these tasks are on disk as they were fetched; nothing is asked or fetched."""
    outcome = Outcome(tasks=tasks)
    for task in tasks:
        filed = [output for output in task.outputs if output.file is not None]
        if not filed:
            outcome.errors.append(FileError(f"no file of {task.name} was fetched", hint=_again(task), task=task.name))
        for output in filed:
            problem = differs(Path(output.file or ""), output)
            if problem is None:
                outcome.files.append(output.file or "")
            else:
                said = f"{output.file} {problem}"
                outcome.errors.append(FileError(said, hint=_again(task), task=task.name))
    return outcome


def _again(task: Task) -> str:
    return f"fetch it: taskctl download {shlex.quote(task.name)}"


def _unfetchable(task: Task) -> TaskctlError | None:
    """Why this task has nothing to fetch now."""
    if task.state is State.UNCONFIRMED:
        return unsettled(task)
    if not task.state.ended:
        hint = f"wait for it: taskctl wait {shlex.quote(task.name)} --download"
        return StillPending(f"{task.name} is still {task.state}", hint=hint, task=task.name)
    return verdict(task)
