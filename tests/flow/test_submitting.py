import asyncio
import re
import ssl
import threading
from pathlib import Path

import httpx2
import pytest

from taskctl.errors import (
    CredentialsError,
    FileError,
    HistoryError,
    KeyConflict,
    NoAnswer,
    PaymentRequired,
    Refused,
    TaskctlError,
    Unavailable,
    Unconfirmed,
    Unsupported,
    UsageError,
)
from taskctl.flow import submitting
from taskctl.flow.references import resolve
from taskctl.model import State
from taskctl.store.history import History
from taskctl.wish import LocalFile
from tests.conftest import FakeClock
from tests.flow.world import Answer, Interrupting, Script, World, body_of, nobody, says, wished

TASK = says(id="task-1", status="queued", task_id="task-1")
"""An answer that every dialect here reads as a new task."""
REFUSED = says(400, error={"message": "no such model", "code": "invalid"})


def ephone(*answers: Answer) -> Script:
    """An API without any contract about keys."""
    return Script(submit=list(answers))


def test_the_intent_is_on_disk_before_the_first_byte_leaves(world: World) -> None:
    def look(request: httpx2.Request) -> httpx2.Response:
        with world.history() as history:
            (submission,) = history.submissions()
        assert submission.task.state is State.UNCONFIRMED
        assert submission.intent.body == request.content
        assert submission.intent.url == str(request.url)
        assert submission.intent.key == "mine"
        assert submission.in_flight(world.clock.now())
        return TASK(request)

    task = world.submit(ephone(look), "ephone", key="mine", tags=("a", "b"))
    assert (task.id, task.key, task.state, task.tags) == ("task-1", "mine", State.QUEUED, ("a", "b"))
    assert task.submitted_at == world.clock.now()
    assert task.input == {"prompt": "a dog"}
    assert world.rows() == [task]


def test_every_submission_gets_a_key_of_its_own(world: World) -> None:
    script = Script(submit=[says(task_id="one"), says(task_id="two")])
    one, two = world.submit(script, "bytespike"), world.submit(script, "bytespike")
    assert one.key != two.key
    assert [body_of(request)["out_task_id"] for request in script.asked] == [one.key, two.key]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (REFUSED, Refused),
        (says(422, error="no"), Refused),
        (says(404, error="no such page"), Refused),
        (httpx2.Response(307, headers={"Location": "https://elsewhere.example.org/"}), Refused),
        (says(401, error="who are you"), CredentialsError),
        (says(403, error="not you"), CredentialsError),
        (says(402, error="pay first"), PaymentRequired),
        (says(400, error={"message": "no", "code": "insufficient_user_quota"}), PaymentRequired),
    ],
)
def test_a_refused_submission_leaves_no_row_and_is_not_repeated(
    world: World, answer: Answer, error: type[TaskctlError]
) -> None:
    script = ephone(answer)
    with pytest.raises(error):
        world.submit(script, "ephone")
    assert len(script.asked) == 1
    assert world.rows() == []


LOST: list[Answer] = [
    httpx2.ReadError("reset by peer"),
    httpx2.RemoteProtocolError("closed without an answer"),
    httpx2.ReadTimeout(""),
    httpx2.WriteTimeout(""),
    httpx2.Response(408),
    httpx2.Response(500, text="<html>"),
    httpx2.Response(503),
    httpx2.Response(200, text="<html>welcome</html>"),
    says(200, status="queued"),
    httpx2.Response(200, content=b"\xff\xfe\x00"),
    httpx2.Response(202),
]


def shown(case: object) -> str:
    """The name of a case, the same in every process."""
    return "an answer" if callable(case) else repr(case)


@pytest.mark.parametrize("answer", LOST, ids=shown)
def test_a_lost_answer_is_unconfirmed_and_never_repeated(world: World, answer: Answer) -> None:
    script = ephone(answer)
    with pytest.raises(Unconfirmed) as caught:
        world.submit(script, "ephone", key="my key")
    assert len(script.asked) == 1
    (row,) = world.rows()
    assert (row.id, row.key, row.state) == (None, "my key", State.UNCONFIRMED)
    assert caught.value.task == "my key"
    assert "taskctl reconcile -P ephone --key 'my key'" in (caught.value.hint or "")
    with world.history() as history:
        assert not history.submissions()[0].in_flight(world.clock.now())


