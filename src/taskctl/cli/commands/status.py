"""`taskctl status`: look once."""

from typing import Annotated

import typer

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def status(
    shell: Shell,
    tasks: options.TaskRefs,
    raw: Annotated[bool, typer.Option("--raw", help="Add the provider's own answer to the JSON.")] = False,
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="Exit with 7 where a task failed, 8 where one still runs.")
    ] = False,
) -> None:
    """Look at tasks once. Exits with 0 whatever their states, unless --exit-status.

    \b
    Examples:
      taskctl status "$ID"
      taskctl status @last --query 'tasks[0].state'
    """
    from taskctl.cli.output import Format
    from taskctl.flow import following
    from taskctl.flow.outcome import judged
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        found = resolve(runtime, shell.references(tasks))
        outcome, answers = runtime.run(following.status(runtime, found))
        if raw:
            shell.output.format = shell.output.format or Format.JSON
        shell.output.tasks(outcome.tasks, outcome.errors, now=runtime.clock.now(), raw=answers if raw else None)
        shell.output.errors(outcome.errors)
        shell.exit(judged(outcome).exit_code if exit_status else outcome.exit_code)
