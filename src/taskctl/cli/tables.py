"""Tasks as rows: for people on a terminal, and tab-separated for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taskctl.cli.document import iso
from taskctl.durations import words
from taskctl.model import State, Task
from taskctl.safe import safe
from taskctl.secret import redact

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BY_NEED = ("id", "state", "", "profile", "submitted", "links", "model")
_PROMPT = 20
"""Columns of the screen that the prompt gets at least."""
STYLES = {
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
    return "\t".join(safe(redact(column)) for column in columns)


def table(tasks: Sequence[Task], now: datetime, width: int) -> "Table":
    """The tasks for people: ids whole, to be copied; what fits of the rest, the prompt cut to the width."""
    from rich.table import Table

    columns = {
        "id": [_cell(task.name) for task in tasks],
        "state": [_cell(task.state.value, style=STYLES[task.state]) for task in tasks],
        "": [_cell("" if task.progress is None else f"{task.progress}%") for task in tasks],
        "profile": [_cell(task.profile) for task in tasks],
        "model": [_cell(task.model or "-") for task in tasks],
        "submitted": [_cell(ago(task.submitted_at, now)) for task in tasks],
        "links": [_cell(dying(task.links_end, now)) for task in tasks],
        "prompt": [_cell(reason(task) or task.prompt) for task in tasks],
    }
    if not any(cell.plain for cell in columns["links"]):
        del columns["links"]
    widths = {name: max(len(name), *(cell.cell_len for cell in cells), 0) + 2 for name, cells in columns.items()}
    shown = _fitting(widths, width)
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in shown:
        rest = max(1, width - sum(widths[other] for other in shown if other != "prompt"))
        fixed = min(rest, widths["prompt"] - 2) if name == "prompt" else widths[name] - 2
        made.add_column(name, no_wrap=True, overflow="ellipsis", justify="left" if name else "right", width=fixed)
    for row in zip(*(columns[name] for name in shown), strict=True):
        made.add_row(*row)
    return made


def _fitting(widths: dict[str, int], width: int) -> list[str]:
    """The columns that there is room for, the least needed left out first."""
    left = width - min(widths["prompt"], _PROMPT)
    kept = {"prompt"}
    for name in _BY_NEED:
        if name not in widths:
            continue
        if widths[name] <= left or name in ("id", "state"):
            kept.add(name)
            left -= widths[name]
    return [name for name in widths if name in kept]


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


def dying(moment: datetime | None, now: datetime) -> str:
    """How long links still live, as people say it: `23h10m left`, `dead`; nothing where nobody knows."""
    if moment is None:
        return ""
    left = (moment - now).total_seconds()
    return f"{words(left)} left" if left > 0 else "dead"


def grid(names: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """A plain table of texts."""
    from rich.table import Table

    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(_cell(text) for text in row))
    return made


def _cell(text: str, style: str = "") -> "Text":
    """Foreign text as a cell that is nothing but text."""
    from rich.text import Text

    return Text(safe(redact(text)), style=style)
