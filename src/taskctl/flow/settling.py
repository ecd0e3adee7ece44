"""Settles submissions whose answer was lost."""

import shlex

from taskctl.dialects.messages import Request
from taskctl.dialects.site import Order
from taskctl.errors import Unconfirmed, Unsupported
from taskctl.flow.matching import by_list
from taskctl.flow.sending import IN_FLIGHT, age_of, by_key, promise_of, send, settling, unconfirmed
from taskctl.model import Report, State, Task
from taskctl.net.provider import Provider
from taskctl.runtime import Runtime
from taskctl.store.submission import Intent, Submission

_SHOWN = 5
"""Candidates that a hint names."""
_LOOK = "only the provider's own pages tell whether it is there"


async def recovered(runtime: Runtime, submission: Submission) -> Task:
    """The task of a submission whose answer was lost, where its provider finds it by its key. Sends nothing.

    Raises:
        Unconfirmed: it does not.
    """
    provider = await runtime.provider(runtime.profiles.of(submission.task))
    found = await _recovered(runtime, provider, submission)
    if found is None:
        raise unconfirmed(submission)
    return found


async def reconcile(runtime: Runtime, submission: Submission, *, resubmit: bool = False) -> Task:
    """Find out what became of a submission whose answer was lost: by its key, in the list, or by sending it again.

    It is sent again where a repeated key is harmless, or is refused by a provider that has it.

    Raises:
        Unconfirmed: nobody can tell, and only a person may decide to pay again (`resubmit`).
    """
    if submission.task.state is not State.UNCONFIRMED:
        return submission.task
    provider = await runtime.provider(runtime.profiles.of(submission.task))
    found = await _recovered(runtime, provider, submission)
    if found is not None:
        return found
    matches = await by_list(runtime, provider, submission)
    if matches.found is not None:
        return _settled(runtime, submission, matches.found)
    if not (resubmit or promise_of(provider).telling(age_of(runtime, submission))):
        forgetting = f"taskctl history forget {shlex.quote(submission.intent.key)}"
        again = f"{settling(submission)} --resubmit"
        look = f"it may be {' or '.join(matches.likely[:_SHOWN])}" if matches.likely else _LOOK
        raise unconfirmed(submission, hint=f"{look}; to pay again: {again}; to let it go: {forgetting}")
    if submission.intent.body is None:
        raise unconfirmed(submission, hint=f"{_LOOK}; its request held a secret and was not kept")
    if not runtime.history.claim(submission.row, in_flight=IN_FLIGHT):
        hint = f"another process may be sending it right now; in two minutes: {settling(submission)}"
        raise unconfirmed(submission, hint=hint)
    order, request = _repeated(provider, submission.intent)
    try:
        return await send(runtime, provider, request, order, submission, maybe_accepted=True)
    except Unconfirmed:
        matches = await by_list(runtime, provider, submission)  # a refusal of its key may have told that it is there
        if matches.found is None:
            raise
        return _settled(runtime, submission, matches.found)


async def _recovered(runtime: Runtime, provider: Provider, submission: Submission) -> Task | None:
    report = await by_key(provider, submission.intent.key)
    if report is None:
        return None
    return _settled(runtime, submission, report)


def _settled(runtime: Runtime, submission: Submission, report: Report) -> Task:
    return runtime.history.bind(submission.row, submission.task.told(report, now=runtime.clock.now()))


async def find_by_key(runtime: Runtime, key: str) -> Task:
    """The task that was submitted with this key to the selected profile, with nothing in the history.

    Raises:
        Unconfirmed: the provider cannot tell. TaskNotFound: there is none.
    """
    profile = runtime.profiles.selected()
    provider = await runtime.provider(profile)
    try:
        report = await provider.find(key)
    except Unsupported as error:
        hint = f"{_LOOK}; the history here does not know the request, so it cannot be sent again"
        raise Unconfirmed(f"nobody knows what became of key {key}: {error.message}", hint=hint, task=key) from error
    task = Task(id=None, key=key, profile=profile.name, dialect=profile.dialect.name, base_url=profile.base_url)
    return runtime.history.record(task.told(report, now=runtime.clock.now()))


def _repeated(provider: Provider, intent: Intent) -> tuple[Order, Request]:
    """The request of an earlier intent, to the byte."""
    operation = provider.site.dialect.operation(intent.operation, intent.model)
    order = Order(operation=operation, model=intent.model, input=intent.input, key=intent.key)
    headers = provider.site.submit(order).headers  # what a header says depends on the key, not on the input
    url = intent.url.replace(provider.profile.base_url, provider.site.base_url, 1)
    return order, Request(method=intent.method, url=url, headers=headers, body=intent.body)
