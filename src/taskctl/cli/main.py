"""The command line: loads a command when it is called, and turns whatever it ends with into an exit code."""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from taskctl import __version__
from taskctl.errors import ExitCode

_STREAMS = (
    ("stdin", "r", "surrogateescape"),
    ("stdout", "w", "backslashreplace"),
    ("stderr", "w", "backslashreplace"),
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a stream says that takes no more."""
COMMANDS = {
    "submit": "submit:submit",
    "status": "status:status",
    "wait": "wait:wait",
    "list": "listing:list_",
    "cancel": "cancel:cancel",
    "delete": "delete:delete",
    "download": "download:download",
    "reconcile": "reconcile:reconcile",
    "retry": "retry:retry",
    "open": "open:open_",
    "profile": "profile:app",
    "dialect": "dialect:app",
    "history": "history:app",
    "demo": "demo:demo",
    "sandbox": "sandbox:sandbox",
}
"""Every command, in the order of help, and where it is: `module:function`, or `module:app` for a group."""


class Root(TyperGroup):
    """Commands that are imported when somebody asks for them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        """The names, in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # Typer's signature
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            module, _, attribute = COMMANDS[cmd_name].partition(":")
            found = getattr(import_module(f"taskctl.cli.commands.{module}"), attribute)
            self.commands[cmd_name] = made(cmd_name, found)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was typed; a near miss is answered with the names it may have meant."""
        for name in COMMANDS if args and args[0] not in COMMANDS else ():
            self.commands.setdefault(name, None)  # type: ignore[arg-type]  # Typer's suggestions look at the names alone
        return super().resolve_command(ctx, args)


def made(name: str, found: Any) -> Any:
    """The command or group that Typer makes of what a module holds."""
    from typer.main import get_command

    if isinstance(found, typer.Typer):
        group = get_command(found)
        group.name = name
        return group
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name, context_settings={"help_option_names": ["-h", "--help"]})(found)
    return get_command(single)


def _version(value: bool) -> None:  # noqa: FBT001  # Typer's signature
    if value:
        sys.stdout.write(f"taskctl {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    cls=Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog="""\b
Begin without a key:   taskctl demo
                       taskctl submit -P sandbox prompt="a dog on a beach" --wait --download
With a provider:       export EVOLINK_API_KEY=…
                       taskctl submit -P evolink -m seedance-2.0 prompt="a dog" duration:=5 --wait --download"""
)
def root(
    version: Annotated[  # noqa: FBT002  # Typer acts on it before this is called
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Submit, follow, wait for and fetch what media generation APIs make."""


def main(arguments: Sequence[str]) -> int:
    """The exit code of this command line."""
    from typer.main import get_command

    _open_streams()
    try:
        ended = get_command(app)(args=list(arguments), prog_name="taskctl", standalone_mode=False)
    except typer.TyperException as problem:
        return _usage(problem)
    except typer.Abort:
        return int(ExitCode.INTERRUPTED)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return int(ExitCode.BROKEN_PIPE)
    except SystemExit as left:  # Typer's end of a completion, and of a help page whose reader has gone
        return int(ExitCode.BROKEN_PIPE) if isinstance(left.__context__, BrokenPipeError) else int(left.code or 0)
    except OSError as problem:
        return _unwritable(problem) if problem.errno in _FULL else _bug(problem)
    except Exception as bug:  # noqa: BLE001  # the one place where anything may arrive
        return _bug(bug)
    return ended if isinstance(ended, int) else 0


def entry() -> NoReturn:
    """What the console script runs."""
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = int(ExitCode.BROKEN_PIPE)
    except OSError as problem:
        code = code or _unwritable(problem)
    else:
        with suppress(OSError):  # talk that nobody can hear costs nobody the data
            sys.stderr.flush()
            if code != ExitCode.BROKEN_PIPE:
                sys.exit(code)
    os._exit(code)  # flushing what nobody takes would only fail again


def _open_streams() -> None:
    """Make the streams take every character, and be there at all: a daemon's may be closed."""
    for name, mode, errors in _STREAMS:
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  # open as long as the process runs
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def _unwritable(problem: OSError) -> int:
    """What stdout should hold could not be written, be it that the disk is full."""
    with suppress(OSError):  # stderr may be no better
        sys.stderr.write(
            f"error: the output cannot be written: {problem.strerror}\n  hint: no task is lost; see: taskctl list\n"
        )
    return int(ExitCode.FILE)


def _usage(problem: typer.TyperException) -> int:
    """A command line that Typer does not understand, in our words."""
    from taskctl.safe import safe
    from taskctl.secret import redact

    context = getattr(problem, "ctx", None)
    message = problem.format_message()
    said = f"error: {safe(redact(message))}\n"
    if context is not None:
        said += f"  hint: see {context.command_path} --help\n"
    if context is not None and type(problem).__name__ == "NoArgsIsHelpError":
        said = f"{context.get_help()}\n"
    with suppress(OSError):
        sys.stderr.write(said)
    return int(ExitCode.USAGE)


def _bug(bug: Exception) -> int:
    """The last resort: no locals, no secrets, and where to report it."""
    import traceback

    from taskctl.safe import safe
    from taskctl.secret import redact

    shown = safe(redact(f"{type(bug).__name__}: {bug}"))
    sys.stderr.write(
        f"error: this is a bug in taskctl: {shown}\n  hint: set TASKCTL_DEBUG=1 to see where, and report it\n"
    )
    if os.environ.get("TASKCTL_DEBUG"):
        lines = "".join(traceback.format_exception(bug)).splitlines()
        sys.stderr.write("".join(f"| {safe(redact(line))}\n" for line in lines))
    return int(ExitCode.BUG)
