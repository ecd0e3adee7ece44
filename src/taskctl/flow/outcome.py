"""What a command over several tasks came to."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from taskctl.errors import ExitCode, StillPending, TaskctlError, TaskFailed, Unconfirmed, worst
from taskctl.model import State, Task

_ENDED_BADLY = {State.FAILED: "failed", State.CANCELLED: "was cancelled", State.EXPIRED: "expired"}


@dataclass(slots=True)
class Outcome:
    """What a command over several tasks came to."""

    tasks: list[Task] = field(default_factory=list)
    errors: list[TaskctlError] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    excused: list[TaskctlError] = field(default_factory=list)
    """What went wrong and does not count, since enough went well."""

    @property
    def absolute_files(self) -> set[str]:
        """The files that were fetched, as the history knows them."""
        return {str(Path(file).absolute()) for file in self.files}

    @property
    def exit_code(self) -> ExitCode:
        """The first that applies, in the order of severity."""
        return worst([error.exit_code for error in self.errors])


def verdict(task: Task) -> TaskFailed | None:
    """The error that a task's end is, where it did not end well."""
    if task.state not in _ENDED_BADLY:
        return None
    reason = f": {task.error.message}" if task.error else ""
    code = f" ({task.error.code})" if task.error and task.error.code else ""
    hint = f"submit it again with: taskctl retry {shlex.quote(task.name)}" if task.input else None
    return TaskFailed(f"{task.name} {_ENDED_BADLY[task.state]}{reason}{code}", hint=hint, task=task.name)


def unsettled(task: Task) -> Unconfirmed:
    """The error of whoever wants something of a task that may not exist."""
    return Unconfirmed(
        f"nobody knows yet whether {task.name} was accepted", hint="settle it with: taskctl reconcile", task=task.name
    )


def judged(outcome: Outcome, *, patience_ended: bool = True) -> Outcome:
    """The outcome with what each task's state means, where no error speaks of the task already.

    Where the wait had its end before patience had, a task that still runs is no error.
    """
    spoken = {error.task for error in outcome.errors}
    for task in outcome.tasks:
        if task.name in spoken:
            continue
        if (failed := verdict(task)) is not None:
            outcome.errors.append(failed)
        elif not task.state.ended and patience_ended:
            pending = f"{task.name} is still {task.state}"
            outcome.errors.append(StillPending(pending, hint=resuming(task), task=task.name))
    return outcome


def resuming(task: Task) -> str:
    """How to go on waiting."""
    return f"it goes on; resume with: taskctl wait {shlex.quote(task.name)}"
