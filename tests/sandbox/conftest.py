"""Fixtures of the sandbox's tests."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.calling import BY_NAME, NAMES, Caller, Speech


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def caller(tmp_path: Path, runner: asyncio.Runner) -> Caller:
    return Caller(tmp_path / "sandbox", runner)


@pytest.fixture(params=NAMES)
def speech(request: pytest.FixtureRequest) -> Speech:
    """Each dialect in turn."""
    return BY_NAME[request.param]
