from pathlib import Path

import pytest

from tests.conftest import FakeClock
from tests.flow.world import World


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> World:
    return World(tmp_path, clock)
