"""Server-sent events: how a task goes on, as it goes on."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from taskctl.sandbox.answers import Problem, Refused
from taskctl.sandbox.fate import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.provider import Provider
    from taskctl.sandbox.shelf import Record

__all__ = ["event_stream"]

_TICK = 0.02
_TICKS_PER_HEARTBEAT = 50
_HEARTBEAT = ": heartbeat\n\n"


def event_stream(
    provider: Provider, task_id: str, event: str, tell: Callable[[Record, Moment], object]
) -> StreamingResponse:
    """An answer that tells of every change until the task has ended."""
    record = provider.find(task_id)
    if record is None or provider.moment(record).state is State.FORGOTTEN:
        raise Refused(Problem.NOT_FOUND)
    if record.directions.no_stream:
        raise Refused(Problem.NO_ROUTE)
    frames = _frames(provider, task_id, event, tell)
    return StreamingResponse(frames, headers={"Cache-Control": "no-store"}, media_type="text/event-stream")


async def _frames(
    provider: Provider, task_id: str, event: str, tell: Callable[[Record, Moment], object]
) -> AsyncIterator[str]:
    yield _HEARTBEAT
    told, ticks = None, 0
    while (record := provider.find(task_id)) is not None:
        stand, breaks = provider.moment(record), record.directions.stream_breaks
        if stand.state is State.FORGOTTEN or (breaks and stand.ended):
            return
        if (news := tell(record, stand)) != told:
            yield f"event: {event}\ndata: {json.dumps(news)}\n\n"
            told = news
        if stand.ended or breaks:
            return
        await asyncio.sleep(_TICK)
        ticks += 1
        if ticks % _TICKS_PER_HEARTBEAT == 0:
            yield _HEARTBEAT
