"""Verdicts over many tasks: what is enough, what is too little, and when it is decided."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from taskctl.errors import ExitCode, UsageError
from taskctl.flow import following
from taskctl.flow.expecting import estimates_of
from taskctl.flow.following import Patience
from taskctl.flow.outcome import Outcome
from taskctl.flow.quota import Quota
from taskctl.model import State, Task
from taskctl.net.pace import Estimate
from tests.flow.world import DIALECTS, World

EPHONE = DIALECTS.get("ephone").form.base_url
Handler = Callable[[httpx2.Request], httpx2.Response]


def telling(**ends: tuple[float, str]) -> tuple[Handler, Callable[[World], None]]:
    """A provider whose tasks end so many seconds from now, each in its own way."""
    clocks: list[World] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        id_ = request.url.path.rpartition("/")[2]
        after, how = ends[id_]
        status = how if clocks[0].clock.passed >= after else "in_progress"
        return httpx2.Response(200, json={"id": id_, "status": status})

    return handle, clocks.append


def waited(world: World, patience: Patience, **ends: tuple[float, str]) -> Outcome:
    handle, starts = telling(**ends)
    starts(world)
    tasks = [Task(id=id_, key=None, profile="ephone", dialect="ephone", base_url=EPHONE) for id_ in ends]
    return world.run(handle, lambda runtime: following.wait(runtime, tasks, patience))


DONE, FAILED = "completed", "failed"


@pytest.mark.parametrize(
    ("quota", "code", "excused"),
    [("3", 0, 1), ("75%", 0, 1), ("50%", 0, 1), ("4", 7, 0), ("100%", 7, 0), ("80%", 7, 0), ("0", 0, 1)],
)
def test_enough_successes_excuse_the_failures(world: World, quota: str, code: int, excused: int) -> None:
    patience = Patience(min_success=Quota.of_text(quota))
    outcome = waited(world, patience, a=(5, DONE), b=(5, FAILED), c=(50, DONE), d=(500, DONE))
    assert (outcome.exit_code, len(outcome.excused)) == (code, excused)
    assert [task.state for task in outcome.tasks] == [DONE, FAILED, DONE, DONE]


def test_a_deadline_does_not_matter_once_there_are_enough(world: World) -> None:
    patience = Patience(timeout=60, min_success=Quota(1))
    outcome = waited(world, patience, a=(5, DONE), b=(500, DONE))
    assert (outcome.exit_code, [task.state for task in outcome.tasks]) == (ExitCode.DONE, [DONE, State.RUNNING])
    assert "still running" in outcome.excused[0].message


def test_more_than_there_are_cannot_be_asked_for(world: World) -> None:
    with pytest.raises(UsageError, match="--min-success 3: there are only 2 tasks"):
        waited(world, Patience(min_success=Quota(3)), a=(0, DONE), b=(0, DONE))


def test_a_watch_ends_when_too_many_have_failed_and_not_before(world: World) -> None:
    patience = Patience(fail_fast=True, min_success=Quota(3))
    outcome = waited(world, patience, a=(5, FAILED), b=(60, FAILED), c=(600, DONE), d=(600, DONE))
    assert outcome.exit_code == ExitCode.FAILED
    assert [task.state for task in outcome.tasks] == [FAILED, FAILED, State.RUNNING, State.RUNNING]
    assert 60 <= world.clock.passed < 120


def test_fail_fast_ends_at_the_first_failure(world: World) -> None:
    outcome = waited(world, Patience(fail_fast=True), a=(30, FAILED), b=(900, DONE))
    assert (outcome.exit_code, outcome.tasks[1].state) == (ExitCode.FAILED, State.RUNNING)
    assert world.clock.passed < 120


def test_any_ends_at_the_first_success_whatever_failed(world: World) -> None:
    outcome = waited(world, Patience(any=True), a=(5, FAILED), b=(30, DONE), c=(900, DONE))
    assert (outcome.exit_code, outcome.errors) == (ExitCode.DONE, [])
    assert world.clock.passed < 120


def test_any_is_a_failure_where_nothing_completes(world: World) -> None:
    outcome = waited(world, Patience(any=True), a=(5, FAILED), b=(30, FAILED))
    assert outcome.exit_code == ExitCode.FAILED


def test_how_long_a_task_took_is_known_where_its_end_was_seen(world: World) -> None:
    handle, starts = telling(a=(90, DONE))
    starts(world)
    task = Task(id="a", key=None, profile="ephone", dialect="ephone", base_url=EPHONE, submitted_at=world.clock.now())
    (followed,) = world.run(handle, lambda runtime: following.wait(runtime, [task], Patience())).tasks
    assert 90 <= (followed.took_seconds or 0) < 120
    late = replace(task, id="b")
    handle, starts = telling(b=(0, DONE))
    starts(world)
    world.clock.passed += 86_400
    (looked_at_late,) = world.run(handle, lambda runtime: following.wait(runtime, [late], Patience())).tasks
    assert looked_at_late.took_seconds is None


def test_what_tasks_took_is_learned_for_tasks_of_their_kind(world: World) -> None:
    kind: dict[str, Any] = {"profile": "ephone", "dialect": "ephone", "base_url": EPHONE, "model": "kling"}
    with world.history() as history:
        for took in (10.0, 100.0, 90.0, 110.0, 400.0):
            id_ = f"took-{took:g}"
            history.record(Task(id=id_, key=None, state=State.COMPLETED, took_seconds=took, **kind))
        history.record(Task(id="other", key=None, state=State.COMPLETED, took_seconds=1.0, **kind | {"model": "x"}))
        history.record(Task(id="failed", key=None, state=State.FAILED, took_seconds=1.0, **kind))
    fresh = Task(id="new", key=None, **kind)
    told = replace(fresh, id="told", eta_seconds=33.0, submitted_at=world.clock.now())
    stranger = replace(fresh, id="stranger", model="never seen")
    with world.runtime(lambda _: httpx2.Response(500)) as runtime:
        found = estimates_of(runtime, [fresh, told, stranger])
    assert found[fresh.identity] == Estimate(100.0, late=400.0, learned=True)
    assert found[told.identity] == Estimate(33.0)
    assert stranger.identity not in found


def test_nothing_to_wait_for_is_success(world: World) -> None:
    assert waited(world, Patience()).exit_code == ExitCode.DONE
