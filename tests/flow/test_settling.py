from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from taskctl.errors import ExitCode, TaskNotFound, Unconfirmed
from taskctl.flow import ending, fetching, following, settling
from taskctl.flow.matching import by_list
from taskctl.flow.outcome import Outcome
from taskctl.model import Report, State, Task
from taskctl.net.transfer import Target
from taskctl.runtime import Runtime
from tests.flow.world import Answer, Script, World, body_of, nobody, says

LOST = httpx2.ReadError("reset")
ABSENT = says(404, error={"code": "task_not_found", "message": "there is none"})
HERE = says(task_id="task-1", status="running")


def lost(world: World, profile: str, key: str = "shot-3", **wish: object) -> httpx2.Request:
    """The request of a submission whose answer was lost."""
    script = Script(submit=LOST, query=ABSENT, generations=LOST, videos=LOST)
    with pytest.raises(Unconfirmed):
        world.submit(script, profile, key=key, **wish)
    return script.asked[0]


EMPTY = says(data=[], total=0)


def reconciled(world: World, script: Script, *, key: str = "shot-3", resubmit: bool = False) -> Task:
    script.also(tasks=EMPTY)
    with world.runtime(script) as runtime:
        submission = runtime.history.submission(key)
        assert submission is not None
        return runtime.run(settling.reconcile(runtime, submission, resubmit=resubmit))


def test_a_provider_that_knows_the_key_tells_the_task(world: World) -> None:
    lost(world, "bytespike")
    script = Script(query=HERE)
    task = reconciled(world, script)
    assert (task.id, task.key, task.state) == ("task-1", "shot-3", State.RUNNING)
    assert task.input == {"prompt": "a dog"}
    assert [request.url.path for request in script.asked] == ["/v1/tasks/query"]
    assert world.rows() == [task]


def test_where_a_repeated_key_is_harmless_the_same_bytes_go_again(world: World) -> None:
    first = lost(world, "bytespike", input={"prompt": "ä dog", "n": 1.0})
    script = Script(query=ABSENT, submit=HERE)
    assert reconciled(world, script).id == "task-1"
    (again,) = script.to("submit")
    assert (again.content, str(again.url), again.method) == (first.content, str(first.url), first.method)
    assert again.headers == first.headers


def test_where_nobody_can_tell_only_a_person_decides(world: World) -> None:
    lost(world, "evolink", key="shot 3")
    with pytest.raises(Unconfirmed) as caught:
        reconciled(world, Script(), key="shot 3")
    hint = caught.value.hint or ""
    assert "taskctl reconcile -P evolink --key 'shot 3' --resubmit" in hint
    assert "taskctl history forget 'shot 3'" in hint
    assert [row.state for row in world.rows()] == [State.UNCONFIRMED]


def test_a_person_who_decides_to_pay_again_sends_the_same_bytes_once(world: World) -> None:
    first = lost(world, "evolink")
    script = Script(generations=says(id="task-2", status="pending"))
    task = reconciled(world, script, resubmit=True)
    (again,) = script.to("generations")
    assert (task.id, task.key) == ("task-2", "shot-3")
    assert again.content == first.content
    assert again.headers["Idempotency-Key"] == first.headers["Idempotency-Key"]
    assert world.rows() == [task]


@pytest.mark.parametrize("answer", [LOST, says(400, error="no"), httpx2.ConnectError("refused"), httpx2.Response(503)])
def test_a_resubmission_that_brings_no_task_forgets_nothing(world: World, answer: Answer) -> None:
    lost(world, "evolink")
    with pytest.raises(Unconfirmed):
        reconciled(world, Script(generations=answer), resubmit=True)
    (row,) = world.rows()
    assert (row.key, row.state) == ("shot-3", State.UNCONFIRMED)
    with world.history() as history:
        assert not history.submissions()[0].in_flight(world.clock.now())


def test_a_settled_submission_is_told_without_asking_anybody(world: World) -> None:
    task = world.submit(Script(generations=says(id="task-1", status="pending")), "evolink", key="shot-3")
    with world.runtime(nobody) as runtime:
        submission = runtime.history.submission("shot-3")
        assert submission is not None
        assert runtime.run(settling.reconcile(runtime, submission, resubmit=True)) == task


