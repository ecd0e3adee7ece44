"""What `reconcile` does: each lost submission on its own, and the worst of them as the exit code."""

from typing import TYPE_CHECKING

from taskctl.cli.shell import Shell
from taskctl.errors import TaskctlError, TaskNotFound, worst
from taskctl.flow import settling

if TYPE_CHECKING:
    from taskctl.model import Task
    from taskctl.runtime import Runtime
    from taskctl.store.submission import Submission


def settle(shell: Shell, runtime: "Runtime", keys: list[str], *, resubmit: bool) -> None:
    """Settle the submissions with these keys, or all that have no answer."""
    tasks: list[Task] = []
    errors: list[TaskctlError] = []
    for key, submission in _wanted(runtime, keys):
        try:
            if submission is None:
                tasks.append(runtime.run(settling.find_by_key(runtime, key)))
            else:
                tasks.append(runtime.run(settling.reconcile(runtime, submission, resubmit=resubmit)))
        except TaskctlError as error:
            errors.append(error)
            tasks += [submission.task] if submission else []
    if not tasks and not errors:
        shell.output.note("every submission has its answer")
    shell.output.tasks(tasks, errors, now=runtime.clock.now(), plain=[task.name for task in tasks if task.id])
    shell.output.errors(errors)
    shell.exit(worst([error.exit_code for error in errors]))


def _wanted(runtime: "Runtime", keys: list[str]) -> list[tuple[str, "Submission | None"]]:
    """The submissions on record with these keys, or None for a key that only the provider may know."""
    if not keys:
        return [(submission.intent.key, submission) for submission in runtime.history.submissions()]
    found: list[tuple[str, Submission | None]] = []
    for key in keys:
        explicit = runtime.profiles.selected() if runtime.profiles.explicit else None
        submission = runtime.history.submission(key, explicit.base_url if explicit else None)
        if submission is None and runtime.profiles.selected_name is None:
            raise TaskNotFound(
                f"the history knows no submission with key {key}", hint="name its provider with -P", task=key
            )
        found.append((key, submission))
    return found