def test_429_waits_as_told_and_sends_the_same_again(world: World) -> None:
    script = ephone(httpx2.Response(429, headers={"Retry-After": "7"}), httpx2.Response(429), TASK)
    task = world.submit(script, "ephone")
    assert (task.id, len(script.asked)) == ("task-1", 3)
    assert len({request.content for request in script.asked}) == 1
    assert 7 <= world.clock.passed < 20
    assert any("trying again in 7.0 s" in note for note in world.heard.notes)


@pytest.mark.parametrize(("wait", "requests"), [("20", 3), ("61", 1), ("120", 1)])
def test_429_beyond_our_patience_is_no_answer_and_says_when_to_try_again(
    world: World, wait: str, requests: int
) -> None:
    script = ephone(httpx2.Response(429, headers={"Retry-After": wait}))
    with pytest.raises(Unavailable) as caught:
        world.submit(script, "ephone")
    assert len(script.asked) in (requests, requests + 1)
    assert world.clock.passed <= 60
    assert caught.value.exit_code == 6
    assert "try again in " in (caught.value.hint or "")
    assert world.rows() == []


@pytest.mark.parametrize("problem", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("")], ids=shown)
def test_nobody_listening_is_knocked_at_for_ten_seconds_and_leaves_no_row(world: World, problem: Exception) -> None:
    script = ephone(problem)
    with pytest.raises(NoAnswer) as caught:
        world.submit(script, "ephone")
    assert len(script.asked) > 3
    assert 5 < world.clock.passed <= 10
    assert (caught.value.exit_code, caught.value.hint is not None) == (6, True)
    assert world.rows() == []


def test_a_provider_that_opens_while_we_knock_gets_one_submission(world: World) -> None:
    script = ephone(httpx2.ConnectError("refused"), httpx2.ConnectError("refused"), TASK)
    assert world.submit(script, "ephone").id == "task-1"
    assert [row.id for row in world.rows()] == ["task-1"]


def test_a_certificate_that_does_not_hold_is_not_asked_twice(world: World) -> None:
    problem, cause = httpx2.ConnectError("tls"), ssl.SSLCertVerificationError()
    cause.verify_message = "self-signed certificate"
    problem.__cause__ = cause
    script = ephone(problem)
    with pytest.raises(NoAnswer, match="self-signed certificate"):
        world.submit(script, "ephone")
    assert (len(script.asked), world.clock.passed, world.rows()) == (1, 0, [])


def test_an_address_that_cannot_be_asked_is_no_lost_answer(world: World) -> None:
    with pytest.raises(NoAnswer):
        world.submit(ephone(httpx2.InvalidURL("Invalid IDNA hostname")), "ephone")
    assert world.rows() == []


@pytest.mark.parametrize("answer", LOST, ids=shown)
def test_where_a_repeated_key_is_harmless_a_lost_answer_is_sent_again_to_the_byte(world: World, answer: Answer) -> None:
    script = Script(submit=[answer, TASK])
    task = world.submit(script, "bytespike", key="shot-3")
    assert task.id == "task-1"
    first, second = script.asked
    assert first.content == second.content
    assert first.headers == second.headers
    assert body_of(second)["out_task_id"] == "shot-3"
    assert len(world.rows()) == 1


def test_after_three_lost_answers_the_task_is_looked_for_by_its_key(world: World) -> None:
    script = Script(submit=httpx2.ReadError("reset"), query=says(task_id="task-1", status="running"))
    task = world.submit(script, "bytespike", key="shot-3")
    assert (task.id, task.state, len(script.to("submit"))) == ("task-1", State.RUNNING, 3)
    assert body_of(script.to("query")[0]) == {"out_task_id": "shot-3"}
    assert world.rows() == [task]


def test_connections_refused_do_not_count_as_lost_answers(world: World) -> None:
    refused, lost = httpx2.ConnectError("refused"), httpx2.ReadError("reset")
    script = Script(submit=[refused, refused, refused, lost, TASK])
    assert world.submit(script, "bytespike").id == "task-1"


