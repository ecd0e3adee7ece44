import os
from pathlib import Path

from taskctl.sandbox.app import PREFIXES
from taskctl.sandbox.directions import WORDS
from tests.sandbox.calling import START, Caller, Speech


def test_the_page_says_what_this_is(caller: Caller) -> None:
    page = caller.get("/", headers={})
    assert page.headers["content-type"].startswith("text/plain")
    for prefix in PREFIXES:
        assert f"http://sandbox/{prefix}\n" in page.text
    for word in WORDS:
        assert f"[{word.example}]" in page.text
    assert "curl -s http://sandbox/sandbox/v1/tasks" in page.text


def test_every_task_can_be_seen_with_what_was_sent(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse")
    (seen,) = caller.get("/_sandbox/tasks").json()
    assert seen == {
        "dialect": speech.name,
        "id": task,
        "key": None,
        "submits": 1,
        "created_at": START,
        "body": speech.body("a lighthouse"),
    }


def test_requests_are_counted_by_what_they_asked_for(caller: Caller) -> None:
    body = {"input": {"prompt": "a lighthouse"}}
    for _ in range(2):
        caller.post("/sandbox/v1/tasks", body)
    caller.get("/sandbox/v1/tasks/none")
    caller.get("/sandbox/v1/tasks/other", headers={"Authorization": "Bearer wrong"})
    caller.get("/evolink/api/v1/files/quota")
    caller.get("/evolink/nowhere")
    assert caller.get("/_sandbox/requests").json() == {
        "POST /sandbox/v1/tasks": 2,
        "GET /sandbox/v1/tasks/{task_id}": 2,
        "GET /evolink/api/v1/files/quota": 1,
        "GET /evolink (no such route)": 1,
    }


def test_a_key_is_nowhere_on_disk(caller: Caller, speech: Speech) -> None:
    canary = "canary-5f2c"
    headers = {"Authorization": f"Bearer {canary}", "x-api-key": canary}
    caller.post(f"/{speech.name}{speech.path}", speech.body("a lighthouse"), headers=headers)
    for place, _, names in os.walk(caller.folder):
        for name in names:
            assert canary.encode() not in (Path(place) / name).read_bytes()
