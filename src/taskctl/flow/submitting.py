"""Submits a wish: refuses what cannot work, writes the intent down, and sends it."""

from pathlib import Path

from taskctl.dialects.messages import Request
from taskctl.dialects.site import Order, Site, new_key
from taskctl.errors import HistoryError, KeyConflict, NoAnswer
from taskctl.flow.outcome import unsettled
from taskctl.flow.sending import IN_FLIGHT, send
from taskctl.flow.settling import reconcile
from taskctl.model import State, Task
from taskctl.net.provider import Provider
from taskctl.runtime import Runtime
from taskctl.store.submission import Intent, Submission
from taskctl.wish import LocalFile, Wish, replaced, restored


async def submit(runtime: Runtime, wish: Wish) -> Task:
    """The task that the provider made of this wish. On disk before the first byte leaves.

    Raises:
        Unconfirmed: the answer was lost; the history knows the key.
    """
    runtime.need_history()
    key = wish.key or new_key()
    known = runtime.history.submission(key, wish.profile.base_url) if wish.key else None
    if known is not None:
        return await _again(runtime, known, wish.fingerprint())
    provider = await runtime.provider(wish.profile)
    input_ = await _with_files_sent(provider, wish)
    order = _order(wish, key, input_)
    request = provider.site.submit(order)
    submission = runtime.history.intend(_intent(runtime, provider, wish, order, request), in_flight=IN_FLIGHT)
    if not submission.fresh:
        return await _again(runtime, submission, wish.fingerprint())
    return await send(runtime, provider, request, order, submission)


def request_of(runtime: Runtime, wish: Wish) -> tuple[Request, dict[str, str]]:
    """The request that a submit would send, with the key written as a variable; nothing is sent or uploaded."""
    site = Site(wish.profile.dialect, runtime.address(wish.profile.base_url))

    def stand_in(pointer: str, file: LocalFile) -> object:
        uploaded = wish.profile.dialect.upload_for(pointer.split("/")[1])
        return f"<the URL of {file.path} once uploaded>" if uploaded else file.data_url()

    input_ = replaced(wish.input, stand_in)
    request = site.submit(_order(wish, wish.key or new_key(), input_ if isinstance(input_, dict) else {}))
    variable = wish.profile.key_variable
    return request, site.key_headers(request.url, None, written_as=f"${variable}") if variable else {}


async def retry(runtime: Runtime, task: Task, *, key: str | None, tags: tuple[str, ...]) -> Task:
    """A new task with the same input.

    Raises:
        HistoryError: the history does not know the input. Unconfirmed: it may be there already.
    """
    if task.state is State.UNCONFIRMED:
        raise unsettled(task)
    input_, files = runtime.history.inputs(task)
    if not input_:
        raise HistoryError(
            f"the history does not know the input of {task.name}", hint="submit it with its items", task=task.name
        )
    wish = Wish(
        profile=runtime.profiles.of(task),
        operation=task.operation,
        model=task.model,
        input=restored(input_, files),
        key=key,
        tags=tags or task.tags,
    )
    return await submit(runtime, wish)


def _order(wish: Wish, key: str, input_: dict[str, object]) -> Order:
    operation = wish.profile.dialect.operation(wish.operation, wish.model)
    return Order(operation=operation, model=wish.model, input=input_, key=key, callback_url=wish.callback_url)


def _intent(runtime: Runtime, provider: Provider, wish: Wish, order: Order, request: Request) -> Intent:
    shown = replaced(wish.input, lambda _, file: f"@{file.path}")
    return Intent(
        key=order.key,
        wire_key=wish.profile.dialect.wire_key(order.key),
        profile=wish.profile.name,
        dialect=wish.profile.dialect.name,
        base_url=wish.profile.base_url,
        operation=order.operation.name,
        model=order.model,
        input=shown if isinstance(shown, dict) else {},
        files={pointer: str(Path(file.path).resolve()) for pointer, file in wish.files().items()},
        fingerprint=wish.fingerprint(),
        method=request.method,
        url=runtime.recorded(request.url, provider),
        body=request.body or b"",
        content_type=request.headers.get("Content-Type"),
        tags=wish.tags,
    )


async def _with_files_sent(provider: Provider, wish: Wish) -> dict[str, object]:
    """The input with what stands for its files: what the upload gave, or a data URL."""
    sent: dict[str, object] = {}
    uploaded: dict[tuple[str, str], object] = {}
    for pointer, file in wish.files().items():
        taken = wish.profile.dialect.upload_for(pointer.split("/")[1])
        if taken is None:
            sent[pointer] = file.data_url()
            continue
        once = (taken[0].request, file.sha256())  # a file that stands in two places is sent once
        if once not in uploaded:
            uploaded[once] = await provider.upload(*taken, file.path)
        sent[pointer] = uploaded[once]
    done = replaced(wish.input, lambda pointer, _: sent[pointer])
    return done if isinstance(done, dict) else {}


async def _again(runtime: Runtime, submission: Submission, fingerprint: str) -> Task:
    """The task of a key that was used before: the same request gets the same task, another one is refused."""
    if not submission.repeats(fingerprint):
        raise KeyConflict(
            f"key {submission.intent.key} belongs to another request",
            hint="give the request as it was, or choose another key",
            task=submission.task.id,
        )
    if submission.task.state is not State.UNCONFIRMED:
        runtime.listener.note(f"{submission.task.name} exists already: nothing was sent")
        return submission.task
    while submission.in_flight(runtime.clock.now()):
        await runtime.clock.sleep(0.1)
        newer = runtime.history.submission(submission.intent.key, submission.intent.base_url)
        if newer is None or newer.task.state is not State.UNCONFIRMED:
            break
        submission = newer
    latest = runtime.history.submission(submission.intent.key, submission.intent.base_url)
    if latest is None:
        raise NoAnswer(f"the submission with key {submission.intent.key} was not accepted", hint="submit it again")
    return latest.task if latest.task.state is not State.UNCONFIRMED else await reconcile(runtime, latest)
