import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from taskctl.dialects.load import Dialects
from taskctl.dialects.site import Site
from taskctl.errors import CredentialsError, NoAnswer, Refused, StillPending, TaskNotFound, Unavailable
from taskctl.model import FORGOTTEN, State, Task
from taskctl.net.pace import Budget
from taskctl.net.provider import Provider
from taskctl.net.watch import Watch, Watching
from taskctl.net.watched import Seen, Terms
from taskctl.net.wire import Wire
from taskctl.profiles import Profile
from taskctl.secret import Secret
from taskctl.store.config import ProfileSettings
from tests.conftest import FakeClock

Handler = Callable[[httpx2.Request], httpx2.Response]


def provider_of(clock: FakeClock, dialect: str, handler: Handler) -> Provider:
    loaded = Dialects().get(dialect)
    profile = Profile(
        name=dialect, dialect=loaded, base_url=loaded.form.base_url, settings=ProfileSettings(dialect=dialect)
    )
    wire = Wire(profile.base_url, clock, transport=httpx2.MockTransport(handler))
    return Provider(profile, Site(loaded, profile.base_url), wire, Secret("key-of-the-test"))


def task_of(clock: FakeClock, dialect: str, id_: str = "task-unified-1-a", *, known: bool = True) -> Task:
    base_url = Dialects().get(dialect).form.base_url
    submitted = clock.now() if known else None
    return Task(id=id_, key=None, profile=dialect, dialect=dialect, base_url=base_url, submitted_at=submitted)


def watched(
    clock: FakeClock, dialect: str, handler: Handler, tasks: list[Task], terms: Terms, *, rate: float = 5.0
) -> list[Seen]:
    async def collect() -> list[Seen]:
        async with provider_of(clock, dialect, handler) as provider:
            watch = Watch(clock, terms, lambda: 0.5)
            watching = [Watching(task=task, every=5.0) for task in tasks]
            watch.add(provider, watching, budget=Budget(rate), interval=None)
            return [seen async for news in watch for seen in news]

    return asyncio.run(collect())


def answering(*states: str, status: int = 200) -> Handler:
    """Each look gets the next state; the last one stays."""
    left = list(states)

    def handle(request: httpx2.Request) -> httpx2.Response:
        state = left.pop(0) if len(left) > 1 else left[0]
        return httpx2.Response(status, json={"id": request.url.path.rpartition("/")[2], "status": state})

    return handle


HOUR = Terms(timeout=3600)


def test_a_watch_ends_with_the_task(clock: FakeClock) -> None:
    seen = watched(clock, "evolink", answering("pending", "processing", "completed"), [task_of(clock, "evolink")], HOUR)
    assert [one.task.state for one in seen] == [State.QUEUED, State.RUNNING, State.COMPLETED]
    assert all(one.error is None for one in seen)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_passing_error_of_the_server_is_only_a_missed_look(clock: FakeClock, status: int) -> None:
    looks = 0

    def handle(request: httpx2.Request) -> httpx2.Response:
        nonlocal looks
        looks += 1
        return httpx2.Response(status, text="<html>") if looks <= 4 else answering("completed")(request)

    seen = watched(clock, "evolink", handle, [task_of(clock, "evolink")], HOUR)
    assert all(isinstance(one.missed, Unavailable) for one in seen[:4])
    assert seen[-1].task.state is State.COMPLETED


def test_an_answer_that_nobody_can_read_is_a_missed_look(clock: FakeClock) -> None:
    answers = iter([b"<html>hello</html>", b"{", b'{"id": "a", "status": "completed"}'])
    handle = lambda _: httpx2.Response(200, content=next(answers))  # noqa: E731  # one line says it
    assert watched(clock, "evolink", handle, [task_of(clock, "evolink")], HOUR)[-1].task.state is State.COMPLETED