@pytest.mark.parametrize(
    "query", [says(404, error={"code": "task_not_found", "message": "no"}), httpx2.Response(503), httpx2.ReadError("x")]
)
@pytest.mark.parametrize("second", [httpx2.ReadError("reset"), REFUSED, httpx2.ConnectError("refused")], ids=shown)
def test_after_a_lost_answer_nothing_but_a_task_settles_it(world: World, query: Answer, second: Answer) -> None:
    script = Script(submit=[httpx2.ReadError("reset"), second], query=query)
    with pytest.raises(Unconfirmed):
        world.submit(script, "bytespike", key="shot-3")
    (row,) = world.rows()
    assert (row.key, row.state) == ("shot-3", State.UNCONFIRMED)


@pytest.mark.parametrize("profile", ["ephone", "evolink", "bytespike", "yescale"])
def test_the_same_key_with_the_same_request_is_one_task(world: World, profile: str) -> None:
    wish = {"key": "mine", "input": {"prompt": "a dog", "duration": 5}}
    end = "generations" if profile == "evolink" else "submit"
    first = world.submit(Script(**{end: TASK}), profile, **wish)
    assert world.submit(nobody, profile, **wish) == first
    assert any("exists already" in note for note in world.heard.notes)
    for other in ({"input": {"prompt": "a cat"}}, {"model": "n"}, {"input": {"prompt": "a dog", "duration": "5"}}):
        with pytest.raises(KeyConflict) as caught:
            world.submit(nobody, profile, **{**wish, **other})
        assert (caught.value.exit_code, "mine" in caught.value.message) == (5, True)
    assert len(world.rows()) == 1


def test_the_same_key_at_another_provider_is_another_task(world: World) -> None:
    world.submit(ephone(TASK), "ephone", key="mine")
    world.submit(Script(submit=says(task_id="task-2")), "bytespike", key="mine")
    assert [row.id for row in world.rows()] == ["task-2", "task-1"]


def test_the_same_key_after_a_lost_answer_is_reconciled_first(world: World) -> None:
    script = ephone(httpx2.ReadError("reset"))
    with pytest.raises(Unconfirmed):
        world.submit(script, "ephone", key="mine")
    with pytest.raises(Unconfirmed) as caught:
        world.submit(nobody, "ephone", key="mine")
    assert "--resubmit" in (caught.value.hint or "")
    lost = Script(submit=httpx2.ReadError("reset"), query=httpx2.Response(503))
    with pytest.raises(Unconfirmed):
        world.submit(lost, "bytespike", key="mine")
    found = Script(query=says(task_id="task-1", status="queued"))
    assert world.submit(found, "bytespike", key="mine").id == "task-1"


def test_a_key_that_does_not_fit_goes_over_the_wire_as_its_uuid(world: World) -> None:
    script = Script(submit=TASK)
    task = world.submit(script, "bytespike", key="batch 7: shot 3")
    sent = body_of(script.asked[0])["out_task_id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", sent)
    assert task.key == "batch 7: shot 3"
    for key in ("batch 7: shot 3", sent):
        assert world.submit(nobody, "bytespike", key=key).id == "task-1"


def test_two_processes_with_one_key_make_one_request(world: World) -> None:
    waiting, answered = threading.Event(), threading.Event()
    tasks: list[str | None] = []

    class Patient(FakeClock):
        async def sleep(self, seconds: float) -> None:
            waiting.set()
            assert await asyncio.to_thread(answered.wait, 10)
            await super().sleep(seconds)

    def answer(request: httpx2.Request) -> httpx2.Response:
        second.start()
        assert waiting.wait(10), "the second process should wait for the first"
        return TASK(request)

    def run_second() -> None:
        with world.runtime(nobody, clock=Patient()) as runtime:
            tasks.append(runtime.run(submitting.submit(runtime, wished(runtime, "ephone", key="mine"))).id)

    second = threading.Thread(target=run_second)
    script = ephone(answer)
    tasks.append(world.submit(script, "ephone", key="mine").id)
    answered.set()
    second.join(10)
    assert tasks == ["task-1", "task-1"]
    assert len(script.asked) == 1


