"""One invocation: its common options, its output, and what it opens."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from taskctl.cli.options import Common
from taskctl.cli.output import Output
from taskctl.clock import SystemClock
from taskctl.errors import ConfigurationError, ExitCode, TaskctlError, UsageError
from taskctl.model import Task
from taskctl.store import places

if TYPE_CHECKING:
    from taskctl.profiles import Profiles
    from taskctl.runtime import Runtime
    from taskctl.store.history import History


class Shell:
    """What a command is given besides its own options."""

    def __init__(self, common: Common) -> None:
        self.output = Output(format=common.output, query=common.query, quiet=common.quiet, verbose=common.verbose)
        self.profile = common.profile
        self.environ = dict(os.environ)
        self._config_named = common.config is not None
        if common.config is not None:
            self.environ["TASKCTL_CONFIG"] = str(common.config)

    @contextmanager
    def runtime(self, *, remind: bool = True) -> Iterator["Runtime"]:
        """Everything a command works with, closed at its end; `remind` as for the history."""
        from taskctl.cli.progress import listener_for
        from taskctl.runtime import Runtime

        clock = SystemClock()
        with Runtime(
            history=self.history(remind=remind),
            profiles=self.profiles(),
            clock=clock,
            listener=listener_for(self.output, clock),
            environ=self.environ,
            sandbox_folder=places.sandbox_folder(self.environ),
        ) as runtime:
            yield runtime

    def profiles(self) -> "Profiles":
        """The profiles of the config file, and those that need none."""
        from taskctl.dialects.load import Dialects
        from taskctl.profiles import Profiles
        from taskctl.store import config

        path = places.config_path(self.environ)
        if self._config_named and not path.exists() and self.output.noun != "profile":
            raise ConfigurationError(
                f"there is no config file {path}", hint="see --config; `taskctl profile add` makes one"
            )
        loaded = config.load(path)
        for warning in config.warnings(path, loaded):
            self.output.warn(warning)
        return Profiles(loaded, Dialects(places.user_dialects(self.environ)), self.environ, self.profile)

    def history(self, *, remind: bool = True) -> "History":
        """The history; with a word about it where it cannot be written, and about what nobody has settled yet."""
        from taskctl.store.history import History

        history = History.open(places.history_path(self.environ), clock=SystemClock())
        for news in history.news:
            self.output.warn(news)
        if not history.writable:
            self.output.warn(f"the history cannot be written, so nothing is remembered: {history.problem}")
        if remind and (lost := history.count_lost()):
            what = "1 submission" if lost == 1 else f"{lost} submissions"
            self.output.warn(f"{what} had no answer and may have been charged; settle with: taskctl reconcile")
        return history

    def references(self, given: Iterable[str]) -> list[str]:
        """The references as given, with `-` replaced by the lines of stdin."""
        made: list[str] = []
        for reference in given:
            if reference != "-":
                made.append(reference)
                continue
            if sys.stdin.isatty():
                self.output.note("reading ids from the terminal, one per line; end with Ctrl-D")
            made += [line.strip() for line in sys.stdin if line.strip()]
        return made

    def results(self, tasks: Sequence[Task], errors: Sequence[TaskctlError] = (), *, lines: Sequence[str]) -> None:
        """These lines alone, on a terminal too, or the tasks as `-o` asks for them."""
        if self.output.format is None:
            self.output.lines(lines)
        else:
            self.output.tasks(tasks, errors, now=SystemClock().now())

    def confirm(self, question: str, *, option: str) -> None:
        """Ask a person; where there is none, refuse and name the option that answers.

        Raises:
            UsageError: nobody can be asked, or the answer was no.
        """
        if not (sys.stdin.isatty() and self.output.stderr.isatty()):
            raise UsageError(f"{question} There is nobody to ask", hint=f"answer with {option}")
        if not typer.confirm(question, err=True):
            raise UsageError("nothing was done")

    def exit(self, code: ExitCode) -> None:
        """End with this code, where it is not 0."""
        if code is not ExitCode.DONE:
            raise typer.Exit(int(code))
