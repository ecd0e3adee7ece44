"""Settles submissions whose answer was lost."""

import shlex

from taskctl.dialects.messages import Request
from taskctl.dialects.site import Order
from taskctl.errors import Unconfirmed, Unsupported
from taskctl.flow.sending import IN_FLIGHT, by_key, contract_of, send, settling, unconfirmed
from taskctl.model import State, Task
from taskctl.net.provider import Provider
from taskctl.net.submitting import Contract
from taskctl.runtime import Runtime
from taskctl.store.submission import Intent, Submission

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
    """Find out what became of a submission whose answer was lost; send it again where a repeated key is harmless.

    Raises:
        Unconfirmed: nobody can tell, and only a person may decide to pay again (`resubmit`).
    """
    if submission.task.state is not State.UNCONFIRMED:
        return submission.task
    provider = await runtime.provider(runtime.profiles.of(submission.task))
    found = await _recovered(runtime, provider, submission)
    if found is not None:
        return found
    harmless = contract_of(provider) in (Contract.REPLAY, Contract.EXISTING)
    if not (harmless or resubmit):
        forgetting = f"taskctl history forget {shlex.quote(submission.intent.key)}"
        again = f"{settling(submission)} --resubmit"
        raise unconfirmed(submission, hint=f"{_LOOK}; to pay again: {again}; to let it go: {forgetting}")
    if submission.intent.body is None:
        raise unconfirmed(submission, hint=f"{_LOOK}; its request held a secret and was not kept")
    if not runtime.history.claim(submission.row, in_flight=IN_FLIGHT):
        hint = f"another process may be sending it right now; in two minutes: {settling(submission)}"
        raise unconfirmed(submission, hint=hint)
    order, request = _repeated(provider, submission.intent)
    return await send(runtime, provider, request, order, submission, maybe_accepted=True)


async def _recovered(runtime: Runtime, provider: Provider, submission: Submission) -> Task | None:
    report = await by_key(provider, submission.intent.key)
    if report is None:
        return None
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