def test_a_second_process_learns_that_the_first_was_refused(world: World) -> None:
    waiting = threading.Event()
    met: list[TaskctlError] = []

    class Patient(FakeClock):
        async def sleep(self, seconds: float) -> None:
            waiting.set()
            await asyncio.to_thread(refused.wait, 10)
            await super().sleep(seconds)

    def run_second() -> None:
        with world.runtime(nobody, clock=Patient()) as runtime, pytest.raises(NoAnswer) as caught:
            runtime.run(submitting.submit(runtime, wished(runtime, "ephone", key="mine")))
        met.append(caught.value)

    def answer(request: httpx2.Request) -> httpx2.Response:
        second.start()
        assert waiting.wait(10)
        return REFUSED(request)

    refused, second = threading.Event(), threading.Thread(target=run_second)
    with pytest.raises(Refused):
        world.submit(ephone(answer), "ephone", key="mine")
    refused.set()
    second.join(10)
    assert "was not accepted" in met[0].message


def interrupt(_: httpx2.Request) -> httpx2.Response:
    """What a request under way meets when somebody presses Ctrl-C."""
    raise asyncio.CancelledError


def test_an_interrupted_request_is_a_lost_answer_that_nobody_sends_any_more(world: World) -> None:
    with pytest.raises(asyncio.CancelledError):
        world.submit(ephone(interrupt), "ephone", key="mine")
    with world.history() as history:
        (submission,) = history.submissions()
    assert (submission.task.state, submission.in_flight(world.clock.now())) == (State.UNCONFIRMED, False)


@pytest.mark.parametrize(("answer", "rows"), [(httpx2.ConnectError("refused"), 0), (httpx2.Response(429), 0)])
def test_interrupted_between_two_attempts_that_did_not_arrive_nothing_is_left(
    world: World, answer: Answer, rows: int
) -> None:
    world.clock = Interrupting()
    with pytest.raises(asyncio.CancelledError):
        world.submit(ephone(answer), "ephone", key="mine")
    assert len(world.rows()) == rows


def test_interrupted_after_an_attempt_that_may_have_arrived_it_stays_unconfirmed(world: World) -> None:
    world.clock = Interrupting()
    with pytest.raises(asyncio.CancelledError):
        world.submit(Script(submit=httpx2.ReadError("reset")), "bytespike", key="mine")
    assert [row.state for row in world.rows()] == [State.UNCONFIRMED]


def test_without_a_history_nothing_is_sent(world: World) -> None:
    world.history_path.mkdir()
    with pytest.raises(HistoryError) as caught:
        world.submit(nobody, "ephone")
    assert (caught.value.exit_code, "TASKCTL_HISTORY" in (caught.value.hint or "")) == (3, True)


@pytest.mark.parametrize(
    ("profile", "wish", "error"),
    [
        ("yescale", {"callback_url": "https://me.example.org/"}, Unsupported),
        ("ephone", {"model": None}, UsageError),
        ("moneyprinterturbo", {}, UsageError),  # it takes no model
        ("evolink", {"operation": "dance"}, UsageError),
        ("bytespike", {"input": {"prompt": "x" * 2_000_000}}, Unsupported),
    ],
)
def test_what_a_provider_cannot_do_is_refused_before_anything_is_sent_or_recorded(
    world: World, profile: str, wish: dict[str, object], error: type[TaskctlError]
) -> None:
    with pytest.raises(error):
        world.submit(nobody, profile, **wish)
    assert world.rows() == []


def test_without_a_key_nothing_is_sent_or_recorded(world: World) -> None:
    with world.runtime(nobody, environ={}) as runtime, pytest.raises(CredentialsError):
        runtime.run(submitting.submit(runtime, wished(runtime, "ephone")))
    assert world.rows() == []


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    return path


def evolink(**more: Answer | list[Answer]) -> Script:
    uploads = iter(range(1, 100))

    def uploaded(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"success": True, "data": {"file_url": f"https://f/{next(uploads)}"}})

    return Script(**{"stream": uploaded, "generations": TASK, **more})


