"""The only writer: stdout is data, stderr is talk."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from taskctl.cli import document, tables
from taskctl.errors import ExitCode, TaskctlError, UsageError
from taskctl.model import Task
from taskctl.safe import safe
from taskctl.secret import redact, redacted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_UNFOLDED = 100_000
"""Columns that nothing is wider than."""


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    TSV = "tsv"
    IDS = "ids"


@dataclass(kw_only=True)
class Output:
    """What one command says. Results are printed once, by `tasks`, `lines` or `values`."""

    format: Format | None = None
    query: str | None = None
    quiet: bool = False
    verbose: bool = False
    noun: str = "tasks"
    """What the document is about, where the command fails before it can say more."""
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    _spoken: bool = False

    def __post_init__(self) -> None:
        if self.query is not None:
            self._check_query(self.query)
            if self.format not in (None, Format.JSON, Format.JSONL):
                raise UsageError(f"--query gives JSON, not {self.format}", hint="leave -o out, or choose json or jsonl")
            self.format = self.format or Format.JSON

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads stdout."""
        return self.stdout.isatty()

    @property
    def lively(self) -> bool:
        """Whether stderr can show things that move."""
        return self.stderr.isatty() and os.environ.get("TERM") != "dumb" and not self.quiet

    @property
    def structured(self) -> bool:
        """Whether stdout must hold one document, also where the command fails."""
        return self.format in (Format.JSON, Format.JSONL)

    def note(self, text: str, *, indent: int = 0) -> None:
        """Talk, which `-q` silences."""
        if not self.quiet:
            self._say(text, " " * indent)

    def warn(self, text: str) -> None:
        """Talk that matters, whatever `-q` says."""
        self._say(text, "warning: ")

    def errors(self, errors: Sequence[TaskctlError]) -> None:
        """Each error, and what to do about it."""
        for error in errors:
            self._say(error.message, "error: ")
            if error.hint:
                self._say(error.hint, "  hint: ")

    def tasks(
        self,
        tasks: Sequence[Task],
        errors: Sequence[TaskctlError] = (),
        *,
        now: datetime,
        plain: Sequence[str] | None = None,
        raw: Mapping[str, object] | None = None,
    ) -> None:
        """Tasks as asked for; `plain` is what stdout holds without `-o`, where it is not the tasks themselves."""
        match self._format(ids_when_quiet=plain is None):
            case Format.JSON:
                self._json(document.frame("tasks", [document.task_json(task, raw) for task in tasks], list(errors)))
            case Format.JSONL:
                for task in tasks:
                    self.line_of(task, raw)
            case Format.IDS:
                self.lines([task.name for task in tasks])
            case Format.TSV:
                self.lines([tables.tsv(task) for task in tasks], clean=True)
            case Format.TABLE:
                self.table(tables.table(tasks, now, self.console(self.stdout).width))
            case None if plain is not None and not self.on_terminal:
                self.lines(plain)
            case None if plain is not None:
                if tasks:
                    self.table(tables.table(tasks, now, self.console(self.stdout).width))
                self.lines(plain)
            case None if self.on_terminal:
                if tasks:
                    self.table(tables.table(tasks, now, self.console(self.stdout).width))
                else:
                    self.note("no tasks")
            case None:
                self.lines([tables.tsv(task) for task in tasks], clean=True)
        self._spoken = True

    def line_of(self, task: Task, raw: Mapping[str, object] | None = None) -> None:
        """One task as one line of JSON."""
        self._json(document.task_json(task, raw), compact=True)
        self._spoken = True

    def values(
        self,
        noun: str,
        values: object,
        errors: Sequence[TaskctlError] = (),
        *,
        rows: Sequence[Sequence[str]],
        names: Sequence[str],
    ) -> None:
        """Anything but tasks: the same frame under its own noun, or a table, or tab-separated rows."""
        if self.format is Format.JSONL and isinstance(values, list):
            for value in values:
                self._json(value, compact=True)
        elif self.structured:
            self._json(document.frame(noun, values, list(errors)), compact=self.format is Format.JSONL)
        elif self.format is Format.IDS or (self.quiet and self.format is None):
            self.lines([row[0] for row in rows])
        elif self.format is Format.TABLE or (self.format is None and self.on_terminal):
            self.table(tables.grid(names, rows), fold=self.on_terminal)
        else:
            self.lines(["\t".join(safe(redact(cell)) for cell in row) for row in rows], clean=True)
        self._spoken = True

    def hint_next(self, task: Task) -> None:
        """What a person may want to type next."""
        if self.on_terminal and not self.structured:
            self.note(f"next: taskctl wait {task.name} --download")

    def failed(self, error: TaskctlError, tasks: Sequence[Task] = ()) -> None:
        """The end of a command that could not do its work."""
        self.errors([error])
        if self.format is Format.JSON and not self._spoken and error.exit_code is not ExitCode.USAGE:
            known = [document.task_json(task) for task in tasks]
            self._json(document.frame(self.noun, known if self.noun == "tasks" else None, [error]))

    def lines(self, lines: Sequence[str], *, clean: bool = False) -> None:
        """Plain lines of data."""
        for line in lines:
            self.stdout.write((redact(line) if clean else safe(redact(line))) + "\n")
        self.stdout.flush()
        self._spoken = True

    def table(self, table: "Table", *, fold: bool = True) -> None:
        """A table, as wide as the terminal; not folded, every line of it begins with what stands there first."""
        self.console(self.stdout, width=None if fold else _UNFOLDED).print(table)

    def console(self, stream: TextIO, *, width: int | None = None) -> "Console":
        """A console on which foreign text is nothing but text."""
        from rich.console import Console

        return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)

    def _format(self, *, ids_when_quiet: bool) -> Format | None:
        return Format.IDS if self.format is None and self.quiet and ids_when_quiet else self.format

    def _json(self, value: object, *, compact: bool = False) -> None:
        value = redacted(value)
        if self.query is not None:
            value = self._queried(self.query, value)
            if isinstance(value, str):
                self.lines([value])
                return
        self.stdout.write(document.written(value, compact=compact) + "\n")
        self.stdout.flush()

    def _check_query(self, query: str) -> None:
        from taskctl.dialects.expressions import Expression, ExpressionError, wrong_calls

        try:
            wrong = next(wrong_calls(Expression(query)), None)
        except ExpressionError as problem:
            raise UsageError(f"--query {problem}") from problem
        if wrong is not None:
            raise UsageError(f"--query {query!r}: {wrong}")

    def _queried(self, query: str, value: object) -> object:
        """What the query finds; null where it cannot be applied: the command has done its work by now."""
        import jmespath

        from taskctl.dialects.expressions import FAILURES, OPTIONS

        try:
            found: object = jmespath.search(query, value, options=OPTIONS)
            document.written(found)
        except FAILURES as problem:
            self.warn(f"--query {query!r} cannot be applied to this answer: {problem}")
            return None
        return found

    def _say(self, text: str, label: str = "") -> None:
        with suppress(OSError):  # talk that nobody can hear costs nobody the data
            self.stderr.write(f"{label}{safe(redact(text))}\n")
            self.stderr.flush()
