"""`taskctl sandbox`: serve the sandbox on a local port."""

from typing import Annotated

import typer

from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def sandbox(
    shell: Shell,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="The port; 0 is any free one.")
    ] = 8765,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen at.")] = "127.0.0.1",
) -> None:
    """Serve the sandbox, in every dialect, for curl and other programs, until Ctrl-C.

    `-P sandbox` needs none of this: it brings its own. Both see the same tasks.

    \b
    Examples:
      taskctl sandbox --port 8765
      export TASKCTL_BASE_URL=http://127.0.0.1:8765/evolink TASKCTL_API_KEY=any
      taskctl submit -P evolink -m seedance-2.0 prompt="a dog"
    """
    from taskctl.cli.serving import serve

    serve(shell, host, port)
