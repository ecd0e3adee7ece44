from collections.abc import Iterator
from pathlib import Path

import pytest

from taskctl.sandbox.server import Sandbox
from tests.cli.inside import Inside
from tests.harness import Taskctl


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as serving:
        yield serving


@pytest.fixture
def inside(taskctl: Taskctl) -> Inside:
    """The command line in this process, in the home that the console script has."""
    return Inside(taskctl.home, taskctl.cwd, taskctl.environ)


@pytest.fixture
def here(inside: Inside, sandbox: Sandbox) -> Inside:
    """The command line with a provider that can do everything as its default."""
    inside.environ |= {"TASKCTL_PROFILE": "sandbox", "TASKCTL_BASE_URL": f"{sandbox.url}/sandbox"}
    return inside


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    """An answer of a provider, on disk."""
    path = tmp_path / "answer.json"
    path.write_text('{"task_id": "t-1", "status": "running"}')
    return path
