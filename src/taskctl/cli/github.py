"""What GitHub Actions is told of a wait: errors in its own words, a table in the step's summary, an output."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taskctl.durations import words
from taskctl.errors import FileError, TaskctlError, UsageError
from taskctl.model import State, Task
from taskctl.safe import safe
from taskctl.secret import redact

if TYPE_CHECKING:
    from taskctl.cli.output import Output
    from taskctl.flow.outcome import Outcome

MOST_ERRORS = 10
"""Annotations of one kind that GitHub shows for a step."""
MOST_ROWS = 500
"""A summary may have a megabyte."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$:@])")
_PLAIN_LINK = re.compile(r"https://[A-Za-z0-9.:/_~%+,;=-]+")
_ORDER = (State.FAILED, State.EXPIRED, State.CANCELLED, State.UNCONFIRMED, State.UNKNOWN)


def check_output_name(name: str, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse a name that no output of a step can have, and a place where there is no step.

    Raises:
        UsageError: as said.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"--github-output {name!r} is no name of an output", hint="letters, digits, - and _")
    if not environ.get("GITHUB_OUTPUT"):
        raise UsageError("--github-output: GITHUB_OUTPUT is not set", hint="it is, in a step of GitHub Actions")


def errors(output: "Output", errors: Sequence[TaskctlError], environ: Mapping[str, str]) -> None:
    """Each error on stderr; on GitHub those about tasks as annotations, as many as it shows."""
    if environ.get("GITHUB_ACTIONS") != "true":
        output.errors(errors)
        return
    left = MOST_ERRORS
    for error in errors:
        if error.task is None or left == 0:
            output.errors([error])
            continue
        left -= 1
        message = safe(redact(error.message)).replace("%", "%25")
        output.stderr.write(f"::error title=taskctl::{message}\n")
        if error.hint:
            output.note(f"hint: {error.hint}", indent=2)


def summarise(outcome: "Outcome", environ: Mapping[str, str]) -> None:
    """Append a table of the tasks to the step's summary, where there is one, those that ended badly first.

    Raises:
        FileError: it cannot be written.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if path and outcome.tasks:
        _append(Path(path), "\n".join(_table(outcome.tasks)) + "\n")


def set_output(name: str, lines: Sequence[str], environ: Mapping[str, str]) -> None:
    """Set an output of the step to these lines.

    Raises:
        FileError: it cannot be written.
    """
    import secrets

    end = f"taskctl-{secrets.token_hex(16)}"  # nobody can write it into a line beforehand
    _append(Path(environ["GITHUB_OUTPUT"]), "\n".join([f"{name}<<{end}", *(safe(line) for line in lines), end, ""]))


def _table(tasks: Sequence[Task]) -> list[str]:
    counts = [f"{count} {state}" for state in State if (count := sum(task.state is state for task in tasks))]
    ordered = sorted(tasks, key=lambda task: _ORDER.index(task.state) if task.state in _ORDER else len(_ORDER))
    rows = ["### taskctl: " + ", ".join(counts), "", "| task | model | state | time | cost | result |"]
    rows += ["| --- | --- | --- | --- | --- | --- |", *map(_row, ordered[:MOST_ROWS])]
    return rows + ([f"| and {len(tasks) - MOST_ROWS} more |"] if len(tasks) > MOST_ROWS else [])


def _row(task: Task) -> str:
    took = words(task.took_seconds) if task.took_seconds is not None else ""
    spent = task.cost.final if task.cost and task.cost.final is not None else task.cost and task.cost.estimated
    cost = f"{spent:g} {task.cost.unit or ''}".strip() if task.cost and spent is not None else ""
    why = f": {task.error.message}" if task.error else ""
    cells = [_text(task.name), _text(task.model or ""), _text(f"{task.state}{why}"), took, _text(cost), _result(task)]
    return f"| {' | '.join(cells)} |"


def _result(task: Task) -> str:
    """The files, else the links; one with a signature would hand the result to everyone who can read the summary."""
    shown = []
    for output in task.results:
        if output.file is not None:
            shown.append(_text(Path(output.file).name))
        elif output.url is not None and _PLAIN_LINK.fullmatch(output.url):
            shown.append(f"[{output.kind}]({output.url})")
        elif output.url is not None:
            shown.append(f"{output.kind}, by `taskctl download`")
    return ", ".join(shown)


def _text(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", safe(redact(text)).replace("\n", " "))


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as problem:
        raise FileError(f"{path} cannot be written: {problem.strerror}") from problem
