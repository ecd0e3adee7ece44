import json
from typing import Any

import pytest

from tests.sandbox.calling import Caller

TASKS = "/sandbox/v1/tasks"


def submitted(caller: Caller, prompt: str, model: str = "sandbox-video", **more: Any) -> Any:
    answer = caller.post(TASKS, {"model": model, "input": {"prompt": prompt}, **more}, headers={})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def looked(caller: Caller, task_id: str) -> Any:
    return caller.get(f"{TASKS}/{task_id}").json()


def test_every_state_is_told_in_full(caller: Caller) -> None:
    body = {"input": {"prompt": "a dog [takes 10s]", "seconds": 5}, "key": "k", "callback_url": "https://example.org"}
    answer = caller.post(TASKS, body, headers={})
    task = answer.json()
    assert answer.status_code == 201
    assert task == {
        "id": task["id"],
        "key": "k",
        "model": "sandbox-video",
        "state": "queued",
        "progress": 0,
        "created_at": "2026-09-21T14:13:20Z",
        "finished_at": None,
        "eta_seconds": 10,
        "can_cancel": True,
        "outputs": [],
        "error": None,
        "cost": {"estimated": 1.0, "final": None},
        "input": {"prompt": "a dog [takes 10s]", "seconds": 5},
    }
    assert looked(caller, task["id"]) == task
    running = {**task, "state": "running", "progress": 50, "eta_seconds": 4}
    assert looked(caller.after(6), task["id"]) == running
    done = looked(caller.after(10), task["id"])
    (output,) = done["outputs"]
    assert done == {
        **task,
        "state": "completed",
        "progress": 100,
        "finished_at": "2026-09-21T14:13:30Z",
        "eta_seconds": None,
        "can_cancel": False,
        "outputs": [output],
        "cost": {"estimated": 1.0, "final": 1.0},
    }
    assert {**output, "url": ""} == {
        "url": "",
        "kind": "video",
        "content_type": "video/mp4",
        "bytes": len(caller.get(output["url"]).content),
    }


@pytest.mark.parametrize(
    ("model", "kind", "content_type"),
    [
        ("sandbox-video", "video", "video/mp4"),
        ("sandbox-image", "image", "image/png"),
        ("sandbox-audio", "audio", "audio/wav"),
    ],
)
def test_each_model_makes_its_kind(caller: Caller, model: str, kind: str, content_type: str) -> None:
    assert {"id": model} in caller.get("/sandbox/v1/models").json()["models"]
    (output,) = submitted(caller, "a dog [takes 0s]", model)["outputs"]
    assert (output["kind"], output["content_type"]) == (kind, content_type)
    assert caller.get(output["url"]).headers["content-type"] == content_type


def test_a_failure_has_a_code_and_a_message(caller: Caller) -> None:
    silent, given, refused = (
        submitted(caller, prompt)["id"] for prompt in ("[fails]", "[fails: no dog]", "[moderated]")
    )
    caller.after(2)
    assert looked(caller, silent)["error"] == {"code": "failed", "message": "the task failed"}
    assert looked(caller, given)["error"] == {"code": "failed", "message": "no dog"}
    assert looked(caller, refused)["error"]["code"] == "moderated"
    assert looked(caller, given)["progress"] == 99


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "flat"},
        {"input": {}},
        {"input": "a dog"},
        {"input": {"prompt": 1}},
        {"input": {"prompt": "p"}, "config": {}},
        {"input": {"prompt": "p"}, "key": 7},
        {"input": {"prompt": "p"}, "model": []},
    ],
)
def test_what_makes_no_sense_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    answer = caller.post(TASKS, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_the_list_is_newest_first_and_comes_in_pages(caller: Caller) -> None:
    ids = [submitted(caller.after(number), f"dog {number}")["id"] for number in range(3)]
    everything = caller.get(TASKS).json()
    assert [task["id"] for task in everything["tasks"]] == ids[::-1]
    assert everything["tasks"][0] == looked(caller, ids[2])
    page = caller.get(f"{TASKS}?page=2&page_size=2").json()
    assert [task["id"] for task in page["tasks"]] == ids[:1]
    assert (page["total"], page["page"], page["page_size"]) == (3, 2, 2)
    assert caller.get(f"{TASKS}?page_size=101").status_code == 400


def test_a_task_is_found_by_its_key(caller: Caller) -> None:
    task = submitted(caller, "a dog [late]", key="the key")
    assert caller.get(f"{TASKS}?key=the%20key").json()["tasks"] == []
    assert caller.get(f"{TASKS}?key=the%20key").json()["tasks"] == [task]
    assert caller.get(f"{TASKS}?key=another").json() == {"tasks": [], "total": 0, "page": 1, "page_size": 20}


def test_many_tasks_are_asked_for_at_once(caller: Caller) -> None:
    first, second = submitted(caller, "a dog"), submitted(caller, "a cat")
    answer = caller.post(f"{TASKS}/query", {"ids": [second["id"], "none", first["id"]]})
    assert answer.json() == {"tasks": [second, first]}
    for ids in (["x"] * 101, "x", [1], None):
        assert caller.post(f"{TASKS}/query", {"ids": ids}).status_code == 400


def test_a_task_can_be_cancelled_until_it_ends(caller: Caller) -> None:
    early, late = submitted(caller, "a dog [takes 10s]")["id"], submitted(caller, "a dog")["id"]
    cancelled = caller.after(5).post(f"{TASKS}/{early}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"], cancelled.json()["progress"]) == (200, "cancelled", 37)
    assert caller.post(f"{TASKS}/{late}/cancel").json()["state"] == "completed"
    assert looked(caller.after(50), early) == cancelled.json()
    assert caller.post(f"{TASKS}/none/cancel").status_code == 404


