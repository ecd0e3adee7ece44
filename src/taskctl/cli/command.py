"""Makes a function a command: with the common options, the documented exit codes, and an end for every signal."""

import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from types import FrameType
from typing import Any, NoReturn, TypeVar, get_type_hints

import typer

from taskctl.cli.options import Common
from taskctl.cli.output import Output
from taskctl.cli.shell import Shell
from taskctl.errors import Damaged, ExitCode, HistoryError, Interrupted, TaskctlError
from taskctl.model import Task

F = TypeVar("F", bound=Callable[..., None])
_NOUNS = {"profile": "profile", "dialect": "dialect", "history": "history", "sandbox": "sandbox", "open": "open"}
"""What the documents of commands that are not about tasks hold, by the commands' modules."""


class Stopped(KeyboardInterrupt):
    """A signal told us to stop; the argument is the exit code."""


class Left(Interrupted):
    """Interrupted, with the tasks that it was about as they were last known."""

    tasks: Sequence[Task] = ()


def command(function: F) -> F:
    """Make a function that takes a Shell a command that takes the common options too.

    A parameter whose type is a dataclass of options stands for the options that are its fields.
    """
    own = inspect.signature(function, eval_str=True).parameters
    bundles = {name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)}
    single = [each for name, each in own.items() if name not in bundles and name != "shell"]
    bundles["shell"] = Common
    taken = [*single, *(option for bundle in bundles.values() for option in _options(bundle))]

    def run(**given: Any) -> None:
        with _ending_well() as ending:
            made = {name: _made(bundle, given) for name, bundle in bundles.items()}
            shell = Shell(made.pop("shell"))
            shell.output.noun = _NOUNS.get(function.__module__.rpartition(".")[2], "tasks")
            ending.output = shell.output
            function(shell, **given, **made)

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]  # what inspect.signature reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in taken}
    return run  # type: ignore[return-value]  # called by Typer alone, by keyword


def _options(bundle: Any) -> Iterator[inspect.Parameter]:
    """The options that are the fields of a dataclass."""
    kinds = get_type_hints(bundle, include_extras=True)
    for each in fields(bundle):
        by_name = inspect.Parameter.KEYWORD_ONLY
        yield inspect.Parameter(each.name, by_name, default=each.default, annotation=kinds[each.name])


def _made(bundle: Any, given: dict[str, Any]) -> Any:
    """The dataclass of the options that were given; they are taken out."""
    return bundle(**{each.name: given.pop(each.name) for each in fields(bundle)})


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
    except TaskctlError as failure:
        error = _repaired(failure) if isinstance(failure, Damaged) else failure
        (ending.output or Output()).failed(error, error.tasks if isinstance(error, Left) else ())
        raise typer.Exit(int(error.exit_code)) from failure
    except BrokenPipeError as error:
        _mute(sys.stdout)
        raise typer.Exit(int(ExitCode.BROKEN_PIPE)) from error
    except KeyboardInterrupt as stopped:
        code = stopped.args[0] if isinstance(stopped, Stopped) else ExitCode.INTERRUPTED
        raise typer.Exit(int(code)) from stopped


def resuming(
    error: KeyboardInterrupt, hint: str, *, tasks: Sequence[Task] = (), message: str = "stopped; the tasks go on"
) -> Interrupted:
    """The error of a command that was stopped, with what goes on where it stopped."""
    stopped = Left(message, hint=hint, task=tasks[0].name if len(tasks) == 1 else None)
    stopped.tasks = tasks
    code = error.args[0] if isinstance(error, Stopped) else ExitCode.INTERRUPTED
    stopped.exit_code = code  # type: ignore[misc]  # the one error whose code depends on the signal
    return stopped


def _repaired(damage: Damaged) -> TaskctlError:
    """What to say of a history that turned out to be damaged while it was used; it is out of the way then."""
    from taskctl.clock import SystemClock
    from taskctl.store.places import history_path
    from taskctl.store.recovery import repaired

    try:
        return repaired(damage, history_path(os.environ), SystemClock().now())
    except HistoryError as error:
        return error


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
