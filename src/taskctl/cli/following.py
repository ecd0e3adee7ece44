"""What `wait` and `submit --wait` do: follow, fetch, report, and end with the right code."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskctl.cli.output import Format
from taskctl.cli.shell import Shell, resuming
from taskctl.errors import ConfigurationError, FileError
from taskctl.flow import fetching, following
from taskctl.flow.outcome import Outcome
from taskctl.model import State, Task
from taskctl.net.transfer import Target

if TYPE_CHECKING:
    from taskctl.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Following:
    """Everything that says how to wait and how to fetch."""

    timeout: float = 3600.0
    interval: float | None = None
    rate: float | None = None
    any: bool = False
    fail_fast: bool = False
    stall: float | None = None
    junit: Path | None = None
    download: bool = False
    dir: Path | None = None
    name: str = "{id}-{index}{ext}"
    jobs: int = 4
    extras: bool = False
    if_exists: str = "skip"

    def __post_init__(self) -> None:
        Target(folder=Path(), template=self.name, if_exists=self.if_exists)  # refused before anything is waited for

    def patience(self) -> following.Patience:
        """How to wait."""
        return following.Patience(
            timeout=self.timeout,
            interval=self.interval,
            rate=self.rate,
            stall=self.stall,
            any=self.any,
            fail_fast=self.fail_fast,
        )

    def fetching(self, runtime: "Runtime", tasks: list[Task]) -> fetching.Fetching:
        """How to fetch; the folder of the tasks' profile counts where none was named."""
        folder = self.dir
        if folder is None and tasks:
            named = runtime.profiles.of(tasks[0]).settings.dir
            folder = _at_home(named) if named else None
        target = Target(folder=folder or Path(), template=self.name, if_exists=self.if_exists)
        return fetching.Fetching(target=target, jobs=self.jobs, extras=self.extras)


def _at_home(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError as problem:
        raise ConfigurationError(
            f"dir = {folder!r}: nobody knows where that is", hint="give the whole path: taskctl profile set NAME dir=…"
        ) from problem


def follow(shell: Shell, runtime: "Runtime", tasks: list[Task], how: Following) -> None:
    """Wait for the tasks, fetch what completed where asked to, and print what stdout should hold."""
    output = shell.output
    wanted = how.fetching(runtime, tasks) if how.download else None
    on_end = output.line_of if output.format is Format.JSONL and wanted is None else None
    try:
        outcome = runtime.run(following.wait(runtime, tasks, how.patience(), on_end))
        if wanted is not None:
            completed = [task for task in outcome.tasks if task.state is State.COMPLETED]
            _join(outcome, runtime.run(fetching.fetch(runtime, completed, wanted)))
    except KeyboardInterrupt as stopped:
        chosen = ["-P", runtime.profiles.explicit] if runtime.profiles.explicit else []
        typed = shlex.join([*chosen, *(task.name for task in tasks)])
        raise resuming(stopped, f"resume with: taskctl wait {typed}") from stopped
    if how.junit is not None:
        _report(how.junit, outcome)
    if on_end is None:
        plain = outcome.files if wanted is not None else _urls(outcome)
        output.tasks(outcome.tasks, outcome.errors, now=runtime.clock.now(), plain=plain)
    output.errors(outcome.errors)
    if outcome.tasks and not outcome.errors and not output.on_terminal:
        output.note(f"{len(outcome.tasks)} completed")
    shell.exit(outcome.exit_code)


def _report(path: Path, outcome: Outcome) -> None:
    """Write the JUnit report; a report that cannot be written takes nothing else away."""
    from taskctl.cli.junit import write

    try:
        write(path, outcome)
    except FileError as error:
        outcome.errors.append(error)


def _join(outcome: Outcome, fetched: Outcome) -> None:
    done = {(task.base_url, task.id): task for task in fetched.tasks}
    outcome.tasks = [done.get((task.base_url, task.id), task) for task in outcome.tasks]
    outcome.errors += fetched.errors
    outcome.files = fetched.files


def _urls(outcome: Outcome) -> list[str]:
    return [output.url or output.text or "" for task in outcome.tasks for output in task.results]