def test_a_task_can_be_deleted_once_it_has_ended(caller: Caller) -> None:
    task = submitted(caller, "a dog", key="k")["id"]
    busy = caller.delete(f"{TASKS}/{task}")
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "still_running")
    gone = caller.after(2).delete(f"{TASKS}/{task}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert caller.delete(f"{TASKS}/{task}").status_code == 404
    assert submitted(caller, "another dog", key="k")["id"] != task


def test_errors_have_a_code_and_a_message(caller: Caller) -> None:
    missing = caller.get(f"{TASKS}/none")
    error = {"code": "task_not_found", "message": "there is no such task"}
    assert (missing.status_code, missing.json()) == (404, {"error": error})
    assert caller.get("/sandbox/v1/task").json()["error"]["code"] == "not_found"
    assert caller.send("PATCH", TASKS).status_code == 405
    assert caller.get(TASKS, headers={"Authorization": "Bearer wrong"}).json()["error"]["code"] == "wrong_key"


def test_events_tell_the_whole_task_each_time(caller: Caller) -> None:
    task = submitted(caller, "a dog [takes 4s]")["id"]
    caller.step = 0.2
    text = caller.get(f"{TASKS}/{task}/events").text
    caller.step = 0
    blocks = [block.split("\n") for block in text.split("\n\n") if block and not block.startswith(":")]
    told = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert {event for event, _ in blocks} == {"event: task"}
    assert [state for state in ("queued", "running", "completed") if state in {each["state"] for each in told}] == [
        "queued",
        "running",
        "completed",
    ]
    assert [each["progress"] for each in told] == sorted(each["progress"] for each in told)
    assert told[-1] == looked(caller, task)


def test_events_may_be_missing(caller: Caller) -> None:
    task = submitted(caller, "[no stream]")["id"]
    assert caller.get(f"{TASKS}/{task}/events").status_code == 404
    assert caller.get(f"{TASKS}/none/events").json()["error"]["code"] == "task_not_found"


def test_an_uploaded_file_is_served_again(caller: Caller) -> None:
    answer = caller.post("/sandbox/v1/files", files={"file": ("my dog.png", b"bytes", "image/png")})
    assert answer.status_code == 201
    served = caller.get(answer.json()["url"], headers={})
    assert (served.content, served.headers["content-type"]) == (b"bytes", "image/png")
    assert caller.get("/sandbox/media/files/none/x.png").status_code == 404
    assert caller.post("/sandbox/v1/files", {"file": "x"}).status_code == 400


def test_a_result_is_served_in_parts_to_those_who_ask(caller: Caller) -> None:
    (output,) = submitted(caller, "a dog [takes 0s]")["outputs"]
    whole = caller.get(output["url"])
    etag = whole.headers["etag"]
    assert etag.startswith('"')
    assert whole.headers["content-length"] == str(len(whole.content))

    def part(**headers: str) -> tuple[int, bytes, str | None]:
        answer = caller.get(output["url"], headers={name.replace("_", "-"): value for name, value in headers.items()})
        return answer.status_code, answer.content, answer.headers.get("content-range")

    size = len(whole.content)
    assert part(range="bytes=4-7") == (206, b"ftyp", f"bytes 4-7/{size}")
    assert part(range="bytes=4-7", if_range=etag) == (206, b"ftyp", f"bytes 4-7/{size}")
    assert part(range="bytes=4-7", if_range='"another"') == (200, whole.content, None)
    assert part(range=f"bytes={size}-") == (416, b"", f"bytes */{size}")
    head = caller.send("HEAD", output["url"])
    assert (head.headers["content-length"], head.headers["etag"], head.content) == (str(size), etag, b"")
    assert caller.beside().get(output["url"]).headers["etag"] == etag
