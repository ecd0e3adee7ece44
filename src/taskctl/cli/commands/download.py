"""`taskctl download`: fetch the result files."""

import shlex

from taskctl.cli import options
from taskctl.cli.command import command, resuming
from taskctl.cli.shell import Shell


@command
def download(
    shell: Shell,
    tasks: options.TaskRefs,
    fetching: options.Fetching,
) -> None:
    """Fetch the result files of completed tasks and print their paths. An interrupted download goes on where it was.

    \b
    Examples:
      taskctl download "$ID"
      taskctl download @last --dir renders --name '{date}-{prompt}{ext}'
    """
    from taskctl.cli.following import wanted
    from taskctl.flow import fetching as flow
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        found = resolve(runtime, shell.references(tasks))
        try:
            outcome = runtime.run(flow.download(runtime, found, wanted(runtime, found, fetching)))
        except KeyboardInterrupt as stopped:
            names = shlex.join(task.name for task in found)
            raise resuming(stopped, f"go on with: taskctl download {names}", tasks=found) from stopped
        shell.results(outcome.tasks, outcome.errors, lines=outcome.files)
        shell.output.errors(outcome.errors)
        shell.exit(outcome.exit_code)
