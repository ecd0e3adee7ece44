import asyncio
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from taskctl import interrupts
from taskctl.interrupts import Interrupts


class Stop(KeyboardInterrupt):
    """What the handler of these tests raises."""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    def stop(number: int, _: FrameType | None) -> None:
        raise Stop(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(*signals: signal.Signals, before: bool = False, waits: bool = True) -> list[str]:
    """What happened to work that these signals met."""
    told: list[str] = []
    stops = Interrupts()

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        stops.cancel(task)
        if not before:
            for one in signals:
                signal.raise_signal(one)
        told.append("goes on to where it waits")
        try:
            if waits:
                await asyncio.Event().wait()
        finally:
            told.append("tidied up")

    with stops.held():
        if before:
            for one in signals:
                signal.raise_signal(one)
        try:
            asyncio.run(work())
        except asyncio.CancelledError:
            told.append("cancelled")
        try:
            stops.take_effect()
        except Stop as stopped:
            told.append(signal.Signals(stopped.args[0]).name)
    return told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_cancels_and_takes_effect_when_all_is_tidy(number: signal.Signals) -> None:
    assert run(number) == ["goes on to where it waits", "tidied up", "cancelled", number.name]


def test_of_two_at_once_the_first_counts() -> None:
    assert run(signal.SIGINT, signal.SIGTERM)[-2:] == ["cancelled", "SIGINT"]
    assert run(signal.SIGTERM, signal.SIGINT)[-2:] == ["cancelled", "SIGTERM"]


def test_one_that_comes_before_the_work_begins_cancels_it_where_it_waits() -> None:
    assert run(signal.SIGTERM, before=True) == ["goes on to where it waits", "tidied up", "cancelled", "SIGTERM"]


def test_work_that_does_not_wait_any_more_is_cancelled_too_and_nothing_is_hidden() -> None:
    assert run(signal.SIGTERM, waits=False)[-1] == "SIGTERM"


def test_whoever_asks_again_after_a_while_is_obeyed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_IMPATIENT", -1.0)
    with pytest.raises(Stop):
        run(signal.SIGINT, signal.SIGTERM)


def test_handlers_are_given_back_and_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Interrupts().held():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_without_signals_nothing_happens() -> None:
    assert run(waits=False) == ["goes on to where it waits", "tidied up"]
