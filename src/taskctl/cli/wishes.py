"""From what was typed to a wish, and from a submission to what is said of it."""

import json
import re
import shlex
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from taskctl.cli import items as syntax
from taskctl.cli.command import resuming
from taskctl.cli.shell import Shell
from taskctl.errors import Interrupted, TaskctlError, UsageError, worst
from taskctl.flow.sending import settling
from taskctl.model import Task
from taskctl.profiles import Profile
from taskctl.wish import Wish

if TYPE_CHECKING:
    from taskctl.dialects.messages import Request
    from taskctl.runtime import Runtime


def made(
    profile: Profile,
    items: Sequence[str],
    *,
    prompt: str | None,
    model: str | None,
    input_: str | None,
    operation: str | None,
    callback_url: str | None,
    key: str | None,
    tags: Sequence[str],
) -> Wish:
    """The wish that these options and items make.

    Raises:
        UsageError: they contradict each other, or say nothing.
    """
    base = syntax.read_object(input_) if input_ is not None else {}
    given = syntax.parse(list(items), base)
    if "model" in given:
        named = given.pop("model")
        if model is not None:
            raise UsageError("the model is named twice, by -m and by model=", hint="name it once")
        if not isinstance(named, str):
            raise UsageError(f"model={named!r} is no name")
        model = named
    model = model or profile.settings.model
    operation = operation or profile.settings.operation
    chosen = profile.dialect.operation(operation, model)
    if prompt is not None:
        if chosen.prompt in given and not (input_ and chosen.prompt in base):
            raise UsageError(f"the prompt is given twice, by -p and by {chosen.prompt}=", hint="give it once")
        given[chosen.prompt] = prompt
    if key is not None and not (0 < len(key) <= 255 and key.isprintable() and key.isascii()):
        raise UsageError(f"--key {key!r}: a key is 1 to 255 printable ASCII characters")
    if not given:
        raise UsageError("nothing says what to make", hint='give a prompt: -p "a dog on a beach", or ITEMs: name=text')
    return Wish(
        profile=profile,
        operation=operation,
        model=model,
        input=given,
        callback_url=callback_url,
        key=key,
        tags=tuple(tags),
    )


def sent(runtime: "Runtime", work: Coroutine[Any, Any, Task]) -> Task:
    """The task of a submission; an interrupted one says what became of it, or what settles it."""
    try:
        return runtime.run(work)
    except KeyboardInterrupt as stopped:
        task, lost = runtime.accepted, runtime.sending
        if task is not None:
            hint = f"follow it with: taskctl wait -P {shlex.quote(task.profile)} {shlex.quote(task.name)}"
            message = f"stopped; {task.name} was submitted, and goes on"
            raise resuming(stopped, hint, tasks=[task], message=message) from stopped
        if lost is None:
            raise resuming(stopped, "submit it again", message="stopped; nothing was sent") from stopped
        message = f"stopped before the answer to the submission with key {lost.intent.key} came"
        hint = f"it may have been accepted and charged; settle it with: {settling(lost)}"
        raise resuming(stopped, hint, tasks=[lost.task], message=message) from stopped


def sent_all(shell: Shell, runtime: "Runtime", work: Iterable[Coroutine[Any, Any, Task]]) -> None:
    """Submit one after the other; the ids of those that were accepted are printed, also where others were not."""
    tasks: list[Task] = []
    errors: list[TaskctlError] = []
    for one in work:
        try:
            tasks.append(sent(runtime, one))
        except Interrupted as stopped:
            errors.append(stopped)
            break
        except TaskctlError as error:
            errors.append(error)
    shell.results(tasks, errors, lines=[task.name for task in tasks])
    shell.output.errors(errors)
    shell.exit(worst([error.exit_code for error in errors]))


def show(shell: Shell, profile: Profile, request: "Request", key_headers: Mapping[str, str]) -> None:
    """The request as a curl command that refers to the key by its variable."""
    with suppress(TaskctlError):
        profile.key_in_environment(shell.environ)  # known from here on, so that it is shown nowhere
    headers = {**request.headers, **key_headers}
    body = (request.body or b"").decode()
    lines = [f"curl -X {request.method} {shlex.quote(request.url)}"]
    lines += [f"  -H {_quoted(f'{name}: {value}', expand=name in key_headers)}" for name, value in headers.items()]
    lines += [f"  --data-raw {shlex.quote(body)}"] if body else []
    command = " \\\n".join(lines)
    if shell.output.structured:
        value = {
            "method": request.method,
            "url": request.url,
            "headers": headers,
            "body": json.loads(body or "null"),
            "curl": command,
        }
        shell.output.values("request", value, rows=[], names=[])
        return
    shell.output.lines(command.split("\n"), clean=True)


def _quoted(header: str, *, expand: bool) -> str:
    return '"' + re.sub(r'([\\"`])', r"\\\1", header) + '"' if expand else shlex.quote(header)
