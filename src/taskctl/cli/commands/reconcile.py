"""`taskctl reconcile`: settle submissions whose answer was lost."""

from typing import Annotated

import typer

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def reconcile(
    shell: Shell,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Keys; without any, everything unconfirmed.", show_default=False),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="The key of the submission; needs no history.")
    ] = None,
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="Send it again where nobody can tell: it may be paid twice.")
    ] = False,
    yes: options.Yes = False,
) -> None:
    """Find out what became of submissions whose answer was lost.

    Asks the provider by the key where it can, sends again where a repeated key is harmless, and otherwise leaves the
    decision to you: look at the provider's own pages, then --resubmit or `taskctl history forget`.

    \b
    Examples:
      taskctl reconcile
      taskctl reconcile -P bytespike --key batch7-shot03
    """
    from taskctl.cli.settling import settle

    with shell.runtime(remind=False) as runtime:
        settle(shell, runtime, [*shell.references(tasks or []), *([key] if key else [])], resubmit=resubmit, yes=yes)
