"""`taskctl list`: what the history knows, or what the provider does."""

import sys
from typing import Annotated

import typer

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell
from taskctl.model import State

ON_TERMINAL = 20
MOST = 2**31
"""SQLite takes no number of any size."""


@command
def list_(
    shell: Shell,
    state: Annotated[
        list[State] | None, typer.Option("--state", help="Only tasks in this state; may be repeated.")
    ] = None,
    model: options.Model = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="Only tasks submitted under this word.")
    ] = None,
    since: Annotated[
        float | None,
        typer.Option("--since", parser=options.duration, metavar="DURATION", help="Only tasks this young: 2d, 3h."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, metavar="N", help="At most so many; 0 is all. [default: 20 on a terminal]"),
    ] = None,
    remote: Annotated[bool, typer.Option("--remote", help="What the provider lists, instead of the history.")] = False,
) -> None:
    """List tasks, newest first. On a pipe: id, state, progress, profile, model, submitted_at, prompt, tab-separated.

    \b
    Examples:
      taskctl list --state running
      taskctl list -P moneyprinterturbo --remote
      taskctl list --state failed --since 2d -o ids | taskctl retry -
    """
    from datetime import timedelta

    from taskctl.clock import SystemClock

    most = min(limit, MOST) if limit is not None else (ON_TERMINAL if sys.stdout.isatty() else 0)
    now = SystemClock().now()
    if remote:
        from taskctl.flow import ending

        with shell.runtime() as runtime:
            outcome = runtime.run(ending.remote(runtime, most or None))
        shell.output.tasks(outcome.tasks, outcome.errors, now=now)
        return
    with shell.history() as history:
        young = now - timedelta(seconds=since) if since is not None else None
        found = history.tasks(
            profile=shell.profile, states=state or None, model=model, tag=tag, since=young, limit=most or None
        )
    if not found and shell.profile is not None:
        shell.profiles().named(shell.profile)  # is there nothing of it because there is no such profile?
    shell.output.tasks(found, now=now)
