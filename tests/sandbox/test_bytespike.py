import json
import re
from typing import Any

import pytest

from tests.sandbox.calling import START, Caller

SUBMIT, QUERY, CANCEL = (f"/bytespike/v1/tasks/{word}" for word in ("submit", "query", "cancel"))
BODY = {"model": "sora-2-pro", "out_task_id": "batch7-shot03", "params": {"prompt": "a skyline", "duration_seconds": 8}}


def submitted(caller: Caller, prompt: str, **more: Any) -> str:
    return str(caller.post(SUBMIT, {"model": "sora-2", "params": {"prompt": prompt}, **more}).json()["task_id"])


def looked(caller: Caller, **names: str) -> Any:
    return caller.post(QUERY, names).json()


def test_every_state_looks_as_documented(caller: Caller) -> None:
    ack = caller.post(SUBMIT, {**BODY, "params": {"prompt": "a skyline [takes 35s]"}}).json()
    same = {"task_id": ack["task_id"], "out_task_id": "batch7-shot03"}
    assert ack == {**same, "status": "pending", "estimated_credits": 1.5, "estimated_seconds": 35}
    assert re.fullmatch(r"task_[0-9A-HJKMNP-TV-Z]{26}", ack["task_id"])
    assert looked(caller.after(20), task_id=ack["task_id"]) == {**ack, "status": "running"}
    done = looked(caller.after(35), task_id=ack["task_id"])
    (output,) = done["output"]
    assert done == {**same, "status": "completed", "credits_used": 1.47, "output": [output]}
    assert output == {"type": "video", "url": output["url"], "duration_seconds": 2.4}


def test_a_failure_has_a_code_and_a_message_at_the_top(caller: Caller) -> None:
    refused, given = submitted(caller, "[moderated]"), submitted(caller, "[fails: no sky]", out_task_id="k")
    caller.after(2)
    assert looked(caller, task_id=refused) == {
        "task_id": refused,
        "status": "failed",
        "estimated_seconds": 2,
        "error_code": "content_policy",
        "error_message": "Upstream refused the prompt",
    }
    assert looked(caller, out_task_id="k") == {
        "task_id": given,
        "out_task_id": "k",
        "status": "failed",
        "estimated_seconds": 2,
        "error_code": "generation_failed",
        "error_message": "no sky",
    }


@pytest.mark.parametrize("names", [{}, {"task_id": "a", "out_task_id": "b"}, {"task_id": 1}, {"id": "a"}])
def test_a_query_names_exactly_one_id(caller: Caller, names: dict[str, Any]) -> None:
    for path in (QUERY, CANCEL):
        answer = caller.post(path, names)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_param")


def test_the_flat_surface_answers_to_get(caller: Caller) -> None:
    task = submitted(caller, "a skyline")
    path = f"{QUERY}?task_id={task}"
    submitted_at = {"estimated_credits": 1.5, "submitted_at": "2026-09-21T14:13:20Z"}
    assert caller.get(path).json() == {"task_id": task, "status": "queued", **submitted_at}
    assert caller.after(1).get(path).json() == {"task_id": task, "status": "running"}
    done = caller.after(2).get(path).json()
    assert done == {
        "task_id": task,
        "status": "completed",
        "result": {"video_url": done["result"]["video_url"], "duration_seconds": 2.4, "resolution": "720p"},
        "credits": 1.47,
        "completed_at": "2026-09-21T14:13:22Z",
    }
    failed = submitted(caller.after(0), "[fails: no sky]")
    assert caller.after(2).get(f"{QUERY}?task_id={failed}").json()["error_message"] == "no sky"


@pytest.mark.parametrize("form", ["path", "task_id", "out_task_id"])
def test_cancelling_stops_a_task_and_may_be_repeated(caller: Caller, form: str) -> None:
    task = submitted(caller, "a skyline [takes 10s]", out_task_id="k")
    path, body = (f"{CANCEL}/{task}", None) if form == "path" else (CANCEL, {form: task if form == "task_id" else "k"})
    first, again = caller.after(5).post(path, body), caller.after(50).post(path, body)
    assert first.status_code == again.status_code == 200
    assert first.json() == {
        "task_id": task,
        "out_task_id": "k",
        "status": "cancelled",
        "estimated_credits": 1.5,
        "estimated_seconds": 10,
    }
    assert again.json() == first.json() == looked(caller, task_id=task) == looked(caller, out_task_id="k")


def test_cancelling_what_has_ended_is_no_error_and_changes_nothing(caller: Caller) -> None:
    task = submitted(caller, "a skyline")
    done = looked(caller.after(2), task_id=task)
    answer = caller.post(f"{CANCEL}/{task}", {"task_id": "another"})
    assert (answer.status_code, answer.json()) == (200, done)
    assert looked(caller, task_id=task) == done


