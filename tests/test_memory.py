"""What a task under watch costs while nothing happens to it."""

import gc
import tracemalloc
from pathlib import Path

import httpx2

from taskctl.flow import following
from taskctl.model import Task
from tests.conftest import FakeClock
from tests.flow.world import DIALECTS, World

COUNT = 1000


def test_a_pending_task_takes_two_kilobytes_at_most(tmp_path: Path, clock: FakeClock) -> None:
    base_url = DIALECTS.get("ephone").form.base_url
    sizes: list[int] = []
    looks = 0

    def handle(request: httpx2.Request) -> httpx2.Response:
        nonlocal looks
        looks += 1
        if looks == 2 * COUNT:  # every task has been told of, and is on record
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
        id_ = request.url.path.rpartition("/")[2]
        return httpx2.Response(200, json={"id": id_, "status": "in_progress", "created_at": 1_700_000_000})

    with World(tmp_path, clock).runtime(handle) as runtime:
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tasks = [
                Task(id=f"task_{number:08}", key=None, profile="ephone", dialect="ephone", base_url=base_url)
                for number in range(COUNT)
            ]
            runtime.run(following.wait(runtime, tasks, following.Patience(timeout=60, rate=1000.0)))
        finally:
            tracemalloc.stop()
    assert (sizes[0] - before) / COUNT <= 2048
