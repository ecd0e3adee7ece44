"""Fetches the results of tasks: fresh links, several files at once, each recorded when it is whole."""

import asyncio
import functools
import hashlib
import shlex
import ssl
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from taskctl.errors import FileError, NoAnswer, StillPending, TaskctlError
from taskctl.flow.following import status
from taskctl.flow.outcome import Outcome, unsettled, verdict
from taskctl.model import Output, State, Task
from taskctl.net.file_get import Broken
from taskctl.net.names import file_name
from taskctl.net.provider import Provider
from taskctl.net.reach import Idle, Reach
from taskctl.net.transfer import Fetched, LinkExpired, Progress, Stopped, Target, Transfer
from taskctl.runtime import Runtime

ATTEMPTS = 5
"""How often one file is tried where the connection breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How files are fetched."""

    target: Target
    jobs: int = 4
    extras: bool = False
    """Also what came along with the results."""


async def download(runtime: Runtime, tasks: list[Task], fetching: Fetching) -> Outcome:
    """Fetch the results of these tasks. Each is asked for its links first."""
    outcome, _ = await status(runtime, tasks)
    asked = {error.task for error in outcome.errors}
    for task in outcome.tasks:
        if (error := _unfetchable(task)) is not None and task.name not in asked:
            outcome.errors.append(error)
    ready = [task for task in outcome.tasks if task.state is State.COMPLETED and task.name not in asked]
    fetched = await fetch(runtime, ready, fetching)
    done = {task.identity: task for task in fetched.tasks}
    outcome.tasks = [done.get(task.identity, task) for task in outcome.tasks]
    outcome.errors += fetched.errors
    outcome.files = fetched.files
    return outcome


def verify(tasks: list[Task]) -> Outcome:
    """Whether the files of these tasks are on disk as they were fetched; nothing is asked or fetched."""
    outcome = Outcome(tasks=tasks)
    for task in tasks:
        filed = [output for output in task.outputs if output.file is not None]
        if not filed:
            outcome.errors.append(FileError(f"no file of {task.name} was fetched", hint=_again(task), task=task.name))
        for output in filed:
            problem = _differs(Path(output.file or ""), output)
            if problem is None:
                outcome.files.append(output.file or "")
            else:
                said = f"{output.file} {problem}"
                outcome.errors.append(FileError(said, hint=_again(task), task=task.name))
    return outcome


def _again(task: Task) -> str:
    return f"fetch it: taskctl download {shlex.quote(task.name)}"


