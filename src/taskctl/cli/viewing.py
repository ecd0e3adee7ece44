"""What `open` does: the file where there is one, else the link, in the system's viewer."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from taskctl.cli.shell import Shell
from taskctl.errors import FileError, StillPending, UsageError
from taskctl.flow import following
from taskctl.flow.outcome import verdict
from taskctl.flow.references import resolve
from taskctl.model import Output, Task

if TYPE_CHECKING:
    from taskctl.runtime import Runtime


def show(shell: Shell, runtime: "Runtime", reference: str, index: int, *, only_print: bool) -> None:
    """Open one output of one task, or print where it is."""
    found = resolve(runtime, [reference])
    if len(found) != 1:
        raise UsageError(f"{reference} means {len(found)} tasks", hint="name one")
    task = found[0]
    local = _file(task, index)
    where = local or runtime.run(_link(runtime, task, index))
    opened = not only_print and shell.output.stderr.isatty() and _opened(where, runtime.profiles.child_environment())
    if shell.output.structured:
        shell.output.values("open", {"where": where, "opened": opened}, rows=[], names=[])
    elif not opened:
        shell.output.lines([where])


def _opened(where: str, environ: Mapping[str, str]) -> bool:
    """Hand it to the system's viewer, which gets none of our keys; whether there is one."""
    if sys.platform == "win32":
        os.startfile(where)  # noqa: S606  # the system's own way
        return True
    command = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        quiet = subprocess.DEVNULL
        subprocess.Popen(  # noqa: S603  # one argument, which no shell reads
            [command, where], stdin=quiet, stdout=quiet, stderr=quiet, env=dict(environ)
        )
    except OSError:
        return False
    return True


async def _link(runtime: "Runtime", task: Task, index: int) -> str:
    outcome, _ = await following.status(runtime, [task])
    if outcome.errors:
        raise outcome.errors[0]
    fresh = outcome.tasks[0]
    if (failed := verdict(fresh)) is not None:
        raise failed
    if not fresh.state.ended:
        hint = f"wait for it: taskctl wait {shlex.quote(fresh.name)}"
        raise StillPending(f"{fresh.name} is still {fresh.state}", hint=hint, task=fresh.name)
    output = _output(fresh, index)
    provider = await runtime.provider_of(fresh)
    url = provider.site.stream_url(output, fresh.id or "") or output.url
    if url is None or urlsplit(url).scheme not in ("http", "https"):
        raise FileError(
            f"output {index} of {fresh.name} is nothing that can be opened",
            hint=f"taskctl download {shlex.quote(fresh.name)}",
            task=fresh.name,
        )
    return url


def _output(task: Task, index: int) -> Output:
    for output in task.outputs:
        if output.index == index:
            return output
    raise UsageError(f"{task.name} has {len(task.outputs)} outputs, and no number {index}")


def _file(task: Task, index: int) -> str | None:
    files = [output.file for output in task.outputs if output.index == index and output.file]
    return next((file for file in files if Path(file).is_file()), None)
