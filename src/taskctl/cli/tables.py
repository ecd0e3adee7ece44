"""Tasks as rows: for people on a terminal, and tab-separated for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taskctl.cli.document import iso
from taskctl.durations import words
from taskctl.model import State, Task
from taskctl.safe import safe

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {
    State.QUEUED: "cyan",
    State.RUNNING: "blue",
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
    State.EXPIRED: "yellow",
    State.UNKNOWN: "magenta",
    State.UNCONFIRMED: "bold red",
}


def tsv(task: Task) -> str:
    """One task: id, state, progress, profile, model, submitted_at, prompt. Columns are only ever added at the end."""
    columns = (
        task.id or task.key or "",
        task.state.value,
        "" if task.progress is None else str(task.progress),
        task.profile,
        task.model or "",
        iso(task.submitted_at) or "",
        task.prompt,
    )
    return "\t".join(safe(column) for column in columns)


def table(tasks: Sequence[Task], now: datetime) -> "Table":
    """The tasks for people: times as they say them, the prompt cut to the width."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("id", overflow="fold", no_wrap=False, min_width=12)
    for name in ("state", "", "profile", "model", "submitted"):
        made.add_column(name, no_wrap=True, justify="right" if name == "" else "left")
    made.add_column("prompt", no_wrap=True, overflow="ellipsis", ratio=1)
    for task in tasks:
        made.add_row(
            Text(safe(task.name)),
            Text(task.state.value, style=_STYLES[task.state]),
            Text("" if task.progress is None else f"{task.progress}%"),
            Text(safe(task.profile)),
            Text(safe(task.model or "-")),
            Text(ago(task.submitted_at, now)),
            Text(safe(reason(task) or task.prompt)),
        )
    return made


def reason(task: Task) -> str | None:
    """Why a task ended as it did, where it did not end well."""
    if task.error is None:
        return None
    return task.error.message + (f" ({task.error.code})" if task.error.code else "")


def ago(moment: datetime | None, now: datetime) -> str:
    """A moment as people say it: `just now`, `12m03s ago`, `2026-11-22`."""
    if moment is None:
        return "-"
    span = (now - moment).total_seconds()
    if span < 5:
        return "just now"
    return f"{words(span)} ago" if span < 7 * 86400 else moment.astimezone(UTC).strftime("%Y-%m-%d")


def grid(names: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """A plain table of texts."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(safe(cell)) for cell in row))
    return made
