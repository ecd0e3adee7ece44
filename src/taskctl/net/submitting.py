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
KEY_LIVES = 3600.0
"""Seconds for which a provider is trusted to remember a key where nobody says for how long."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0


class Contract(StrEnum):
    """What the provider is known to do with a repeated key."""

    NONE = "none"
    REPLAY = "replay"
    EXISTING = "existing"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the provider is known to do with a repeated key, and for how many seconds."""

    contract: Contract = Contract.NONE
    lives: float = KEY_LIVES

    def harmless(self, age: float) -> bool:
        """Whether a submission first sent so many seconds ago can be repeated without a second task.

        A clock that was set back in between makes the age negative: how old the key is, nobody knows then.
        """
        return self.contract in (Contract.REPLAY, Contract.EXISTING) and 0 <= age <= self.lives

    def telling(self, age: float) -> bool:
        """Whether a repetition costs nothing where there is a task already, be it that it is refused then."""
        return self.harmless(age) or (self.contract is Contract.REJECT and 0 <= age <= self.lives)


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
    """Seconds since the first attempt of this command."""
    age: float = 0.0
    """Seconds since the submission was put on record, by whatever command."""
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


def decide(attempt: Attempt, promise: Promise) -> Decision:
    """What to do after this attempt.

    A submission is sent again only where the attempt provably never arrived, where the provider says that it is
    too busy (429), or where its promise makes a repeated key harmless.
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
        return _after_a_lost_answer(attempt, promise, pause)
    if attempt.trouble is Trouble.BUSY:
        pause = max(pause, attempt.retry_after or 0.0)
        patient = attempt.elapsed + pause <= BUSY_PATIENCE
        return Decision(move=Move.AGAIN, pause=pause) if patient else Decision(move=ended)
    return Decision(move=Move.UNCONFIRMED if attempt.maybe_accepted else Move.REFUSED)


def _after_a_lost_answer(attempt: Attempt, promise: Promise, pause: float) -> Decision:
    pause = max(pause, attempt.retry_after or 0.0)
    if promise.harmless(attempt.age) and attempt.number < LOST_ATTEMPTS and pause <= BUSY_PATIENCE:
        return Decision(move=Move.AGAIN, pause=pause)
    return Decision(move=Move.UNCONFIRMED)
