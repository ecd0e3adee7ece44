from typing import Any

import pytest

from tests.sandbox.calling import START, Caller

SUBMIT = "/ephone/v1/task/submit"
BODY = {"model": "kling-v3/text-to-video", "input": {"prompt": "a harbour", "duration": "5"}}


def submitted(caller: Caller, prompt: str, model: str = "kling-v3/text-to-video") -> str:
    return str(caller.post(SUBMIT, {"model": model, "input": {"prompt": prompt}}).json()["id"])


def looked(caller: Caller, task_id: str) -> Any:
    return caller.get(f"/ephone/v1/task/{task_id}").json()


def test_every_state_looks_as_documented(caller: Caller) -> None:
    ack = caller.post(SUBMIT, BODY).json()
    assert ack == {"id": ack["id"], "status": "queued", "created_at": int(START)}
    assert ack["id"].startswith("task_")
    assert looked(caller, ack["id"]) == ack
    assert looked(caller.after(1), ack["id"]) == {**ack, "status": "in_progress"}
    done = looked(caller.after(2), ack["id"])
    assert done == {**ack, "status": "completed", "completed_at": int(START) + 2, "outputs": done["outputs"]}
    assert [type(output) for output in done["outputs"]] == [str]


def test_a_failure_is_a_sentence(caller: Caller) -> None:
    given, refused = submitted(caller, "[fails: no light]"), submitted(caller, "[moderated]")
    silent = submitted(caller, "[fails]")
    caller.after(2)
    assert looked(caller, given)["error"] == "no light"
    assert looked(caller, refused)["error"] == "Prompt was rejected by the provider's content filter"
    assert looked(caller, silent)["error"] == "Generation failed"
    assert looked(caller, given)["completed_at"] == int(START) + 2


def test_links_to_several_outputs_have_no_extension(caller: Caller) -> None:
    task = submitted(caller, "[outputs 2]", "seedream-5")
    outputs = looked(caller.after(2), task)["outputs"]
    assert [output.rpartition("/")[2] for output in outputs] == ["1", "2"]
    answers = [caller.get(output) for output in outputs]
    assert [answer.headers["content-type"] for answer in answers] == ["image/png", "image/png"]
    assert answers[0].content != answers[1].content


@pytest.mark.parametrize(
    ("model", "content_type"),
    [("kling-v3", "video/mp4"), ("flux-2", "image/png"), ("Imagen-5", "image/png"), ("suno-v5", "audio/wav")],
)
def test_the_kind_follows_from_the_model(caller: Caller, model: str, content_type: str) -> None:
    (output,) = looked(caller.after(2), submitted(caller.after(0), "a harbour [takes 0s]", model))["outputs"]
    assert caller.get(output).headers["content-type"] == content_type


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "duration": "5"},
        {**BODY, "prompt": "beside input"},
        {"model": "m", "prompt": "flat"},
        {"model": "m", "params": {"prompt": "p"}},
        {"model": "m", "input": "p"},
        {"model": "", "input": {"prompt": "p"}},
        {"model": 7, "input": {"prompt": "p"}},
        {"input": {"prompt": "p"}},
        {"model": "m", "input": {"prompt": ""}},
        {**BODY, "callback_url": "http://hooks.example.org"},
        {**BODY, "callback_url": "https://localhost/hook"},
        {**BODY, "callback_url": "https://127.0.0.1/hook"},
        {**BODY, "callback_url": "https://[::1/hook"},
        {**BODY, "callback_url": 7},
    ],
)
def test_what_the_guide_does_not_allow_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    answer = caller.post(SUBMIT, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_public_callback_is_welcome(caller: Caller) -> None:
    assert caller.post(SUBMIT, {**BODY, "callback_url": "https://hooks.example.org/media"}).status_code == 200


def test_errors_look_as_documented(caller: Caller) -> None:
    stamp = "(request id: 20260921141320)"
    missing = caller.get("/ephone/v1/task/task_none")
    error = {"message": f"task not found {stamp}", "type": "invalid_request_error", "code": "task_not_found"}
    assert (missing.status_code, missing.json()) == (404, {"error": error})
    unknown = caller.get("/ephone/v1/task/task_none", headers={})
    error = {"message": f"invalid token {stamp}", "type": "authentication_error", "code": ""}
    assert (unknown.status_code, unknown.json()) == (401, {"error": error})
    limited = caller.post(SUBMIT, {**BODY, "input": {"prompt": "[rate limited]"}})
    error = {"message": "too many requests, slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
    assert (limited.status_code, limited.json()) == (429, {"error": error})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/tasks/x", 404),
        ("POST", "/v1/tasks/submit", 404),
        ("GET", "/v1/models/", 404),
        ("PUT", "/v1/models", 405),
    ],
)
def test_paths_of_others_lead_nowhere(caller: Caller, method: str, path: str, status: int) -> None:
    assert caller.send(method, f"/ephone{path}").status_code == status


def test_models_and_billing_are_there(caller: Caller) -> None:
    assert {"id": "kling-v3/text-to-video"} in caller.get("/ephone/v1/models").json()["data"]
    assert caller.get("/ephone/v1/dashboard/billing/subscription").json()["hard_limit_usd"] == 100.0
    assert caller.get("/ephone/v1/dashboard/billing/usage").json()["total_usage"] == 1250.0
