from pathlib import Path

import pytest

from taskctl.sandbox.server import Sandbox
from tests.inside import Inside


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
