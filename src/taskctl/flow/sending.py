"""Sends a submission that is on record, again where that is safe, and says what became of it."""

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from taskctl import durations
from taskctl.dialects.messages import Problem, Request
from taskctl.dialects.site import Order
from taskctl.errors import NoAnswer, TaskctlError, TaskNotFound, Unconfirmed, Unsupported
from taskctl.model import Report, Task
from taskctl.net.provider import Provider
from taskctl.net.submitting import KEY_LIVES, Attempt, Contract, Met, Move, Promise, decide
from taskctl.net.wire import NotSent, Untrusted
from taskctl.runtime import Runtime
from taskctl.store.submission import Submission

IN_FLIGHT = 90.0
"""Seconds that one attempt to submit may take at most."""


async def send(
    runtime: Runtime,
    provider: Provider,
    request: Request,
    order: Order,
    submission: Submission,
    *,
    maybe_accepted: bool = False,
) -> Task:
    """The task that the provider made of a submission, sent until there is an answer or sending again is not safe.

    `maybe_accepted` says that an earlier sending may have been accepted: then no refusal proves that there is no task.

    Raises:
        Unconfirmed: the answer was lost. NoAnswer: it never arrived. TaskctlError: the provider refused.
    """
    history, clock = runtime.history, runtime.clock
    began, tried, arrived = clock.monotonic(), 0, 0
    while True:
        with _interruptible(runtime, submission, may_have_arrived=True):
            met = await _attempt(provider, request, order)
        if isinstance(met, Report):
            return _bound(runtime, submission, met)
        attempt, error = met
        tried, arrived = tried + 1, arrived + attempt.may_have_arrived
        elapsed = clock.monotonic() - began
        attempt = replace(
            attempt,
            number=arrived or tried,
            elapsed=elapsed,
            age=age_of(runtime, submission),
            maybe_accepted=maybe_accepted,
        )
        decision = decide(attempt, promise_of(provider))
        match decision.move:
            case Move.AGAIN:
                maybe_accepted = maybe_accepted or attempt.may_have_arrived
                runtime.listener.note(f"{error.message.rstrip('.')}; trying again in {decision.pause:.1f} s")
                with _interruptible(runtime, submission, may_have_arrived=maybe_accepted):
                    await clock.sleep(decision.pause)
                history.touch(submission.row, in_flight=IN_FLIGHT)
            case Move.UNCONFIRMED:
                return await _found(runtime, provider, submission, error)
            case Move.GIVE_UP | Move.REFUSED:
                history.drop(submission.row)
                raise error


def promise_of(provider: Provider) -> Promise:
    """What the provider is known to do with a repeated key, and for how long."""
    form = provider.site.dialect.form.submit
    lives = durations.seconds(form.key_lives) if form.key_lives else KEY_LIVES
    return Promise(contract=Contract(form.idempotency), lives=lives)


def age_of(runtime: Runtime, submission: Submission) -> float:
    """Seconds since the submission was put on record."""
    return (runtime.clock.now() - submission.sent_at).total_seconds()


@contextmanager
def _interruptible(runtime: Runtime, submission: Submission, *, may_have_arrived: bool) -> Iterator[None]:
    """Leave a submission that is interrupted as what it is: gone, or one whose answer was lost."""
    try:
        yield
    except asyncio.CancelledError:
        if may_have_arrived:
            runtime.history.lost(submission.row)
            runtime.sending = submission
        else:
            runtime.history.drop(submission.row)
        raise


async def _attempt(provider: Provider, request: Request, order: Order) -> Report | tuple[Attempt, TaskctlError]:
    """One sending: the report it brought, or what is known about its failing."""
    blank = Attempt(met=Met.LOST, number=1, elapsed=0)
    try:
        told = await provider.submit(request, order)
    except Untrusted as error:
        return replace(blank, met=Met.UNTRUSTED), error
    except NotSent as error:
        return replace(blank, met=Met.NOT_SENT), error
    except NoAnswer as error:
        return blank, error
    if isinstance(told, Problem):
        known = replace(blank, met=Met.PROBLEM, trouble=told.trouble, status=told.status, retry_after=told.retry_after)
        return known, provider.complaint(told, f"submitting to {provider.profile.name}", None)
    return told


async def _found(runtime: Runtime, provider: Provider, submission: Submission, error: TaskctlError) -> Task:
    """The task after its answer was lost: by its key, where the provider can find it so."""
    runtime.history.lost(submission.row)
    try:
        with _interruptible(runtime, submission, may_have_arrived=True):
            found = await by_key(provider, submission.intent.key)
    except TaskctlError:
        found = None
    if found is None:
        raise unconfirmed(submission, error) from error
    return _bound(runtime, submission, found)


def _bound(runtime: Runtime, submission: Submission, report: Report) -> Task:
    """The task that a submission has become. Whoever is stopped from here on knows that there is one."""
    task = submission.task.told(report, now=runtime.clock.now())
    runtime.accepted = task
    runtime.accepted = runtime.history.bind(submission.row, task)
    return runtime.accepted


async def by_key(provider: Provider, key: str) -> Report | None:
    """The task that the provider made of this key; None where there is none, or it cannot tell."""
    try:
        return await provider.find(key)
    except (Unsupported, TaskNotFound):
        return None


def unconfirmed(submission: Submission, error: TaskctlError | None = None, *, hint: str | None = None) -> Unconfirmed:
    """The error that a submission without an answer is, with what settles it."""
    key, why = submission.intent.key, f": {error.message}" if error else ""
    return Unconfirmed(
        f"the answer to the submission with key {key} was lost{why}",
        hint=hint or f"it may have been accepted and charged; settle it with: {settling(submission)}",
        task=key,
    )


def settling(submission: Submission) -> str:
    """The command that settles this submission."""
    return f"taskctl reconcile -P {shlex.quote(submission.intent.profile)} --key {shlex.quote(submission.intent.key)}"
