"""`taskctl retry`: submit the same input again as a new task."""

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def retry(shell: Shell, tasks: options.TaskRefs, key: options.Key = None, tag: options.Tags = None) -> None:
    """Submit the same input again, as new tasks, and print their ids.

    \b
    Example:
      taskctl retry @failed
    """
    from taskctl.cli import wishes
    from taskctl.errors import UsageError
    from taskctl.flow import submitting
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        found = resolve(runtime, shell.references(tasks))
        if key is not None and len(found) > 1:
            raise UsageError(f"one key cannot be for {len(found)} submissions")
        work = (submitting.retry(runtime, task, key=key, tags=tuple(tag or ())) for task in found)
        wishes.sent_all(shell, runtime, work)
