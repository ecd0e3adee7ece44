"""Follows many tasks until each has a verdict: per provider one heap of due looks, one budget, some streams."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field

from taskctl.clock import Clock
from taskctl.errors import NoAnswer, ProviderError, StillPending, TaskctlError, TaskNotFound, Unavailable, Unreadable
from taskctl.model import Report, Task
from taskctl.net import pace
from taskctl.net.provider import Provider
from taskctl.net.wire import Untrusted

SILENCE = 60.0
"""Seconds after which a provider that has never answered is given up."""
_LOOKS = 100
"""Looks under way at once, per provider."""
_STREAMS = 8
"""Streams open at once, per provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How patient and how polite a watch is; times in seconds."""

    timeout: float
    interval: float | None = None
    stall: float | None = None
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Something new about a task. With an error the watch of this task is over, and the error says why."""

    task: Task
    before: Task
    error: TaskctlError | None = None
    missed: TaskctlError | None = None
    """A look that brought nothing; the watch goes on."""
    raw: object = None
    """The provider's own answer, where a look brought one."""


@dataclass(slots=True)
class Watched:
    """A task under watch."""

    task: Task
    every: float
    known: bool
    """Whether the provider is known to have had this task."""
    began: float
    changed: float
    misses: int = 0
    denials: int = 0
    first_denial: float = 0.0
    streamed: bool = False


@dataclass(slots=True)
class Lane:
    """The tasks of one provider and what they share."""

    provider: Provider
    budget: pace.Budget
    interval: float | None = None
    """As a person set it: without jitter."""
    tasks: list[Watched] = field(default_factory=list)
    due: list[tuple[float, int, Watched]] = field(default_factory=list)
    last_miss: TaskctlError | None = None
    looks: int = 0
    streams: int = 0
    answered: bool = False
    batches: bool = False

    def next_due(self) -> float | None:
        """When the next request may leave; None where nothing waits or too much is under way."""
        return max(self.due[0][0], self.budget.free_at) if self.due and self.looks < _LOOKS else None


@dataclass(frozen=True, slots=True)
class _Brought:
    """What came back about a task: a report, or why there is none."""

    lane: Lane
    watched: Watched
    report: Report | None = None
    error: TaskctlError | None = None
    streaming: bool = False


