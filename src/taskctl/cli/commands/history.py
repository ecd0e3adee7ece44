"""`taskctl history`: the local memory of every task."""

from typing import Annotated

import typer

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The local memory of every task."
)
_HELP = {"help_option_names": ["-h", "--help"]}


@app.command("path", context_settings=_HELP)
@command
def path(shell: Shell) -> None:
    """Print where the history is.

    \b
    Example:
      sqlite3 "$(taskctl history path)" '.tables'
    """
    from taskctl.store import places

    where = str(places.history_path(shell.environ))
    shell.output.values("history", {"path": where}, rows=[[where]], names=["path"])


@app.command("forget", context_settings=_HELP)
@command
def forget(shell: Shell, tasks: options.TaskRefs, yes: options.Yes = False) -> None:
    """Forget tasks here; at the provider nothing changes.

    \b
    Example:
      taskctl history forget "$ID" --yes
    """
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        runtime.need_history()
        found = resolve(runtime, shell.references(tasks))
        if not yes:
            shell.confirm(f"Forget {len(found)} task(s)?", option="--yes")
        count = runtime.history.forget(found)
        shell.output.values("history", {"forgotten": count}, rows=[[str(count)]], names=["forgotten"])


@app.command("prune", context_settings=_HELP)
@command
def prune(
    shell: Shell,
    older: Annotated[
        float,
        typer.Option(
            "--older-than", parser=options.duration, metavar="DURATION", help="Tasks that ended this long ago."
        ),
    ],
    yes: options.Yes = False,
) -> None:
    """Forget old tasks that have ended.

    \b
    Example:
      taskctl history prune --older-than 90d --yes
    """
    from datetime import timedelta

    from taskctl.durations import words

    with shell.runtime() as runtime:
        runtime.need_history()
        if not yes:
            shell.confirm(f"Forget every task that ended more than {words(older)} ago?", option="--yes")
        count = runtime.history.prune(runtime.clock.now() - timedelta(seconds=older))
        shell.output.values("history", {"forgotten": count}, rows=[[str(count)]], names=["forgotten"])


@app.command("export", context_settings=_HELP)
@command
def export(shell: Shell) -> None:
    """Print every task as a line of JSON (or as one document with -o json).

    \b
    Example:
      taskctl history export > tasks.jsonl
    """
    from taskctl.cli.output import Format
    from taskctl.clock import SystemClock

    shell.output.format = shell.output.format or Format.JSONL
    with shell.history() as history:
        shell.output.tasks(list(history.export()), now=SystemClock().now())
