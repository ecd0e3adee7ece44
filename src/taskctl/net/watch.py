"""Follows many tasks until each has a verdict: asks when it is time, over a few connections, and tells what is new."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass

from taskctl.clock import Clock
from taskctl.errors import NoAnswer, ProviderError, TaskctlError
from taskctl.model import Report, Task
from taskctl.net.lane import Lane
from taskctl.net.pace import Budget, Estimate
from taskctl.net.provider import Provider
from taskctl.net.watched import Moment, Seen, Terms, Watched

SILENCE = 60.0
"""Seconds after which a provider that has never answered is given up."""

TOGETHER = 0.05
"""Seconds between two times that news are told, of more tasks than these."""
FEW = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A task to watch, and what is known of how long it takes."""

    task: Task
    every: float
    """Seconds between two looks that its dialect advises."""
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class _Brought:
    """What came back about a task: a report, or why there is none."""

    lane: Lane
    watched: Watched
    told: Report | TaskctlError
    streaming: bool = False


class Watch:
    """One wait: iterate to learn what happens, everything that came at once together, until all is decided."""

    def __init__(self, clock: Clock, terms: Terms, chance: Callable[[], float]) -> None:
        self._clock = clock
        self._terms = terms
        self._chance = chance
        self._lanes: list[Lane] = []
        self._open: dict[int, Watched] = {}
        self._inbox: list[_Brought] = []
        self._bell = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()
        self._began = clock.monotonic()
        self._told = self._began
        self._alarm: tuple[float, asyncio.Task[None]] | None = None
        self._crash: BaseException | None = None

    def add(self, provider: Provider, tasks: list[Watching], *, budget: Budget, interval: float | None) -> None:
        """Watch these tasks of one provider."""
        lane = Lane(provider, budget, interval if self._terms.interval is None else self._terms.interval)
        self._lanes.append(lane)
        now = self._clock.monotonic()
        for one in tasks:
            known = one.task.submitted_at is not None
            watched = Watched(one.task, one.every, known, began=now, changed=now, estimate=one.estimate)
            self._open[id(watched)] = watched
            lane.tasks.append(watched)
            lane.push(watched, now)

    async def __aiter__(self) -> AsyncGenerator[list[Seen]]:
        try:
            while self._open and not self._out_of_time():
                now = self._clock.monotonic()
                self._doubt_silent_streams(now)
                self._send_what_is_due(now)
                self._set_alarm(now)
                await self._bell.wait()
                await self._gather()
                self._bell.clear()
                if self._crash is not None:
                    raise self._crash
                if news := [*self._read_inbox(), *self._silent()]:
                    yield news
            if given_up := list(self._silent(at_last=True)):
                yield given_up
        finally:
            await self._stop()

    async def _gather(self) -> None:
        """Where answers come thick and fast, let some come together: they are recorded in one go."""
        since = self._clock.monotonic() - self._told
        if since < TOGETHER and len(self._open) > FEW:
            await self._clock.sleep(TOGETHER - since)
        self._told = self._clock.monotonic()

    def _out_of_time(self) -> bool:
        return not self._terms.once and self._clock.monotonic() - self._began >= self._terms.timeout

    def _send_what_is_due(self, now: float) -> None:
        for lane in self._lanes:
            while (due := lane.next_due()) is not None and due <= now:
                first, *more = lane.take(now)
                if more:
                    lane.looks += 1
                    self._start(self._look_at_many(lane, [first, *more]))
                elif lane.may_stream(first) and not self._terms.once:
                    first.streamed = True
                    lane.streaming[id(first)] = first
                    self._start(self._follow(lane, first))
                else:
                    lane.looks += 1
                    self._start(self._look(lane, first))

    def _doubt_silent_streams(self, now: float) -> None:
        """Look at tasks that would count as stalled: their streams may be."""
        if self._terms.stall is None:
            return
        for lane in self._lanes:
            for watched in list(lane.streaming.values()):
                if watched.standstill(now, self._terms.stall):
                    del lane.streaming[id(watched)]
                    lane.push(watched, now)

    async def _look(self, lane: Lane, watched: Watched) -> None:
        told: Report | TaskctlError
        try:
            told = await lane.provider.look(watched.task.id or "", operation=watched.task.operation)
        except TaskctlError as error:
            told = error
        finally:
            lane.looks -= 1
        self._heard(lane, told if isinstance(told, TaskctlError) else None)
        self._bring(lane, watched, told)

    async def _look_at_many(self, lane: Lane, many: list[Watched]) -> None:
        found: dict[str, Report] = {}
        problem: TaskctlError | None = None
        try:
            found = await lane.provider.look_at_many([watched.task.id or "" for watched in many])
        except ProviderError:  # no such route here: one look each, for good
            lane.ask_singly()
        except TaskctlError as error:
            problem = error
        finally:
            lane.looks -= 1
        self._heard(lane, problem)
        for watched in many:
            watched.company = None if problem is None else max(1, len(many) // 2)
            told = problem or found.get(watched.task.id or "")
            if told is not None:
                self._bring(lane, watched, told)
            else:  # an answer about many leaves out what it does not know; a look of its own says why
                watched.alone = True
                lane.push(watched, self._clock.monotonic())
        self._bell.set()

    async def _follow(self, lane: Lane, watched: Watched) -> None:
        try:
            async with lane.provider.stream(watched.task.id or "") as reports:
                async for report in reports or _nothing():
                    self._heard(lane, None)
                    self._bring(lane, watched, report, streaming=True)
                    if report.state is not None and report.state.ended:
                        return
        except TaskctlError:
            pass  # a broken stream is no verdict: the look below tells
        if lane.streaming.pop(id(watched), None) is not None:
            lane.push(watched, self._clock.monotonic())
            self._bell.set()

    def _read_inbox(self) -> Iterator[Seen]:
        inbox, self._inbox = self._inbox, []
        for brought in inbox:
            if id(brought.watched) in self._open:
                yield from self._settle(brought)

    def _settle(self, brought: _Brought) -> Iterator[Seen]:
        lane, watched = brought.lane, brought.watched
        now = Moment(self._clock.monotonic(), self._clock.now())
        seen = watched.hear(brought.told, now, once=self._terms.once)
        if seen is not None:
            yield seen
        over = watched.task.state.ended or self._terms.once or (seen is not None and seen.error is not None)
        if not over and (standstill := watched.standstill(now.monotonic, self._terms.stall)):
            over = True
            yield Seen(task=watched.task, before=watched.task, error=standstill)
        if over:
            del self._open[id(watched)]
            lane.streaming.pop(id(watched), None)
        elif not brought.streaming:
            missed = seen.missed if seen else None
            pause = watched.pause(now, lane.interval, missed, self._chance())
            if self._terms.stall is not None:  # a verdict of standing still wants a look at that moment
                pause = min(pause, max(0.0, watched.changed + self._terms.stall - now.monotonic))
            lane.push(watched, now.monotonic + pause)

    def _silent(self, *, at_last: bool = False) -> Iterator[Seen]:
        """Give up on providers that nobody can reach, or at last on those that have never told anything."""
        if not at_last and self._clock.monotonic() - self._began < SILENCE:
            return
        for lane in self._lanes:
            if at_last and lane.trouble is None and not lane.answered and not self._terms.once:
                lane.trouble = NoAnswer(f"{lane.provider.profile.name} has not answered", hint="try again later")
            if lane.trouble is None or (lane.answered if at_last else lane.reached):
                continue
            for watched in lane.tasks:
                if self._open.pop(id(watched), None) is not None:
                    yield Seen(task=watched.task, before=watched.task, error=lane.trouble)

    def _heard(self, lane: Lane, problem: TaskctlError | None) -> None:
        lane.hear(problem, self._clock.monotonic())

    def _bring(self, lane: Lane, watched: Watched, told: Report | TaskctlError, *, streaming: bool = False) -> None:
        self._inbox.append(_Brought(lane, watched, told, streaming))
        self._bell.set()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        started = asyncio.get_running_loop().create_task(work)
        self._work.add(started)
        started.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        """A look that broke by a bug of ours must not leave the watch waiting for it."""
        self._work.discard(work)
        if not work.cancelled() and work.exception() is not None:
            self._crash = work.exception()
            self._bell.set()

    def _set_alarm(self, now: float) -> None:
        """Wake up when the next look is due, or when patience ends."""
        times = [due for lane in self._lanes if (due := lane.next_due()) is not None]
        if not self._terms.once:
            times.append(self._began + self._terms.timeout)
        if self._terms.stall is not None:
            streaming = (watched for lane in self._lanes for watched in lane.streaming.values())
            times += [watched.changed + self._terms.stall for watched in streaming]
        if now < self._began + SILENCE and not all(lane.reached for lane in self._lanes):
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
        self._bell.set()

    async def _stop(self) -> None:
        if self._alarm:
            self._alarm[1].cancel()
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)


async def _nothing() -> AsyncIterator[Report]:
    return
    yield
