"""Finds the task of a submission whose answer was lost in the provider's list, where only one can be it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from taskctl.errors import TaskctlError
from taskctl.model import Report
from taskctl.net.provider import Provider
from taskctl.runtime import Runtime
from taskctl.store.submission import Submission

NEAR = timedelta(minutes=3)
"""How long after it was sent a task may have begun: an attempt takes 90 s at most, and clocks differ."""
_EARLY = timedelta(minutes=1)
_MOST = 500
"""Tasks of the list that are looked at."""
_TELLING = 8
"""Characters from which on a text of the input tells one request from another."""


@dataclass(slots=True)
class Matches:
    """What the list says about a submission."""

    found: Report | None = None
    """The one task that can be it."""
    likely: list[str] = field(default_factory=list)
    """Ids of tasks that may be it, for a person to look at."""


async def by_list(runtime: Runtime, provider: Provider, submission: Submission) -> Matches:
    """Look for the task in the list: adopted is one that has the key, or alone has the same text, model and time.

    Tasks that the history knows belong to other submissions. A list that tells neither what was asked for nor when
    names candidates at best.
    """
    alike: list[Report] = []
    likely: list[Report] = []
    try:
        async for report in provider.tasks(_MOST):
            if report.key is not None and report.key in (submission.intent.key, submission.intent.wire_key):
                return Matches(found=report)
            if not _may_be(submission, report) or runtime.history.find_in(submission.intent.base_url, report.id or ""):
                continue
            likely.append(report)
            if report.submitted_at is not None and _asks_the_same(submission, report):
                alike.append(report)
    except TaskctlError:  # there is no list, or it cannot be had now: nobody is the wiser
        return Matches()
    if len(alike) == 1 and not _rivals(runtime, submission):
        return Matches(found=alike[0])
    return Matches(likely=[report.id or "" for report in alike or likely if report.submitted_at is not None])


def _may_be(submission: Submission, report: Report) -> bool:
    if report.key is not None:
        return False
    if report.model is not None and submission.intent.model is not None and report.model != submission.intent.model:
        return False
    began = report.submitted_at
    return began is None or -_EARLY <= began - submission.sent_at <= NEAR


def _asks_the_same(submission: Submission, report: Report) -> bool:
    """Whether every longer text of what was asked for stands in what the list says of this task."""
    wanted = {text for text in _texts(submission.intent.input) if len(text) >= _TELLING}
    return bool(wanted) and wanted <= set(_texts(report.raw))


def _rivals(runtime: Runtime, submission: Submission) -> bool:
    """Whether another submission without an answer asked for the same at about the same time."""
    return any(
        other.row != submission.row
        and other.intent.base_url == submission.intent.base_url
        and other.intent.fingerprint == submission.intent.fingerprint
        and abs(other.sent_at - submission.sent_at) <= NEAR + _EARLY
        for other in runtime.history.submissions()
    )


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for member in value.values():
                yield from _texts(member)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
