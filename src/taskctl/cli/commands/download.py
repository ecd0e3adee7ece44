"""`taskctl download`: fetch the result files."""

import shlex

from taskctl.cli import options
from taskctl.cli.shell import Shell, command, resuming


@command
def download(
    shell: Shell,
    tasks: options.TaskRefs,
    dir_: options.Folder = None,
    name: options.NameTemplate = "{id}-{index}{ext}",
    jobs: options.Jobs = 4,
    extras: options.Extras = False,
    if_exists: options.IfExists = "skip",
) -> None:
    """Fetch the result files of completed tasks and print their paths. An interrupted download goes on where it was.

    \b
    Examples:
      taskctl download "$ID"
      taskctl download @last --dir renders --name '{date}-{prompt}{ext}'
    """
    from taskctl.cli.following import Following
    from taskctl.flow import fetching
    from taskctl.flow.references import resolve

    wanted = Following(dir=dir_, name=name, jobs=jobs, extras=extras, if_exists=if_exists)
    with shell.runtime() as runtime:
        found = resolve(runtime, shell.references(tasks))
        try:
            outcome = runtime.run(fetching.download(runtime, found, wanted.fetching(runtime, found)))
        except KeyboardInterrupt as stopped:
            names = shlex.join(task.name for task in found)
            raise resuming(stopped, f"go on with: taskctl download {names}") from stopped
        shell.output.tasks(outcome.tasks, outcome.errors, now=runtime.clock.now(), plain=outcome.files)
        shell.output.errors(outcome.errors)
        shell.exit(outcome.exit_code)
