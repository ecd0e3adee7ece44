"""`taskctl demo`: the whole story, in half a minute."""

from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def demo(shell: Shell) -> None:
    """Submit on every dialect, wait, cancel, download: the whole story against the sandbox, in half a minute.

    \b
    Example:
      taskctl demo
    """
    from taskctl.cli.story import tell

    with shell.runtime() as runtime:
        tell(shell, runtime)