def _differs(path: Path, output: Output) -> str | None:
    """How a file differs from what was fetched; None where it does not."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    if size != output.bytes:
        return f"has {size} bytes, and {output.bytes} were fetched"
    return None if digest == output.sha256 else "has other content than what was fetched"


async def fetch(runtime: Runtime, tasks: list[Task], fetching: Fetching) -> Outcome:
    """Fetch the results of completed tasks whose links are fresh."""
    outcome = Outcome()
    moving: list[Progress] = []
    slots, stop, idle = asyncio.Semaphore(fetching.jobs), threading.Event(), Idle()
    wanted = [(task, output) for task in tasks for output in _wanted(task, fetching)]
    runtime.listener.transferring(moving)

    async def one(task: Task, output: Output) -> Fetched | TaskctlError:
        async with slots:
            if (here := await asyncio.to_thread(_here, task, output, fetching.target)) is not None:
                return here
            try:
                provider = await runtime.provider_of(task)
                return await _fetched(provider, task, output, fetching, moving, stop, idle)
            except TaskctlError as error:
                return error

    try:
        ended = await asyncio.gather(*(one(task, output) for task, output in wanted))
    finally:
        stop.set()
        idle.close()
        runtime.listener.transferred()
    files: dict[tuple[str, str | None], list[Output]] = {}
    for (task, output), got in zip(wanted, ended, strict=True):
        if isinstance(got, TaskctlError):
            outcome.errors.append(got)
            continue
        outcome.files.append(str(got.path))
        files.setdefault(task.identity, []).append(_filed(output, got))
    outcome.tasks = runtime.remember_all([_with(task, files.get(task.identity, [])) for task in tasks])
    for task in tasks:
        if not _wanted(task, fetching):
            outcome.errors.append(FileError(f"{task.name} completed without a result to fetch", task=task.name))
    return outcome


def _here(task: Task, output: Output, target: Target) -> Fetched | None:
    """The file, where it was fetched to this very place before and is there still, byte for byte."""
    if target.if_exists != "skip" or output.file is None or output.bytes is None or output.sha256 is None:
        return None
    file = Path(output.file)
    path = target.folder / file_name(target.template, task, output, file.suffix)
    if path.absolute() != file or path.is_symlink() or _differs(path, output) is not None:
        return None
    return Fetched(path=path, bytes=output.bytes, sha256=output.sha256, content_type=output.content_type, skipped=True)


async def _fetched(
    provider: Provider,
    task: Task,
    output: Output,
    fetching: Fetching,
    moving: list[Progress],
    stop: threading.Event,
    idle: Idle,
) -> Fetched:
    """One file: again where the connection breaks, with a fresh link or by another route where the link died."""
    progress = Progress(f"{task.name}-{output.index}")
    moving.append(progress)
    renewed, form = False, provider.site.dialect.form.download
    transfer = Transfer(
        task=task,
        output=output,
        target=fetching.target,
        reach=_reach(provider.site.base_url),
        trust=_trust,
        key_headers=provider.key_headers if form.auth else _no_headers,
        progress=progress,
        stop=stop,
        idle=idle,
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await _run(transfer)
        except Broken:
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(min(8.0, 0.5 * 2**attempt))
        except LinkExpired:
            fallback = provider.site.fallback_url(output, task.id or "")
            if not renewed:
                renewed = True
                transfer.output = await _renewed(provider, task, output)
            elif fallback is not None and transfer.output.url != fallback:
                transfer.output = replace(output, url=fallback)
                transfer.key_headers = provider.key_headers
            else:
                raise
        except Stopped as stopped:
            raise NoAnswer(f"fetching {progress.label} was stopped", task=task.name) from stopped
    raise FileError(f"{progress.label}: no link lasted long enough", task=task.name)


async def _run(transfer: Transfer) -> Fetched:
    """The transfer in a thread of its own, which ends at once where this is cancelled."""
    try:
        return await asyncio.to_thread(transfer.run)
    except asyncio.CancelledError:
        transfer.abort()
        raise


async def _renewed(provider: Provider, task: Task, output: Output) -> Output:
    """The same output with a fresh link."""
    report = await provider.look(task.id or "", operation=task.operation)
    fresh = next((one for one in report.outputs if one.index == output.index), None)
    return replace(output, url=fresh.url) if fresh and fresh.url else output


def _unfetchable(task: Task) -> TaskctlError | None:
    """Why this task has nothing to fetch now."""
    if task.state is State.UNCONFIRMED:
        return unsettled(task)
    if not task.state.ended:
        hint = f"wait for it: taskctl wait {shlex.quote(task.name)} --download"
        return StillPending(f"{task.name} is still {task.state}", hint=hint, task=task.name)
    return verdict(task)


def _wanted(task: Task, fetching: Fetching) -> tuple[Output, ...]:
    return task.outputs if fetching.extras else task.results


def _filed(output: Output, got: Fetched) -> Output:
    content_type = output.content_type or got.content_type
    return replace(output, file=str(got.path.absolute()), bytes=got.bytes, sha256=got.sha256, content_type=content_type)


def _with(task: Task, files: list[Output]) -> Task:
    by_index = {output.index: output for output in files}
    return replace(task, outputs=tuple(by_index.get(output.index, output) for output in task.outputs))


def _no_headers(_: str) -> dict[str, str]:
    return {}


@functools.cache
def _reach(base_url: str) -> Reach:
    """Worked out once: it may ask for an address."""
    return Reach.of(base_url)


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
