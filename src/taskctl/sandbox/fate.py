"""What has become of a task at a given time: a pure function of its record and the clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from taskctl.sandbox.directions import End, Stuck

if TYPE_CHECKING:
    from taskctl.sandbox.shelf import Record

__all__ = ["ENDED", "Moment", "State", "moment"]

_QUEUED_SHARE = 0.2
_STUCK_AT = 50


class State(Enum):
    """Where a task stands; every dialect has its own words for these."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    FORGOTTEN = "forgotten"


ENDED = frozenset((State.COMPLETED, State.FAILED, State.CANCELLED, State.FORGOTTEN))

_STUCK = {Stuck.QUEUED: State.QUEUED, Stuck.RUNNING: State.RUNNING, Stuck.UNKNOWN: State.UNKNOWN}
_ENDS = {
    End.COMPLETED: State.COMPLETED,
    End.FAILED: State.FAILED,
    End.MODERATED: State.FAILED,
    End.CANCELLED: State.CANCELLED,
    End.FORGOTTEN: State.FORGOTTEN,
}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How a task stands, how far it is, and since when it has ended."""

    state: State
    progress: int
    finished_at: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


def moment(record: Record, now: float) -> Moment:
    """How a task stands at a time: the first fifth of its time it waits, then it runs, then it ends."""
    if record.cancelled_at is not None:
        reached = _course(record, record.cancelled_at).progress
        return Moment(state=State.CANCELLED, progress=reached, finished_at=record.cancelled_at)
    return _course(record, now)


def _course(record: Record, now: float) -> Moment:
    directions, passed = record.directions, now - record.created_at
    start = directions.takes * _QUEUED_SHARE
    if directions.stuck is Stuck.UNKNOWN:
        return Moment(state=State.UNKNOWN, progress=0)
    if directions.stuck is Stuck.QUEUED or passed < start:
        return Moment(state=State.QUEUED, progress=0)
    share = (passed - start) / (directions.takes - start) if passed < directions.takes else 1.0
    progress = min(int(share * 100 + 1e-6), 99)
    if directions.stuck:
        return Moment(state=_STUCK[directions.stuck], progress=min(progress, _STUCK_AT))
    if passed < directions.takes:
        return Moment(state=State.RUNNING, progress=progress)
    state = _ENDS[directions.end]
    return Moment(
        state=state,
        progress=100 if state is State.COMPLETED else progress,
        finished_at=record.created_at + directions.takes,
    )