def test_the_existing_task_is_given_as_it_stands(caller: Caller) -> None:
    first = caller.post(SUBMIT, BODY).json()
    again = caller.after(2).post(SUBMIT, {**BODY, "callback_url": "https://hooks.example.org"})
    assert (again.status_code, again.json()["status"]) == (200, "completed")
    assert again.json()["task_id"] == first["task_id"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "sora-2", "prompt": "flat"},
        {"model": "sora-2", "prompt": "flat", "duration_seconds": 8},
        {**BODY, "prompt": "beside params"},
        {**BODY, "params": "a skyline"},
        {"model": "sora-2", "params": {}},
        {"params": {"prompt": "p"}},
        {**BODY, "out_task_id": 7},
        {**BODY, "model": "claude-5"},
    ],
)
def test_what_the_docs_do_not_allow_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    answer = caller.post(SUBMIT, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_param")


def test_errors_look_as_documented(caller: Caller) -> None:
    missing = caller.post(QUERY, {"task_id": "task_none"})
    assert (missing.status_code, missing.json()["error"]) == (
        404,
        {
            "message": "no task matches this identifier",
            "type": "invalid_request_error",
            "code": "task_not_found",
            "param": None,
        },
    )
    both = caller.post(QUERY, {"task_id": "a", "out_task_id": "b"}).json()["error"]
    message = "send task_id or out_task_id, not both"
    assert both == {"message": message, "type": "invalid_request_error", "code": "invalid_param", "param": "task_id"}
    unknown = caller.post(QUERY, {"task_id": "a"}, headers={"Authorization": "Bearer good", "x-api-key": "wrong"})
    error = {
        "message": "missing or revoked key",
        "type": "authentication_error",
        "code": "invalid_api_key",
        "param": None,
    }
    assert (unknown.status_code, unknown.json()["error"]) == (401, error)
    limited = caller.post(SUBMIT, {"model": "sora-2", "params": {"prompt": "[rate limited]"}})
    error = {"type": "rate_limit_error", "code": "concurrency_limit", "message": "too many requests in flight"}
    assert (limited.status_code, limited.json()["error"]) == (429, error)
    assert caller.get("/bytespike/v1/balance").json()["error"]["code"] == "not_found"


def test_either_header_may_hold_the_key(caller: Caller) -> None:
    for headers in (
        {"x-api-key": "k"},
        {"Authorization": "Bearer k"},
        {"Authorization": "Bearer wrong", "x-api-key": "k"},
    ):
        assert caller.get("/bytespike/v1/models", headers=headers).status_code == 200
    assert caller.get("/bytespike/v1/models", headers={}).status_code == 401


def test_a_body_above_one_mebibyte_is_too_large(caller: Caller) -> None:
    answer = caller.post(SUBMIT, {**BODY, "params": {"prompt": "p", "image_init": "a" * 1024 * 1024}})
    assert answer.status_code == 413


def test_every_answer_tells_of_the_window_in_dollars(caller: Caller) -> None:
    for answer in (
        caller.get("/bytespike/v1/models"),
        caller.get("/bytespike/nowhere"),
        caller.post(QUERY, {}),
        caller.post(SUBMIT, BODY),
        caller.post(SUBMIT, {"model": "sora-2", "params": {"prompt": "[rate limited]"}}),
    ):
        assert answer.headers["x-ratelimit-limit"] == "50.00"
        assert answer.headers["x-ratelimit-remaining"] == "4.18"
        assert int(answer.headers["x-ratelimit-reset"]) > START
        assert answer.headers["x-quota-remaining-credits"] == "104.18"


def test_the_account_and_the_models_are_there(caller: Caller) -> None:
    account = caller.get("/bytespike/api/v1/me/account").json()
    assert account["balance"]["available_usd"] == 104.18
    assert {"id": account["allowed_models"][0]} in caller.get("/bytespike/v1/models").json()["data"]


def frames(text: str) -> list[Any]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    return [
        json.loads(block[1].removeprefix("data: ")) if block[0] == "event: status" else block[0] for block in blocks
    ]


def test_the_stream_tells_each_change_and_ends_with_the_verdict(caller: Caller) -> None:
    task = submitted(caller, "a skyline [takes 4s]", out_task_id="k")
    caller.step = 0.2
    answer = caller.get(f"/bytespike/v1/tasks/stream/{task}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-ratelimit-limit"] == "50.00"
    caller.step = 0
    done = looked(caller, task_id=task)
    del done["out_task_id"]
    assert frames(answer.text) == [
        ": heartbeat",
        {"task_id": task, "status": "pending", "estimated_seconds": 4},
        {"task_id": task, "status": "running", "estimated_seconds": 4},
        done,
    ]


def test_the_stream_of_what_has_ended_is_the_verdict_alone(caller: Caller) -> None:
    task = submitted(caller, "a skyline [fails: no sky]")
    (beat, verdict) = frames(caller.after(2).get(f"/bytespike/v1/tasks/stream/{task}").text)
    assert (beat, verdict["status"], verdict["error_message"]) == (": heartbeat", "failed", "no sky")


def test_no_stream_is_a_404_and_so_is_an_unknown_task(caller: Caller) -> None:
    none, forgotten = submitted(caller, "[no stream]"), submitted(caller, "[forgotten]")
    codes = []
    for task in (none, "task_none", forgotten):
        answer = caller.after(2).get(f"/bytespike/v1/tasks/stream/{task}")
        codes.append((answer.status_code, answer.json()["error"]["code"]))
    assert codes == [(404, "not_found"), (404, "task_not_found"), (404, "task_not_found")]


def test_a_stream_that_breaks_has_no_verdict(caller: Caller) -> None:
    task = submitted(caller, "[stream breaks]")
    first = frames(caller.get(f"/bytespike/v1/tasks/stream/{task}").text)
    assert first == [": heartbeat", {"task_id": task, "status": "pending", "estimated_seconds": 2}]
    assert frames(caller.after(2).get(f"/bytespike/v1/tasks/stream/{task}").text) == [": heartbeat"]


def test_the_stream_of_a_task_that_is_forgotten_breaks_off(caller: Caller) -> None:
    task = submitted(caller, "[forgotten]")
    caller.step = 0.2
    told = frames(caller.get(f"/bytespike/v1/tasks/stream/{task}").text)
    assert {frame["status"] for frame in told[1:]} <= {"pending", "running"}