def test_of_two_that_reconcile_one_sends(world: World) -> None:
    lost(world, "bytespike")
    with world.history() as other:
        submission = other.submission("shot-3")
        assert submission is not None
        assert other.claim(submission.row, in_flight=90)
        with pytest.raises(Unconfirmed) as caught:
            reconciled(world, Script(query=ABSENT))
    assert "another process may be sending it" in (caught.value.hint or "")
    world.clock.passed += 91
    assert reconciled(world, Script(query=ABSENT, submit=HERE)).id == "task-1"


def test_a_request_that_held_a_secret_is_not_kept_and_cannot_be_sent_again(world: World) -> None:
    lost(world, "evolink", input={"prompt": "my key is canary-of-evolink"})
    with pytest.raises(Unconfirmed) as caught:
        reconciled(world, Script(), resubmit=True)
    assert "was not kept" in (caught.value.hint or "")
    assert b"canary-of-evolink" not in world.history_path.read_bytes()


def test_a_task_is_found_by_its_key_with_an_empty_history(world: World) -> None:
    script = Script(query=says(task_id="task-1", status="completed", out_task_id="shot-3"))
    task = world.run(script, lambda runtime: settling.find_by_key(runtime, "shot-3"), chosen="bytespike")
    assert body_of(script.asked[0]) == {"out_task_id": "shot-3"}
    assert (task.id, task.key, task.profile, task.state) == ("task-1", "shot-3", "bytespike", State.COMPLETED)
    assert world.rows() == [task]


def test_a_key_that_the_provider_does_not_know_is_not_found(world: World) -> None:
    with pytest.raises(TaskNotFound):
        world.run(Script(query=ABSENT), lambda runtime: settling.find_by_key(runtime, "shot-3"), chosen="bytespike")
    assert world.rows() == []


def test_a_provider_that_cannot_find_by_key_is_not_asked(world: World) -> None:
    with pytest.raises(Unconfirmed, match="shot-3: evolink cannot find a task by its key"):
        world.run(nobody, lambda runtime: settling.find_by_key(runtime, "shot-3"), chosen="evolink")


def looked(world: World, script: Script) -> Outcome:
    async def status(runtime: Runtime) -> Outcome:
        outcome, _ = await following.status(runtime, runtime.history.tasks())
        return outcome

    return world.run(script, status)


def test_a_look_at_a_lost_submission_finds_it_by_its_key(world: World) -> None:
    lost(world, "bytespike")
    outcome = looked(world, Script(query=HERE))
    assert ([task.id for task in outcome.tasks], outcome.errors) == (["task-1"], [])


def test_a_look_never_sends_a_submission(world: World) -> None:
    lost(world, "bytespike")
    script = Script(query=ABSENT)
    outcome = looked(world, script)
    assert script.to("submit") == []
    assert outcome.exit_code is ExitCode.UNCONFIRMED
    waited = world.run(
        script, lambda runtime: following.wait(runtime, runtime.history.tasks(), following.Patience(timeout=5))
    )
    assert script.to("submit") == []
    assert waited.exit_code is ExitCode.UNCONFIRMED
    assert [error.task for error in waited.errors] == ["shot-3"]


def test_one_profile_that_is_broken_does_not_hide_the_tasks_of_others(world: World) -> None:
    task = world.submit(Script(submit=says(id="task-1", status="queued")), "ephone")
    with world.history() as history:
        gone = Task(id="task-2", key=None, profile="x", dialect="gone", base_url="https://gone.example.org")
        history.record(gone)
    outcome = looked(world, Script(task_1=says(id="task-1", status="completed")))
    assert {one.id: one.state for one in outcome.tasks} == {task.id: State.COMPLETED, "task-2": State.QUEUED}
    assert [error.exit_code for error in outcome.errors] == [ExitCode.CONFIGURATION]


def test_what_may_not_exist_is_neither_deleted_nor_fetched(world: World) -> None:
    lost(world, "moneyprinterturbo", model=None)
    deleted = world.run(nobody, lambda runtime: ending.delete(runtime, runtime.history.tasks()))
    got = world.run(nobody, lambda runtime: fetched(runtime, runtime.history.tasks()))
    assert [error.exit_code for error in deleted.errors] == [ExitCode.UNCONFIRMED]
    assert [error.exit_code for error in got.errors] == [ExitCode.UNCONFIRMED]


async def fetched(runtime: Runtime, tasks: list[Task]) -> Outcome:
    return await fetching.download(runtime, tasks, fetching.Fetching(target=Target(folder=Path("/nowhere"))))


PROMPT = {"prompt": "a dog on a wide beach"}


