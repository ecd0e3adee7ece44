"""`taskctl wait`: follow tasks until they have ended."""

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def wait(
    shell: Shell,
    tasks: options.TaskRefs,
    waiting: options.Waiting,
    fetching: options.Fetching,
) -> None:
    """Follow tasks until every one has ended.

    Prints the output URLs, or with --download the files, one per line. Exits with 0 when all completed, 7 when one
    failed, 8 when patience ended. Ctrl-C leaves the tasks alone and says how to go on.

    \b
    Examples:
      taskctl wait "$ID" --timeout 30m
      taskctl wait @unfinished --download --dir renders
      taskctl list --query 'tasks[].id | join(`\\n`, @)' | taskctl wait -
    """
    from taskctl.cli.following import follow
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        follow(shell, runtime, resolve(runtime, shell.references(tasks)), waiting, fetching)