@pytest.mark.parametrize(("status", "kind"), [(401, CredentialsError), (403, CredentialsError), (400, Refused)])
def test_a_refusal_ends_the_watch_at_once(clock: FakeClock, status: int, kind: type[Exception]) -> None:
    handle = lambda _: httpx2.Response(status, json={"error": {"message": "no"}})  # noqa: E731  # one line says it
    seen = watched(clock, "evolink", handle, [task_of(clock, "evolink")], HOUR)
    assert [type(one.error) for one in seen] == [kind]


def nowhere(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(404, json={"error": {"code": "task_not_found", "message": "no such task"}})


def test_an_unknown_id_ends_the_watch_at_once(clock: FakeClock) -> None:
    seen = watched(clock, "evolink", nowhere, [task_of(clock, "evolink", known=False)], HOUR)
    assert [type(one.error) for one in seen] == [TaskNotFound]
    assert clock.passed < 1


def test_a_task_just_submitted_may_be_unknown_for_a_while(clock: FakeClock) -> None:
    looks = 0

    def handle(request: httpx2.Request) -> httpx2.Response:
        nonlocal looks
        looks += 1
        return nowhere(request) if looks <= 2 else answering("completed")(request)

    seen = watched(clock, "evolink", handle, [task_of(clock, "evolink")], HOUR)
    assert seen[-1].task.state is State.COMPLETED


def test_a_known_task_that_the_provider_denies_for_good_has_expired(clock: FakeClock) -> None:
    old = task_of(clock, "evolink")
    clock.passed = 3600
    seen = watched(clock, "evolink", nowhere, [old], HOUR)
    last = seen[-1].task
    assert (last.state, last.error and last.error.code) == (State.EXPIRED, FORGOTTEN)
    assert 10 <= clock.passed - 3600 < 60
    assert sum(one.missed is not None for one in seen) == 2


def test_a_provider_that_never_answers_is_given_up_after_a_minute(clock: FakeClock) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    seen = watched(clock, "evolink", handle, [task_of(clock, "evolink"), task_of(clock, "evolink", "b")], HOUR)
    assert all(isinstance(one.error, NoAnswer) for one in seen[-2:])
    assert 60 <= clock.passed < 75


def test_a_provider_that_answered_once_is_waited_for_until_the_deadline(clock: FakeClock) -> None:
    looks = 0

    def handle(request: httpx2.Request) -> httpx2.Response:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise httpx2.ReadTimeout("silence", request=request)
        return answering("processing")(request)

    seen = watched(clock, "evolink", handle, [task_of(clock, "evolink")], Terms(timeout=300))
    assert (seen[0].task.state, {one.error for one in seen}) == (State.RUNNING, {None})
    assert clock.passed >= 300


def test_patience_ends_a_watch_and_leaves_the_task_alone(clock: FakeClock) -> None:
    seen = watched(clock, "evolink", answering("processing"), [task_of(clock, "evolink")], Terms(timeout=60))
    assert [(one.task.state, one.error) for one in seen] == [(State.RUNNING, None)]
    assert clock.passed >= 60


def test_an_unknown_state_is_no_end(clock: FakeClock) -> None:
    seen = watched(clock, "evolink", answering("marinating", "completed"), [task_of(clock, "evolink")], HOUR)
    assert [one.task.state for one in seen] == [State.UNKNOWN, State.COMPLETED]
    assert seen[0].task.provider_state == "marinating"


def test_looking_once_asks_once_and_says_nothing_of_patience(clock: FakeClock) -> None:
    seen = watched(clock, "evolink", answering("processing"), [task_of(clock, "evolink")], Terms(timeout=0, once=True))
    assert [(one.task.state, one.error) for one in seen] == [(State.RUNNING, None)]


def test_a_task_that_does_not_move_is_given_up_where_somebody_said_so(clock: FakeClock) -> None:
    seen = watched(
        clock, "evolink", answering("processing"), [task_of(clock, "evolink")], Terms(timeout=9e9, stall=600)
    )
    assert isinstance(seen[-1].error, StillPending)
    assert 600 <= clock.passed < 700


def test_a_verdict_of_standing_still_does_not_wait_for_the_next_look(clock: FakeClock) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = answering("processing")(request)
        answer.headers["openai-poll-after-ms"] = "99999999999"
        return answer

    task = replace(task_of(clock, "evolink"), state=State.RUNNING, provider_state="processing")
    seen = watched(clock, "evolink", handle, [task], Terms(timeout=9e9, stall=60))
    assert isinstance(seen[-1].error, StillPending)
    assert 60 <= clock.passed < 70


@pytest.mark.parametrize(("wish", "soonest", "latest"), [("20000", 20, 21), ("1", 0.5, 1), ("99999999999", 600, 601)])
def test_a_provider_says_when_to_look_again_within_reason(
    clock: FakeClock, wish: str, soonest: float, latest: float
) -> None:
    looks: list[float] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        looks.append(clock.passed)
        answer = answering("processing" if len(looks) < 2 else "completed")(request)
        answer.headers["openai-poll-after-ms"] = wish
        return answer

    watched(clock, "evolink", handle, [task_of(clock, "evolink")], HOUR, rate=100.0)
    assert soonest <= looks[1] - looks[0] <= latest


def test_a_429_makes_all_tasks_of_the_key_wait(clock: FakeClock) -> None:
    looks: list[float] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        looks.append(clock.passed)
        if len(looks) == 3:
            return httpx2.Response(429, headers={"Retry-After": "50"}, json={})
        return answering("completed")(request)

    watched(clock, "ephone", handle, [task_of(clock, "ephone", f"t{number}") for number in range(8)], HOUR)
    assert looks[3] - looks[2] >= 50
    assert looks[4] - looks[3] < 1


def test_a_provider_that_never_answers_before_the_end_is_no_patience_that_ended(clock: FakeClock) -> None:
    async def handle(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    seen = watched(clock, "evolink", handle, [task_of(clock, "evolink")], Terms(timeout=20))  # type: ignore[arg-type]  # async too
    assert [type(one.error) for one in seen] == [NoAnswer]


def test_many_tasks_share_one_budget_of_requests(clock: FakeClock) -> None:
    tasks = [task_of(clock, "ephone", f"t{number}") for number in range(20)]
    watched(clock, "ephone", answering("completed"), tasks, HOUR, rate=2.0)
    assert clock.passed >= (20 - 1) / 2.0


def batching(asked: list[str], *, batch_status: int = 200) -> Handler:
    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path != "/v1/tasks/batch":
            return answering("completed")(request)
        if batch_status != 200:
            return httpx2.Response(batch_status, json={})
        ids: list[str] = json.loads(request.content)["task_ids"]
        return httpx2.Response(200, json={"data": [{"id": id_, "status": "completed"} for id_ in ids if id_ != "t7"]})

    return handle


def test_a_batch_asks_for_many_tasks_at_once_and_for_missing_ones_alone(clock: FakeClock) -> None:
    asked: list[str] = []
    tasks = [task_of(clock, "evolink", f"t{number}") for number in range(60)]
    seen = watched(clock, "evolink", batching(asked), tasks, HOUR)
    assert {one.task.state for one in seen} == {State.COMPLETED}
    assert len(seen) == 60
    assert sorted(asked) == ["/v1/tasks/batch", "/v1/tasks/batch", "/v1/tasks/t7"]


def test_one_task_that_breaks_a_batch_does_not_hide_the_others(clock: FakeClock) -> None:
    asked: list[str] = []
    whole = batching(asked)

    def handle(request: httpx2.Request) -> httpx2.Response:
        if b"t33" in request.content or request.url.path.endswith("t33"):
            asked.append("broken")
            return httpx2.Response(502, text="<html>")
        return whole(request)

    tasks = [task_of(clock, "evolink", f"t{number}") for number in range(50) if number != 7]
    seen = watched(clock, "evolink", handle, tasks, Terms(timeout=150))
    ended = {one.task.id for one in seen if one.task.state is State.COMPLETED}
    assert len(ended) == len(tasks) - 1
    assert asked.count("broken") < 15
    assert len(asked) < 25


@pytest.mark.parametrize("status", [404, 405])
def test_a_provider_without_the_batch_is_asked_singly_for_good(clock: FakeClock, status: int) -> None:
    asked: list[str] = []
    tasks = [task_of(clock, "evolink", f"t{number}") for number in range(3)]
    seen = watched(clock, "evolink", batching(asked, batch_status=status), tasks, HOUR)
    assert {one.task.state for one in seen} == {State.COMPLETED}
    assert asked.count("/v1/tasks/batch") == 1


def streaming(asked: list[str], frames: list[dict[str, Any]], *, offered: bool = True) -> Handler:
    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.method} {request.url.path}")
        if "/stream/" not in request.url.path:
            return httpx2.Response(200, json={"task_id": "task_1", "status": "completed"})
        if not offered:
            return httpx2.Response(404, json={"error": {"code": "not_found", "message": "no route"}})
        text = ": heartbeat\n\n" + "".join(f"event: status\ndata: {json.dumps(frame)}\n\n" for frame in frames)
        return httpx2.Response(200, text=text, headers={"Content-Type": "text/event-stream"})

    return handle


RUNNING = {"task_id": "task_1", "status": "running"}
DONE = {"status": "completed", "output": [{"type": "video", "url": "https://cdn.example/x.mp4"}]}


def test_a_stream_is_followed_where_it_is_offered(clock: FakeClock) -> None:
    asked: list[str] = []
    seen = watched(clock, "bytespike", streaming(asked, [RUNNING, DONE]), [task_of(clock, "bytespike", "task_1")], HOUR)
    assert [one.task.state for one in seen] == [State.RUNNING, State.COMPLETED]
    assert seen[-1].task.outputs[0].url == "https://cdn.example/x.mp4"


def test_a_stream_that_is_silent_is_given_up_where_somebody_said_so(clock: FakeClock) -> None:
    async def silence() -> AsyncIterator[bytes]:
        yield b": heartbeat\n\n"
        await asyncio.Event().wait()

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return httpx2.Response(200, json=RUNNING)
        return httpx2.Response(200, content=silence(), headers={"Content-Type": "text/event-stream"})

    terms = Terms(timeout=9e9, stall=600)
    seen = watched(clock, "bytespike", handle, [task_of(clock, "bytespike", "task_1")], terms)
    assert [type(one.error) for one in seen] == [type(None), StillPending]
    assert 1200 <= clock.passed < 1300  # the look at 600 s found it running, which was news


def test_a_stream_that_ends_without_a_verdict_is_no_verdict(clock: FakeClock) -> None:
    asked: list[str] = []
    seen = watched(clock, "bytespike", streaming(asked, [RUNNING]), [task_of(clock, "bytespike", "task_1")], HOUR)
    assert [one.task.state for one in seen] == [State.RUNNING, State.COMPLETED]
    assert asked == ["GET /v1/tasks/stream/task_1", "POST /v1/tasks/query"]


def test_without_a_stream_the_task_is_asked_for(clock: FakeClock) -> None:
    asked: list[str] = []
    handle = streaming(asked, [], offered=False)
    assert (
        watched(clock, "bytespike", handle, [task_of(clock, "bytespike", "task_1")], HOUR)[-1].task.state
        is State.COMPLETED
    )
    assert asked == ["GET /v1/tasks/stream/task_1", "POST /v1/tasks/query"]


def test_a_wall_clock_that_jumps_does_not_move_the_deadline(clock: FakeClock) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        clock.began = replace_year(clock.began)
        return answering("processing")(request)

    def replace_year(moment: Any) -> Any:
        return moment.replace(year=moment.year + 1)

    watched(clock, "evolink", handle, [replace(task_of(clock, "evolink"))], Terms(timeout=60))
    assert 60 <= clock.passed < 100
