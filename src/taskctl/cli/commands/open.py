"""`taskctl open`: show the result."""

from typing import Annotated

import typer

from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def open_(
    shell: Shell,
    task: Annotated[str, typer.Argument(metavar="TASK", help="One task.")],
    index: Annotated[int, typer.Option("--index", min=0, metavar="N", help="Which output.")] = 0,
    print_: Annotated[bool, typer.Option("--print", help="Print what would be opened.")] = False,
) -> None:
    """Show a result in the viewer, player or browser: the file where it is fetched, else the link.

    \b
    Example:
      taskctl open @last
    """
    from taskctl.cli.viewing import show

    with shell.runtime() as runtime:
        show(shell, runtime, task, index, only_print=print_)
