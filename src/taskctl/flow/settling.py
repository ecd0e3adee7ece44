"""Settles submissions whose answer was lost."""

from taskctl.dialects.messages import Request
from taskctl.dialects.site import Order
from taskctl.flow.sending import IN_FLIGHT, by_key, contract_of, send, unconfirmed
from taskctl.model import Task
from taskctl.net.provider import Provider
from taskctl.net.submitting import Contract
from taskctl.runtime import Runtime
from taskctl.store.submission import Intent, Submission


async def reconcile(runtime: Runtime, submission: Submission, *, resubmit: bool = False) -> Task:
    """Find out what became of a submission whose answer was lost.

    Raises:
        Unconfirmed: nobody can tell, and only a person may decide to pay again (`resubmit`).
    """
    profile = runtime.profiles.of(submission.task)
    provider = await runtime.provider(profile)
    found = await by_key(provider, submission.intent.key)
    if found is not None:
        task = submission.task.told(found, now=runtime.clock.now())
        return runtime.history.bind(submission.row, task)
    harmless = contract_of(provider) in (Contract.REPLAY, Contract.EXISTING)
    if (harmless or resubmit) and submission.intent.body is not None:
        if not runtime.history.claim(submission.row, in_flight=IN_FLIGHT):
            raise unconfirmed(submission, provider, None)
        order, request = _repeated(provider, submission.intent)
        return await send(runtime, provider, request, order, submission, maybe_accepted=True)
    raise unconfirmed(submission, provider, None)


async def find_by_key(runtime: Runtime, key: str) -> Task:
    """The task that was submitted with this key to the selected profile, with nothing in the history.

    Raises:
        Unsupported: the provider cannot tell. TaskNotFound: there is none.
    """
    profile = runtime.profiles.selected()
    provider = await runtime.provider(profile)
    report = await provider.find(key)
    task = Task(id=None, key=key, profile=profile.name, dialect=profile.dialect.name, base_url=profile.base_url)
    return runtime.history.record(task.told(report, now=runtime.clock.now()))


def _repeated(provider: Provider, intent: Intent) -> tuple[Order, Request]:
    """The request of an earlier intent, to the byte."""
    operation = provider.site.dialect.operation(intent.operation, intent.model)
    order = Order(operation=operation, model=intent.model, key=intent.key)
    url = intent.url.replace(provider.profile.base_url, provider.site.base_url, 1)
    headers = provider.site.submit_headers(operation, intent.key)
    if intent.content_type:
        headers["Content-Type"] = intent.content_type
    return order, Request(method=intent.method, url=url, headers=headers, body=intent.body)
