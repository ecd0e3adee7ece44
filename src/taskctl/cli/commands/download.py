"""`taskctl download`: fetch the result files."""

from typing import TYPE_CHECKING, Annotated

import typer

from taskctl.cli import options
from taskctl.cli.command import command, resuming
from taskctl.cli.shell import Shell

if TYPE_CHECKING:
    from taskctl.flow.outcome import Outcome


@command
def download(
    shell: Shell,
    tasks: options.TaskRefs,
    fetching: options.Fetching,
    verify: Annotated[
        bool, typer.Option("--verify", help="Fetch nothing; compare what is on disk with what was fetched.")
    ] = False,
) -> None:
    """Fetch the result files of completed tasks and print their paths. An interrupted download goes on where it was.

    \b
    Examples:
      taskctl download "$ID"
      taskctl download @last --dir renders --name '{date}-{prompt}{ext}'
      taskctl download @expiring
      taskctl download --verify "$ID"
    """
    from taskctl.cli import manifest
    from taskctl.cli.following import typed_again, wanted
    from taskctl.flow import fetching as flow
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        found = resolve(runtime, shell.references(tasks))
        if verify:
            _told(shell, flow.verify(found))
            return
        try:
            outcome = runtime.run(flow.download(runtime, found, wanted(runtime, found, fetching)))
        except KeyboardInterrupt as stopped:
            hint = f"go on with: taskctl download {typed_again(runtime, found, *options.written(fetching))}"
            raise resuming(stopped, hint, tasks=found, message="stopped; what has arrived is kept") from stopped
        manifest.keep(fetching.manifest, outcome)
        _told(shell, outcome)


def _told(shell: Shell, outcome: "Outcome") -> None:
    shell.results(outcome.tasks, outcome.errors, lines=outcome.files)
    shell.output.errors(outcome.errors)
    shell.exit(outcome.exit_code)
