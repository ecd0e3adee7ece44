"""Fixtures that every room's tests share."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings

from taskctl.sandbox.server import Sandbox
from tests.harness import Answering, FakeProvider, Taskctl
from tests.inside import Inside

settings.register_profile("suite", deadline=None)  # a busy machine is slow, and that is no fault
settings.load_profile("suite")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: its children would ignore Ctrl-C, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


class FakeClock:
    """A clock on which sleeping is instant and time passes by sleeping alone."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.began = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(0)
        self.passed += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def taskctl(tmp_path: Path) -> Taskctl:
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    return Taskctl(home, cwd)


@pytest.fixture
def provider() -> Iterator[Callable[[Answering], FakeProvider]]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(FakeProvider(answer).serving())


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as serving:
        yield serving


@pytest.fixture
def inside(taskctl: Taskctl) -> Inside:
    """The command line in this process, in the home that the console script has."""
    return Inside(taskctl.home, taskctl.cwd, taskctl.environ)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The faults start the program hundreds of times: they run where they are asked for, as `.ci/run` does."""
    asked = any("faults" in argument for argument in config.args)
    return True if collection_path.name == "faults" and not asked else None
