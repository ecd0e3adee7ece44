"""Opens what a command works with: config, dialects, history, and a listener that suits the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from taskctl.clock import SystemClock
from taskctl.store import places
from taskctl.store.history import History

if TYPE_CHECKING:
    from taskctl.cli.shell import Shell
    from taskctl.profiles import Profiles
    from taskctl.runtime import Runtime


@contextmanager
def open_runtime(shell: "Shell") -> Iterator["Runtime"]:
    """The runtime of this invocation, closed at its end."""
    from taskctl.cli.progress import listener_for
    from taskctl.runtime import Runtime

    clock = SystemClock()
    history = open_history(shell)
    with Runtime(
        profiles=open_profiles(shell),
        history=history,
        clock=clock,
        listener=listener_for(shell.output, clock),
        environ=shell.environ,
        sandbox_folder=places.sandbox_folder(shell.environ),
    ) as runtime:
        yield runtime


def open_profiles(shell: "Shell") -> "Profiles":
    """The profiles of the config file, and those that need none."""
    from taskctl.dialects.load import Dialects
    from taskctl.profiles import Profiles
    from taskctl.store import config

    path = places.config_path(shell.environ)
    loaded = config.load(path)
    for warning in config.warnings(path, loaded):
        shell.output.warn(warning)
    return Profiles(loaded, Dialects(places.user_dialects(shell.environ)), shell.environ, shell.profile)


def open_history(shell: "Shell") -> History:
    """The history; where it cannot be written, with a word about it."""
    history = History.open(places.history_path(shell.environ), clock=SystemClock())
    if not history.writable:
        shell.output.warn(f"the history cannot be written, so nothing is remembered: {history.problem}")
    return history
