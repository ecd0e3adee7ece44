"""One invocation: its common options, its output, the runtime it opens, and the code it ends with."""

import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

from taskctl.cli import options
from taskctl.cli.output import Format, Output
from taskctl.errors import ExitCode, Interrupted, TaskctlError, UsageError

if TYPE_CHECKING:
    from taskctl.runtime import Runtime

F = TypeVar("F", bound=Callable[..., None])
_COMMON: dict[str, object] = {
    "profile": options.Profile,
    "output": options.OutputFormat,
    "query": options.Query,
    "quiet": options.Quiet,
    "verbose": options.Verbose,
    "config": options.ConfigFile,
}
_SWITCHES = ("quiet", "verbose")


class Stopped(KeyboardInterrupt):
    """A signal told us to stop; the argument is the exit code."""


class Shell:
    """What a command is given besides its own options."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        output: Format | None = None,
        query: str | None = None,
        quiet: bool = False,
        verbose: bool = False,
        config: Path | None = None,
    ) -> None:
        self.output = Output(format=output, query=query, quiet=quiet, verbose=verbose)
        self.profile = profile
        self.environ = dict(os.environ)
        if config is not None:
            self.environ["TASKCTL_CONFIG"] = str(config)

    @contextmanager
    def runtime(self) -> Iterator["Runtime"]:
        """Everything a command works with, closed at its end."""
        from taskctl.cli.opening import open_runtime

        with open_runtime(self) as runtime:
            yield runtime

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


def command(function: F) -> F:
    """Make a function that takes a Shell a command that takes the common options and ends with the documented codes."""
    own = inspect.signature(function, eval_str=True)
    taken = [parameter for name, parameter in own.parameters.items() if name != "shell"]
    common = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False if name in _SWITCHES else None, annotation=kind
        )
        for name, kind in _COMMON.items()
    ]

    def run(**given: object) -> None:
        shared = {name: given.pop(name) for name in _COMMON}
        with _ending_well() as ending:
            shell = Shell(**shared)  # type: ignore[arg-type]  # Typer has converted them by the annotations above
            ending.output = shell.output
            function(shell, **given)

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature([*taken, *common])  # type: ignore[attr-defined]  # what inspect.signature reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*taken, *common]}
    return run  # type: ignore[return-value]  # called by Typer alone, by keyword


class _Ending:
    output: Output | None = None


@contextmanager
def _ending_well() -> Iterator[_Ending]:
    """Turn whatever happens into words on stderr and an exit code."""
    ending = _Ending()
    _listen_to_signals()
    try:
        yield ending
        sys.stdout.flush()
    except TaskctlError as error:
        (ending.output or Output()).failed(error)
        raise typer.Exit(int(error.exit_code)) from error
    except BrokenPipeError as error:
        _mute(sys.stdout)
        raise typer.Exit(int(ExitCode.BROKEN_PIPE)) from error
    except KeyboardInterrupt as stopped:
        code = stopped.args[0] if isinstance(stopped, Stopped) else ExitCode.INTERRUPTED
        raise typer.Exit(int(code)) from stopped


def resuming(error: KeyboardInterrupt, hint: str) -> Interrupted:
    """The error of a command that was stopped, with what goes on where it stopped."""
    stopped = Interrupted("stopped; the tasks go on", hint=hint)
    code = error.args[0] if isinstance(error, Stopped) else ExitCode.INTERRUPTED
    stopped.exit_code = code  # type: ignore[misc]  # the one error whose code depends on the signal
    return stopped


def _listen_to_signals() -> None:
    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise Stopped({signal.SIGTERM: ExitCode.TERMINATED}.get(signal.Signals(number), ExitCode.HANGUP))

    signal.signal(signal.SIGTERM, stop)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup wants it
        signal.signal(signal.SIGHUP, stop)


def _mute(stream: object) -> None:
    """Send the rest of a stream nowhere: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, getattr(stream, "fileno", lambda: 1)())
