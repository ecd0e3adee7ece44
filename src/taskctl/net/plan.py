"""What to do with an answer to a download, given what is on disk. Pure; the transfer acts."""

import re
from dataclasses import dataclass
from enum import StrEnum

_RANGE = re.compile(r"(?i)bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_COMPLETE = re.compile(r"(?i)bytes \*/([0-9]{1,18})")
_STRONG = re.compile(r'"[!#-~]+"')


class Step(StrEnum):
    """What to do."""

    WRITE = "write"
    """Write the body from the beginning."""
    APPEND = "append"
    """Write the body after what is there."""
    DONE = "done"
    """What is there is the whole file."""
    RESTART = "restart"
    """Throw away what is there and ask for the whole file."""
    EXPIRED = "expired"
    """The link is dead: ask the task for a fresh one."""
    AGAIN = "again"
    """Nothing was said about the file: try later."""
    REFUSE = "refuse"
    """This will not become the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What an earlier attempt left: bytes on disk, and the validators that came with them."""

    have: int = 0
    etag: str | None = None
    total: int | None = None

    @property
    def resumable(self) -> bool:
        """Whether a server can be asked for the rest without risking a splice: only with a strong ETag."""
        return self.have > 0 and is_strong(self.etag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the server answered."""

    status: int
    etag: str | None = None
    content_range: str | None = None
    content_length: int | None = None
    content_encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The step, and how long the whole file is where that is known."""

    step: Step
    total: int | None = None


def is_strong(etag: str | None) -> bool:
    """Whether this validator promises the same bytes; what is not written as one promises nothing."""
    return etag is not None and _STRONG.fullmatch(etag) is not None


def plan(partial: Partial, offer: Offer) -> Plan:
    """What to do with this offer: never append what does not fit to the byte."""
    encoded = (offer.content_encoding or "").lower() not in ("", "identity")
    match offer.status:
        case 200:
            return Plan(step=Step.REFUSE) if encoded else Plan(step=Step.WRITE, total=offer.content_length)
        case 206:
            return _partial_content(partial, offer, encoded=encoded)
        case 416:
            complete = _COMPLETE.fullmatch(offer.content_range or "")
            same = partial.resumable and offer.etag == partial.etag
            whole = same and complete is not None and int(complete[1]) == partial.have
            return Plan(step=Step.DONE if whole else Step.RESTART, total=partial.have if whole else None)
        case 401 | 403 | 404 | 410:
            return Plan(step=Step.EXPIRED)
        case 408 | 425 | 429:
            return Plan(step=Step.AGAIN)
        case status if status >= 500:
            return Plan(step=Step.AGAIN)
        case _:
            return Plan(step=Step.REFUSE)


def _partial_content(partial: Partial, offer: Offer, *, encoded: bool) -> Plan:
    found = _RANGE.fullmatch(offer.content_range or "")
    if found is None or encoded:
        return Plan(step=Step.RESTART)
    start, end = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    if start == 0 and total == end + 1:  # all of it, as some servers answer a plain request
        return Plan(step=Step.WRITE, total=total)
    same = partial.resumable and offer.etag == partial.etag
    fits = same and start == partial.have and total is not None and end == total - 1
    agreed = partial.total is None or partial.total == total
    return Plan(step=Step.APPEND, total=total) if fits and agreed else Plan(step=Step.RESTART)
