"""What `wait` and `submit --wait` do: follow, fetch, report, and end with the right code."""

import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from taskctl.cli import github, manifest, options
from taskctl.cli.command import resuming
from taskctl.cli.options import written
from taskctl.cli.output import Format
from taskctl.cli.shell import Shell
from taskctl.errors import ConfigurationError, FileError
from taskctl.flow import fetching, following
from taskctl.flow.outcome import Outcome
from taskctl.model import State, Task
from taskctl.net.transfer import Target
from taskctl.profiles import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskctl.runtime import Runtime


def wanted(runtime: "Runtime", tasks: list[Task], how: options.Fetching) -> fetching.Fetching:
    """How to fetch these tasks' files; the folder of their profile counts where none was named."""
    folder = how.dir
    if folder is None and tasks:
        named = runtime.profiles.of(tasks[0]).settings.dir
        folder = _at_home(named) if named else None
    target = Target(folder=folder or Path(), template=how.name, if_exists=how.if_exists)
    return fetching.Fetching(target=target, jobs=how.jobs, extras=how.extras)


def _patience(how: options.Waiting) -> following.Patience:
    return following.Patience(
        timeout=how.timeout,
        interval=how.interval,
        rate=how.rate,
        stall=how.stall,
        any=how.any,
        min_success=how.min_success,
        fail_fast=how.fail_fast,
    )


def _at_home(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError as problem:
        raise ConfigurationError(
            f"dir = {folder!r}: nobody knows where that is", hint="give the whole path: taskctl profile set NAME dir=…"
        ) from problem


def typed_again(runtime: "Runtime", tasks: list[Task], *options: str) -> str:
    """The arguments with which somebody goes on with these tasks."""
    chosen = ["-P", runtime.profiles.explicit] if runtime.profiles.explicit else []
    return shlex.join([*chosen, *(task.name for task in tasks), *options])


def follow(
    shell: Shell, runtime: "Runtime", tasks: list[Task], waiting: options.Waiting, files: options.Fetching
) -> None:
    """Wait for the tasks, fetch what completed where asked to, and print what stdout should hold."""
    output = shell.output
    how = wanted(runtime, tasks, files)
    on_end = output.line_of if output.format is Format.JSONL and not waiting.download else None
    try:
        if waiting.download:
            outcome = runtime.run(fetching.wait(runtime, tasks, _patience(waiting), how))
        else:
            outcome = runtime.run(following.wait(runtime, tasks, _patience(waiting), on_end))
    except KeyboardInterrupt as stopped:
        typed = typed_again(runtime, tasks, *written(waiting), *written(files))
        known = [runtime.history.find_in(task.base_url, task.id or "") or task for task in tasks]
        raise resuming(stopped, f"resume with: taskctl wait {typed}", tasks=known) from stopped
    if not waiting.download and any(task.base_url.startswith(LOCAL) and task.results for task in outcome.tasks):
        output.note("links of the built-in sandbox end with this command; fetch the files with: taskctl download")
    lines = outcome.files if waiting.download else _urls(outcome)
    manifest.keep(files.manifest, outcome)
    _report(shell, waiting, outcome, lines)
    if waiting.download:
        shell.results(outcome.tasks, outcome.errors, lines=lines)
    elif on_end is None:
        output.tasks(outcome.tasks, outcome.errors, now=runtime.clock.now(), plain=lines)
    github.errors(output, outcome.errors, shell.environ)
    for error in outcome.excused:
        output.note(error.message)
    if outcome.tasks and not outcome.errors and not output.on_terminal:
        count = sum(task.state is State.COMPLETED for task in outcome.tasks)
        output.note(f"{count} completed" + (f" of {len(outcome.tasks)}" if outcome.excused else ""))
    shell.exit(outcome.exit_code)


def _report(shell: Shell, waiting: options.Waiting, outcome: Outcome, lines: list[str]) -> None:
    """Tell CI; what cannot be written takes nothing else away."""
    from taskctl.cli import junit

    told: list[Callable[[], None]] = [functools.partial(github.summarise, outcome, shell.environ)]
    if waiting.junit is not None:
        told.append(functools.partial(junit.write, waiting.junit, outcome))
    if waiting.github_output is not None:
        told.append(functools.partial(github.set_output, waiting.github_output, lines, shell.environ))
    for tell in told:
        try:
            tell()
        except FileError as error:
            outcome.errors.append(error)


def _urls(outcome: Outcome) -> list[str]:
    shown = (output.url or output.text for task in outcome.tasks for output in task.results)
    return [line for line in shown if line is not None]