def test_a_file_is_uploaded_once_however_often_it_stands_there(world: World, picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(b"\x89PNG\r\n\x1a\n of something else")
    script = evolink()
    images = [LocalFile(str(picture)), LocalFile(str(other)), LocalFile(str(picture))]
    task = world.submit(script, "evolink", input={"prompt": "a dog", "image_urls": images})
    assert len(script.to("stream")) == 2
    assert script.asked[0].url.host == "files-api.evolink.ai"
    assert body_of(script.asked[-1])["image_urls"] == ["https://f/1", "https://f/2", "https://f/1"]
    assert task.input["image_urls"] == [f"@{picture}", f"@{other}", f"@{picture}"]


def test_a_file_goes_in_as_a_data_url_where_nothing_takes_uploads(world: World, picture: Path) -> None:
    script = Script(submit=TASK)
    world.submit(script, "bytespike", input={"prompt": "a dog", "image": LocalFile(str(picture))})
    assert body_of(script.asked[0])["params"]["image"].startswith("data:image/png;base64,iVBORw0K")


def test_files_are_compared_by_what_they_hold(world: World, picture: Path, tmp_path: Path) -> None:
    def again(path: Path) -> str | None:
        return world.submit(nobody, "evolink", key="mine", input={"prompt": "a", "image": LocalFile(str(path))}).id

    world.submit(evolink(), "evolink", key="mine", input={"prompt": "a", "image": LocalFile(str(picture))})
    moved = tmp_path / "moved.png"
    moved.write_bytes(picture.read_bytes())
    assert again(moved) == again(picture) == "task-1"
    picture.write_bytes(b"another picture")
    with pytest.raises(KeyConflict):
        again(picture)


def test_a_failed_upload_starts_and_records_nothing(world: World, picture: Path) -> None:
    script = evolink(stream=says(200, success=False, msg="too large"))
    with pytest.raises(Refused, match="too large"):
        world.submit(script, "evolink", input={"prompt": "a", "image": LocalFile(str(picture))})
    assert (script.to("generations"), world.rows()) == ([], [])


def test_a_shown_request_sends_and_records_nothing(world: World, picture: Path) -> None:
    with world.runtime(nobody) as runtime:
        given = {"prompt": "a", "image": LocalFile(str(picture))}
        request, headers = submitting.request_of(runtime, wished(runtime, "evolink", input=given))
    assert headers == {"Authorization": "Bearer $EVOLINK_API_KEY"}
    assert b"the URL of" in (request.body or b"")
    assert b"canary" not in (request.body or b"")
    assert world.rows() == []


def test_retry_makes_a_new_task_of_the_same_input(world: World) -> None:
    script = Script(submit=[says(task_id="one"), says(task_id="two"), says(task_id="three")])
    first = world.submit(script, "bytespike", input={"prompt": "a dog", "n": 5}, key="mine", tags=("film",))
    second = world.run(script, lambda runtime: submitting.retry(runtime, first, key=None, tags=()))
    assert (second.id, second.model, second.input, second.tags) == ("two", "m", first.input, ("film",))
    assert second.key != first.key
    third = world.run(script, lambda runtime: submitting.retry(runtime, first, key="next", tags=("other",)))
    assert (third.id, third.key, third.tags) == ("three", "next", ("other",))
    bodies = [body_of(request) for request in script.asked]
    assert len({body.pop("out_task_id") for body in bodies}) == 3
    assert bodies[0] == bodies[1] == bodies[2]


def test_retry_sends_the_files_again_or_says_that_they_are_gone(
    world: World, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    given = {"prompt": "a", "refs": {"a/b~c": [LocalFile(picture.name)]}}
    first = world.submit(evolink(), "evolink", input=given)
    monkeypatch.chdir("/")
    script = evolink(generations=says(id="task-2", status="pending"))
    second = world.run(script, lambda runtime: submitting.retry(runtime, first, key=None, tags=()))
    assert second.id == "task-2"
    assert body_of(script.asked[-1])["refs"] == {"a/b~c": ["https://f/1"]}
    picture.unlink()
    with pytest.raises(FileError, match=r"picture\.png"):
        world.run(nobody, lambda runtime: submitting.retry(runtime, second, key=None, tags=()))


def test_retry_of_a_task_whose_input_nobody_knows_sends_nothing(world: World) -> None:
    with world.runtime(nobody, chosen="ephone") as runtime:
        (stranger,) = resolve(runtime, ["of-another-machine"])
        with pytest.raises(HistoryError) as caught:
            runtime.run(submitting.retry(runtime, stranger, key=None, tags=()))
    assert "of-another-machine" in caught.value.message


def test_an_answer_that_cannot_be_recorded_is_told_with_its_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise HistoryError("the disk is full")

    def answer(request: httpx2.Request) -> httpx2.Response:
        monkeypatch.setattr(History, "_bound", full)
        return TASK(request)

    with pytest.raises(HistoryError) as caught:
        world.submit(ephone(answer), "ephone")
    assert "task-1 was accepted" in caught.value.message