class Watch:
    """One wait: iterate to learn what happens, until everything is decided."""

    def __init__(self, clock: Clock, terms: Terms, chance: Callable[[], float]) -> None:
        self._clock = clock
        self._terms = terms
        self._chance = chance
        self._lanes: list[Lane] = []
        self._inbox: asyncio.Queue[_Brought | None] = asyncio.Queue()
        self._work: set[asyncio.Task[None]] = set()
        self._open: dict[int, Watched] = {}
        self._streaming: dict[int, tuple[Lane, Watched]] = {}
        """Tasks of which a stream tells, and no look."""
        self._began = clock.monotonic()
        self._alarm: tuple[float, asyncio.Task[None]] | None = None
        self._order = 0
        self._crash: BaseException | None = None

    def add(self, provider: Provider, tasks: list[tuple[Task, float]], *, rate: float, interval: float | None) -> None:
        """Watch these tasks of one provider; each comes with the seconds between two looks that its dialect advises."""
        batches = "batch" in provider.site.dialect.abilities
        chosen = interval if self._terms.interval is None else self._terms.interval
        lane = Lane(provider, pace.Budget(rate), chosen, batches=batches)
        self._lanes.append(lane)
        now = self._clock.monotonic()
        for task, every in tasks:
            known = task.submitted_at is not None
            watched = Watched(task, every, known, began=now, changed=now)
            self._open[id(watched)] = watched
            lane.tasks.append(watched)
            self._push(lane, now, watched)

    async def __aiter__(self) -> AsyncGenerator[Seen]:
        try:
            while self._open:
                now = self._clock.monotonic()
                if not self._terms.once and now - self._began >= self._terms.timeout:
                    break
                self._doubt_silent_streams(now)
                self._send_what_is_due(now)
                self._set_alarm(now)
                brought = await self._inbox.get()
                if self._crash is not None:
                    raise self._crash
                for seen in self._given_up() if brought is None else self._settle(brought):
                    yield seen
            for seen in self._out_of_time():
                yield seen
        finally:
            await self._stop()

    def _send_what_is_due(self, now: float) -> None:
        for lane in self._lanes:
            while (due := lane.next_due()) is not None and due <= now:
                lane.budget.take(now)
                first = heapq.heappop(lane.due)[2]
                if self._may_stream(lane, first):
                    lane.streams += 1
                    self._streaming[id(first)] = lane, first
                    self._start(self._follow(lane, first))
                    continue
                lane.looks += 1
                many = [first, *self._more_due(lane, now)] if lane.batches else [first]
                self._start(self._look_at_many(lane, many) if len(many) > 1 else self._look(lane, first))

    def _doubt_silent_streams(self, now: float) -> None:
        """Look at tasks that would count as stalled: their streams may be."""
        for lane, watched in list(self._streaming.values()):
            if self._stalled(watched, now):
                del self._streaming[id(watched)]
                self._push(lane, now, watched)

    def _more_due(self, lane: Lane, now: float) -> Iterator[Watched]:
        batch = lane.provider.site.dialect.form.batch
        for _ in range((batch.size if batch else 1) - 1):
            if not lane.due or lane.due[0][0] > now:
                return
            yield heapq.heappop(lane.due)[2]

    def _may_stream(self, lane: Lane, watched: Watched) -> bool:
        able = "stream" in lane.provider.site.dialect.abilities
        return able and not watched.streamed and lane.streams < _STREAMS and not self._terms.once

    async def _look(self, lane: Lane, watched: Watched) -> None:
        try:
            report = await lane.provider.look(watched.task.id or "", operation=watched.task.operation)
        except TaskctlError as error:
            self._bring(_Brought(lane, watched, error=error))
        else:
            self._bring(_Brought(lane, watched, report))
        finally:
            lane.looks -= 1

    async def _look_at_many(self, lane: Lane, many: list[Watched]) -> None:
        try:
            found = await lane.provider.look_at_many([watched.task.id or "" for watched in many])
        except ProviderError:  # no such route here: one look each, for good
            lane.batches = False
            found = {}
        except TaskctlError as error:
            for watched in many:
                self._bring(_Brought(lane, watched, error=error))
            return
        finally:
            lane.looks -= 1
        for watched in many:
            report = found.get(watched.task.id or "")
            if report is not None:
                self._bring(_Brought(lane, watched, report))
            else:  # a batch leaves out what it does not know; a look of its own says why
                lane.looks += 1
                await self._look(lane, watched)

    async def _follow(self, lane: Lane, watched: Watched) -> None:
        watched.streamed = True
        try:
            async with lane.provider.stream(watched.task.id or "") as reports:
                async for report in reports or _nothing():
                    self._bring(_Brought(lane, watched, report, streaming=True))
                    if report.state is not None and report.state.ended:
                        return
        except TaskctlError:
            pass  # a broken stream is no verdict: the look below tells
        finally:
            lane.streams -= 1
        if self._streaming.pop(id(watched), None) is not None:
            lane.looks += 1
            await self._look(lane, watched)

    def _settle(self, brought: _Brought) -> Iterator[Seen]:
        lane, watched = brought.lane, brought.watched
        if id(watched) not in self._open:
            return
        before, now = watched.task, self._clock.monotonic()
        missed, error = self._judge(brought, now)
        if watched.task != before:
            watched.changed = now
        if watched.task != before or missed is not None or self._terms.once:
            raw = brought.report.raw if brought.report else None
            yield Seen(task=watched.task, before=before, missed=missed, raw=raw)
        if error is None and self._stalled(watched, now):
            error = self._standstill(watched)
        if error is not None:
            yield Seen(task=watched.task, before=watched.task, error=error)
        if error is not None or watched.task.state.ended or self._terms.once:
            del self._open[id(watched)]
            self._streaming.pop(id(watched), None)
        elif not brought.streaming:
            self._push(lane, now + self._pause(lane, watched, missed, now), watched)

    def _judge(self, brought: _Brought, now: float) -> tuple[TaskctlError | None, TaskctlError | None]:
        """Take in what came: the look that was missed, and the error that ends this watch, where there are such."""
        lane, watched, error = brought.lane, brought.watched, brought.error
        if brought.report is not None:
            lane.answered = watched.known = True
            watched.misses = watched.denials = 0
            watched.task = watched.task.told(brought.report, now=self._clock.now())
            return None, None
        if isinstance(error, NoAnswer) and not isinstance(error, Untrusted):
            watched.misses += 1
            lane.last_miss = error
            lane.answered = lane.answered or isinstance(error, Unavailable)
            return error, error if self._terms.once else None
        lane.answered = True
        if isinstance(error, Unreadable):
            watched.misses += 1
            return error, error if self._terms.once else None
        if isinstance(error, TaskNotFound) and watched.known and not self._terms.once:
            return self._denied(watched, error, now), None
        return None, error

    def _denied(self, watched: Watched, error: TaskNotFound, now: float) -> TaskctlError | None:
        """A known task that the provider does not know: not yet, or no more."""
        watched.misses += 1
        submitted = watched.task.submitted_at
        if submitted is not None and (self._clock.now() - submitted).total_seconds() < pace.GRACE:
            return error
        if watched.denials == 0:
            watched.first_denial = now
        watched.denials += 1
        if not pace.is_forgotten(watched.denials, now - watched.first_denial):
            return error
        watched.task = watched.task.forgotten(now=self._clock.now())
        return None

    def _pause(self, lane: Lane, watched: Watched, missed: TaskctlError | None, now: float) -> float:
        if missed is not None:
            asked = missed.retry_after if isinstance(missed, NoAnswer) else None
            every = lane.interval or min(watched.every, pace.FORGET_SPAN / 2)
            return pace.after_misses(every, watched.misses, asked)
        if lane.interval is not None:
            return lane.interval
        submitted = watched.task.submitted_at
        age = (self._clock.now() - submitted).total_seconds() if submitted else now - watched.began
        return pace.jittered(pace.pause(watched.every, age, watched.task.eta_seconds), self._chance())

    def _stalled(self, watched: Watched, now: float) -> bool:
        stall = self._terms.stall
        return stall is not None and not watched.task.state.ended and now - watched.changed >= stall

    def _standstill(self, watched: Watched) -> StillPending:
        return StillPending(f"{watched.task.name} has not moved for {self._terms.stall:g} s", task=watched.task.name)

    def _given_up(self) -> Iterator[Seen]:
        """Tasks of providers that have been silent from the beginning for too long."""
        if self._clock.monotonic() - self._began >= SILENCE:
            for lane in self._lanes:
                if not lane.answered and lane.last_miss is not None:
                    yield from self._end(lane, lane.last_miss)

    def _out_of_time(self) -> Iterator[Seen]:
        """Tasks of providers that never answered; the others are simply not done."""
        for lane in self._lanes:
            if not lane.answered and lane.last_miss is not None:
                yield from self._end(lane, lane.last_miss)

    def _end(self, lane: Lane, error: TaskctlError) -> Iterator[Seen]:
        for watched in lane.tasks:
            if self._open.pop(id(watched), None) is not None:
                yield Seen(task=watched.task, before=watched.task, error=error)

    def _push(self, lane: Lane, due: float, watched: Watched) -> None:
        self._order += 1
        heapq.heappush(lane.due, (due, self._order, watched))

    def _bring(self, brought: _Brought) -> None:
        self._inbox.put_nowait(brought)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        started = asyncio.get_running_loop().create_task(work)
        self._work.add(started)
        started.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        """A look that broke by a bug of ours must not leave the watch waiting for it."""
        self._work.discard(work)
        if not work.cancelled() and work.exception() is not None:
            self._crash = work.exception()
            self._inbox.put_nowait(None)

    def _set_alarm(self, now: float) -> None:
        """Wake up when the next look is due, or when patience ends."""
        times = [due for lane in self._lanes if (due := lane.next_due()) is not None]
        if not self._terms.once:
            times.append(self._began + self._terms.timeout)
        if self._terms.stall is not None:
            times += [watched.changed + self._terms.stall for _, watched in self._streaming.values()]
        if any(not lane.answered for lane in self._lanes) and now < self._began + SILENCE:
            times.append(self._began + SILENCE)
        if not times:
            return
        soonest = min(times)
        if self._alarm is not None:
            if not self._alarm[1].done() and self._alarm[0] <= soonest:
                return
            self._alarm[1].cancel()
        self._alarm = (soonest, asyncio.get_running_loop().create_task(self._ring(max(0.0, soonest - now))))

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._inbox.put_nowait(None)

    async def _stop(self) -> None:
        if self._alarm:
            self._alarm[1].cancel()
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)


async def _nothing() -> AsyncIterator[Report]:
    return
    yield