def listed(world: World, id_: str = "task-9", *, after: float = 2.0, **more: object) -> dict[str, object]:
    """What EvoLink lists of a task that began so many seconds from now."""
    created = int(world.clock.now().timestamp() + after)
    return {"id": id_, "model": "m", "status": "processing", "created_at": created, **more}


def of(*tasks: dict[str, object]) -> Script:
    return Script(tasks=says(data=list(tasks), total=len(tasks)))


def test_the_one_task_in_the_list_that_asks_for_the_same_is_it(world: World) -> None:
    lost(world, "evolink", model="m", input=PROMPT)
    script = of(listed(world, "task-8", input={"prompt": "another dog altogether"}), listed(world, input=PROMPT))
    task = reconciled(world, script)
    assert (task.id, task.key, task.state) == ("task-9", "shot-3", State.RUNNING)
    assert world.rows() == [task]
    assert [request.method for request in script.asked] == ["GET"]


class Listing:
    """A provider that lists these tasks."""

    def __init__(self, *reports: Report) -> None:
        self.reports = reports

    async def tasks(self, limit: int | None) -> AsyncIterator[Report]:
        for report in self.reports[:limit]:
            yield report


def test_the_task_with_the_key_is_it_whatever_else_it_says(world: World) -> None:
    lost(world, "evolink", model="m", input=PROMPT)
    provider: Any = Listing(Report(id="task-8", key="shot-4"), Report(id="task-9", key="shot-3", model="n"))
    with world.runtime(nobody) as runtime:
        submission = runtime.history.submission("shot-3")
        assert submission is not None
        matches = runtime.run(by_list(runtime, provider, submission))
    assert matches.found is not None
    assert matches.found.id == "task-9"


@pytest.mark.parametrize(
    ("what", "candidates"),
    [
        ("two alike", "task-8 or task-9"),
        ("no word of what was asked for", "task-9"),
        ("another model", None),
        ("much later", None),
        ("long before", None),
        ("no time", None),
        ("known already", None),
    ],
)
def test_what_may_be_another_task_is_not_adopted(world: World, what: str, candidates: str | None) -> None:
    if what == "known already":
        world.submit(Script(generations=says(id="task-9", status="pending")), "evolink", model="m", input=PROMPT)
    lost(world, "evolink", model="m", input=PROMPT)
    found = {
        "two alike": [listed(world, "task-8", input=PROMPT), listed(world, input=PROMPT)],
        "no word of what was asked for": [listed(world)],
        "another model": [listed(world, input=PROMPT, model="n")],
        "much later": [listed(world, input=PROMPT, after=600)],
        "long before": [listed(world, input=PROMPT, after=-600)],
        "no time": [listed(world, input=PROMPT) | {"created_at": None}],
        "known already": [listed(world, input=PROMPT)],
    }[what]
    with pytest.raises(Unconfirmed) as caught:
        reconciled(world, of(*found))
    hint = caught.value.hint or ""
    assert ("it may be" in hint) is (candidates is not None)
    assert candidates is None or candidates in hint
    assert [row.state for row in world.rows() if row.key == "shot-3"] == [State.UNCONFIRMED]


def test_of_two_lost_submissions_of_the_same_neither_is_guessed(world: World) -> None:
    lost(world, "evolink", model="m", input=PROMPT)
    lost(world, "evolink", key="shot-4", model="m", input=PROMPT)
    with pytest.raises(Unconfirmed):
        reconciled(world, of(listed(world, input=PROMPT)))


def test_a_person_who_would_pay_again_need_not_where_the_task_is_there(world: World) -> None:
    lost(world, "evolink", model="m", input=PROMPT)
    script = of(listed(world, input=PROMPT))
    assert reconciled(world, script, resubmit=True).id == "task-9"
    assert [request.method for request in script.asked] == ["GET"]


def test_a_list_that_cannot_be_had_makes_nothing_worse(world: World) -> None:
    lost(world, "evolink", model="m", input=PROMPT)
    with pytest.raises(Unconfirmed, match="was lost"):
        reconciled(world, Script(tasks=httpx2.ConnectError("refused")))


def test_a_key_that_may_have_been_forgotten_is_not_sent_again(world: World) -> None:
    lost(world, "bytespike")
    world.clock.passed += 3601
    script = Script(query=ABSENT)
    with pytest.raises(Unconfirmed):
        reconciled(world, script)
    assert script.to("submit") == []
    assert reconciled(world, Script(query=ABSENT, submit=HERE), resubmit=True).id == "task-1"
