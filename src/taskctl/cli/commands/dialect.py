"""`taskctl dialect`: the providers there are, and checks of new ones."""

from pathlib import Path
from typing import Annotated

import typer

from taskctl.cli.command import command
from taskctl.cli.shell import Shell

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The providers there are, and checks of new ones.",
)
_HELP = {"help_option_names": ["-h", "--help"]}


@app.command("list", context_settings=_HELP)
@command
def list_(shell: Shell) -> None:
    """List the dialects and what each can do.

    \b
    Example:
      taskctl dialect list
    """
    from taskctl.cli.dialects import overview

    overview(shell)


@app.command("show", context_settings=_HELP)
@command
def show(shell: Shell, name: Annotated[str, typer.Argument(metavar="NAME", help="A dialect.")]) -> None:
    """Print a dialect's file, to read or to begin a new one from.

    \b
    Example:
      taskctl dialect show evolink > mine.toml
    """
    from taskctl.cli.dialects import show_file

    show_file(shell, name)


@app.command("check", context_settings=_HELP)
@command
def check(
    shell: Shell,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A dialect file.")],
    sample: Annotated[
        Path | None,
        typer.Option("--sample", metavar="ANSWER.json", help="An answer of the provider, to see how it is read."),
    ] = None,
) -> None:
    """Say what is wrong with a dialect file, and how it reads an answer.

    \b
    Example:
      taskctl dialect check mine.toml --sample answer.json
    """
    from taskctl.cli.dialects import check_file

    check_file(shell, file, sample)
