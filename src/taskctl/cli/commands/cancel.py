"""`taskctl cancel`: stop tasks that have not ended."""

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def cancel(shell: Shell, tasks: options.TaskRefs) -> None:
    """Stop tasks that have not ended. A finished task is never destroyed.

    \b
    Examples:
      taskctl cancel "$ID"
      taskctl cancel -P bytespike @unfinished
    """
    from taskctl.flow import ending
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        outcome = runtime.run(ending.cancel(runtime, resolve(runtime, shell.references(tasks))))
        shell.output.tasks(outcome.tasks, outcome.errors, now=runtime.clock.now())
        shell.output.errors(outcome.errors)
        shell.exit(outcome.exit_code)
