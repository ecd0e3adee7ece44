"""What `reconcile` does: each lost submission on its own, and the worst of them as the exit code."""

from typing import TYPE_CHECKING

from taskctl.cli.shell import Shell
from taskctl.errors import TaskctlError, TaskNotFound, worst
from taskctl.flow import settling
from taskctl.flow.references import resolve

if TYPE_CHECKING:
    from taskctl.model import Task
    from taskctl.runtime import Runtime
    from taskctl.store.submission import Submission


def settle(shell: Shell, runtime: "Runtime", keys: list[str], *, resubmit: bool, yes: bool) -> None:
    """Settle the submissions with these keys, or all that have no answer."""
    tasks: list[Task] = []
    errors: list[TaskctlError] = []
    wanted = _wanted(runtime, keys)
    if resubmit and wanted and not (keys or yes):
        noun = "1 submission" if len(wanted) == 1 else f"{len(wanted)} submissions"
        shell.confirm(f"Send {noun} again where nobody can tell? Each may be paid twice.", option="--yes, or name them")
    for key, submission in wanted:
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


def _wanted(runtime: "Runtime", named: list[str]) -> list[tuple[str, "Submission | None"]]:
    """The submissions that are named, or all; None stands for a key that only the provider may know."""
    if not named:
        chosen = runtime.profiles.explicit
        lost = [one for one in runtime.history.submissions() if chosen in (None, one.task.profile)]
        return [(submission.intent.key, submission) for submission in lost]
    found: list[tuple[str, Submission | None]] = []
    for reference in named:
        submission = _by_key(runtime, reference)
        if submission is not None:
            found.append((reference, submission))
        elif reference.startswith("@") or runtime.history.find(reference):
            keyed = [task for task in resolve(runtime, [reference]) if task.key is not None]
            found += [(task.name, runtime.history.submission(task.key or "", task.base_url)) for task in keyed]
        elif runtime.profiles.selected_name is None:
            unknown = f"the history knows no submission with key {reference}"
            raise TaskNotFound(unknown, hint="name its provider with -P", task=reference)
        else:
            found.append((reference, None))
    return found


def _by_key(runtime: "Runtime", key: str) -> "Submission | None":
    explicit = runtime.profiles.selected() if runtime.profiles.explicit else None
    return runtime.history.submission(key, explicit.base_url if explicit else None)
