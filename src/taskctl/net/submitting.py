"""The one decision that costs money: what to do after an attempt to submit. Pure; the caller acts."""

from dataclasses import dataclass
from enum import StrEnum

from taskctl.dialects.messages import Trouble

CONNECT_PATIENCE = 10.0
"""Seconds we go on knocking where nobody opens."""
BUSY_PATIENCE = 60.0
"""Seconds we wait in all where the provider says 429, and at most before one repetition."""
LOST_ATTEMPTS = 3
"""Requests that may be sent in all where the provider knows a repeated key."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0


class Contract(StrEnum):
    """What the provider is known to do with a repeated key."""

    NONE = "none"
    REPLAY = "replay"
    EXISTING = "existing"
    REJECT = "reject"


class Met(StrEnum):
    """How an attempt ended."""

    NOT_SENT = "not_sent"
    UNTRUSTED = "untrusted"
    LOST = "lost"
    PROBLEM = "problem"


class Move(StrEnum):
    """What to do next."""

    AGAIN = "again"
    """Send the same bytes with the same key."""
    UNCONFIRMED = "unconfirmed"
    """Stop: it may have been accepted."""
    GIVE_UP = "give_up"
    """Stop: it was provably not accepted, and asking again does not help now."""
    REFUSED = "refused"
    """Stop: the provider said no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is known after an attempt."""

    met: Met
    trouble: Trouble | None = None
    status: int | None = None
    retry_after: float | None = None
    number: int
    """The attempts made so far that may have reached the provider, or all where none did; 1 is the first."""
    elapsed: float
    """Seconds since the first attempt."""
    maybe_accepted: bool = False
    """Whether an earlier attempt may have been accepted."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether the provider may have accepted this attempt: a lost answer, 408, 5xx, or a 2xx without an id."""
        if self.met is not Met.PROBLEM:
            return self.met is Met.LOST
        if self.trouble is Trouble.UNAVAILABLE:
            return True
        return self.trouble is Trouble.UNREADABLE and self.status is not None and self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The move, and the pause before it in seconds."""

    move: Move
    pause: float = 0.0


def decide(attempt: Attempt, contract: Contract) -> Decision:
    """What to do after this attempt.

    A submission is sent again only where the attempt provably never arrived, where the provider says that it is
    too busy (429), or where its contract makes a repeated key harmless.
    """
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt.number - 1))
    ended = Move.UNCONFIRMED if attempt.maybe_accepted else Move.GIVE_UP
    match attempt.met:
        case Met.UNTRUSTED:
            return Decision(move=ended)
        case Met.NOT_SENT:
            patient = attempt.elapsed + pause <= CONNECT_PATIENCE
            return Decision(move=Move.AGAIN, pause=pause) if patient else Decision(move=ended)
    if attempt.may_have_arrived:
        return _after_a_lost_answer(attempt, contract, pause)
    if attempt.trouble is Trouble.BUSY:
        pause = max(pause, attempt.retry_after or 0.0)
        patient = attempt.elapsed + pause <= BUSY_PATIENCE
        return Decision(move=Move.AGAIN, pause=pause) if patient else Decision(move=ended)
    return Decision(move=Move.UNCONFIRMED if attempt.maybe_accepted else Move.REFUSED)


def _after_a_lost_answer(attempt: Attempt, contract: Contract, pause: float) -> Decision:
    harmless = contract in (Contract.REPLAY, Contract.EXISTING)
    pause = max(pause, attempt.retry_after or 0.0)
    if harmless and attempt.number < LOST_ATTEMPTS and pause <= BUSY_PATIENCE:
        return Decision(move=Move.AGAIN, pause=pause)
    return Decision(move=Move.UNCONFIRMED)
