from typing import Any

import pytest

from tests.sandbox.calling import START, Caller

VIDEO, IMAGE, AUDIO = (f"/evolink/v1/{kind}s/generations" for kind in ("video", "image", "audio"))
BODY = {"model": "seedance-2.0-text-to-video", "prompt": "a glacier", "duration": 5, "quality": "720p"}
SONG = {"model": "suno-v4.5", "prompt": "calm lo-fi beat", "custom_mode": False, "instrumental": True}


def submitted(caller: Caller, prompt: str, path: str = VIDEO, **more: Any) -> str:
    return str(caller.post(path, {"model": "seedance-2.0", "prompt": prompt, **more}).json()["id"])


def looked(caller: Caller, task_id: str) -> Any:
    return caller.get(f"/evolink/v1/tasks/{task_id}").json()


def test_every_state_of_a_video_looks_as_documented(caller: Caller) -> None:
    ack = caller.post(VIDEO, {**BODY, "prompt": "a glacier [takes 10s]"}).json()
    same = {
        "id": ack["id"],
        "object": "video.generation.task",
        "created": int(START),
        "model": "seedance-2.0-text-to-video",
        "type": "video",
    }
    queued = {
        "status": "pending",
        "progress": 0,
        "task_info": {"can_cancel": True, "estimated_time": 10, "video_duration": 5},
        "usage": {"billing_rule": "per_second", "credits_reserved": 50, "user_group": "default"},
    }
    assert ack == {**same, **queued}
    assert ack["id"].startswith(f"task-unified-{int(START)}-")
    assert looked(caller, ack["id"]) == ack
    running = {"status": "processing", "progress": 50, "task_info": {"can_cancel": True}}
    assert looked(caller.after(6), ack["id"]) == {**same, **running}
    done = looked(caller.after(10), ack["id"])
    assert done == {
        **same,
        "status": "completed",
        "progress": 100,
        "results": done["results"],
        "task_info": {"can_cancel": False},
        "usage": {"credits_used": 47.5, "cost": {"credits": 47.5, "usd": 0.699}},
        "duration": 10.0,
    }


def test_music_has_two_results_and_their_covers(caller: Caller) -> None:
    task = caller.post(AUDIO, SONG).json()
    assert task["object"] == "audio.generation.task"
    done = looked(caller.after(2), task["id"])
    assert [item["audio_url"] for item in done["result_data"]] == done["results"]
    assert done["result_data"][0] == {
        "result_id": "r1",
        "title": "Slow Tide",
        "tags": "lo-fi",
        "duration": 2.0,
        "audio_url": done["results"][0],
        "image_url": done["results"][0].replace("1.wav", "cover-1.png"),
    }
    assert caller.get(done["results"][1]).headers["content-type"] == "audio/wav"
    assert caller.get(done["result_data"][1]["image_url"]).headers["content-type"] == "image/png"


def test_an_image_task_has_as_many_results_as_it_asked_for(caller: Caller) -> None:
    done = looked(caller.after(2), submitted(caller.after(0), "a glacier [takes 0s]", IMAGE, n=3))
    assert (done["type"], len(done["results"])) == ("image", 3)


def test_a_failure_has_an_error_or_none(caller: Caller) -> None:
    silent, given = submitted(caller, "[fails]"), submitted(caller, "[fails: no ice]")
    refused, cancelled = submitted(caller, "[moderated]"), submitted(caller, "[cancelled]")
    caller.after(2)
    assert "error" not in looked(caller, silent)
    assert looked(caller, given)["error"] == {"code": "service_error", "message": "no ice"}
    message = "Blocked by safety filters.\nRevise the prompt."
    assert looked(caller, refused)["error"] == {"code": "content_policy_violation", "message": message}
    assert looked(caller, cancelled)["error"] == {"code": "request_cancelled", "message": "The task was cancelled"}
    for task in (silent, given, refused, cancelled):
        assert looked(caller, task)["progress"] == 0
        assert looked(caller, task)["task_info"] == {"can_cancel": False}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (VIDEO, {"model": "m", "input": {"prompt": "p"}}),
        (VIDEO, {"model": "m", "prompt": "p", "input": {}}),
        (VIDEO, {"model": "m", "prompt": "p", "params": {"duration": 5}}),
        (VIDEO, {"model": "m", "prompt": "p", "config": {"duration": 5}}),
        (VIDEO, {**BODY, "duration": "5"}),
        (VIDEO, {**BODY, "duration": 5.5}),
        (VIDEO, {**BODY, "duration": True}),
        (VIDEO, {**BODY, "generate_audio": "yes"}),
        (VIDEO, {**BODY, "image_urls": "https://img.example.org/a.png"}),
        (VIDEO, {**BODY, "image_urls": [1]}),
        (VIDEO, {**BODY, "quality": 720}),
        (VIDEO, {**BODY, "callback_url": "http://hooks.example.org"}),
        (VIDEO, {**BODY, "callback_url": "https://hooks.example.org/" + "a" * 2048}),
        (VIDEO, {"model": "m"}),
        (VIDEO, {"prompt": "p"}),
        (IMAGE, {"model": "m", "prompt": "p", "n": 5}),
        (IMAGE, {"model": "m", "prompt": "p", "n": 0}),
        (IMAGE, {"model": "m", "prompt": "p", "size": 1024}),
        (AUDIO, {"model": "m", "prompt": "p"}),
        (AUDIO, {**SONG, "instrumental": "true"}),
        (AUDIO, {**SONG, "custom_mode": True}),
        (AUDIO, {**SONG, "custom_mode": True, "style": "lo-fi"}),
        (AUDIO, {**SONG, "vocal_gender": "x"}),
        (AUDIO, {**SONG, "duration": 10}),
    ],
)
def test_what_the_docs_do_not_allow_is_refused(caller: Caller, path: str, body: dict[str, Any]) -> None:
    answer = caller.post(path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_custom_mode_with_style_and_title_is_taken(caller: Caller) -> None:
    task = caller.post(AUDIO, {**SONG, "custom_mode": True, "style": "choral", "title": "Ice"}).json()
    (first, _) = looked(caller.after(2), task["id"])["result_data"]
    assert (first["title"], first["tags"]) == ("Ice", "choral")


def test_an_idempotency_key_must_fit(caller: Caller) -> None:
    for key in ("short", "a" * 97, "sixteen characters"):
        assert (
            caller.post(VIDEO, BODY, headers={"Authorization": "Bearer k", "Idempotency-Key": key}).status_code == 400
        )


def test_errors_look_as_documented(caller: Caller) -> None:
    missing = caller.get("/evolink/v1/tasks/task-unified-1-none")
    assert (missing.status_code, missing.json()) == (
        404,
        {"error": {"code": "task_not_found", "message": "Task not found."}},
    )
    assert missing.headers["x-request-id"].startswith("req_")
    strange = caller.get("/evolink/v1/tasks/task_01K5")
    message = "Task id must begin with the task prefix"
    error: dict[str, Any] = {"code": "invalid_task_id", "message": message, "type": "invalid_request_error"}
    assert (strange.status_code, strange.json()) == (400, {"error": error})
    unknown = caller.get("/evolink/v1/tasks", headers={"Authorization": "Basic a-key"})
    error = {"code": 401, "message": "Invalid or expired token", "type": "authentication_error"}
    assert (unknown.status_code, unknown.json()) == (401, {"error": error})
    limited = caller.post(VIDEO, {**BODY, "prompt": "[rate limited]"})
    assert limited.json()["error"] == {
        "code": 429,
        "message": "Rate limit exceeded",
        "type": "rate_limit_error",
        "fallback_suggestion": "retry after 60 seconds",
    }
    poor = caller.post(VIDEO, {**BODY, "prompt": "[no credit]"}).json()["error"]
    assert (poor["code"], poor["type"]) == ("insufficient_user_quota", "insufficient_quota_error")


def test_a_batch_holds_what_is_known(caller: Caller) -> None:
    first, second = submitted(caller, "a glacier"), submitted(caller, "a fjord")
    answer = caller.post("/evolink/v1/tasks/batch", {"task_ids": [second, "task-unified-1-none", first]})
    assert [task["id"] for task in answer.json()["data"]] == [second, first]
    assert answer.json()["data"][1] == looked(caller, first)


@pytest.mark.parametrize("ids", [[], ["x"] * 51, "x", [1], None])
def test_a_batch_has_one_to_fifty_ids(caller: Caller, ids: object) -> None:
    assert caller.post("/evolink/v1/tasks/batch", {"task_ids": ids}).status_code == 400


def test_a_batch_is_a_look_at_each_of_its_tasks(caller: Caller) -> None:
    late, flaky = submitted(caller, "[late]"), submitted(caller, "[flaky 1]")
    path = "/evolink/v1/tasks/batch"
    assert caller.post(path, {"task_ids": [late]}).json() == {"data": []}
    assert caller.post(path, {"task_ids": [late, flaky]}).status_code == 502
    assert len(caller.post(path, {"task_ids": [late, flaky]}).json()["data"]) == 2


def test_the_list_has_no_links_and_is_newest_first(caller: Caller) -> None:
    done = submitted(caller, "a glacier")
    failed = submitted(caller.after(1), "[fails: no ice]")
    song = caller.after(9).post(AUDIO, SONG).json()["id"]
    page = caller.get("/evolink/v1/tasks").json()
    assert [task["id"] for task in page["data"]] == [song, failed, done]
    assert (page["total"], page["page"], page["page_size"]) == (3, 1, 20)
    assert page["data"][2] == {
        "id": done,
        "status": "completed",
        "model": "seedance-2.0",
        "type": "video",
        "progress": 100,
        "created_at": int(START),
        "has_results": True,
        "has_error": False,
        "credits_used": 47.5,
    }
    assert page["data"][1]["has_error"]
    assert "credits_used" not in page["data"][1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=processing", ["pending", "processing"]),
        ("status=completed", ["completed"]),
        ("status=failed", ["failed"]),
        ("status=cancelled", ["cancelled"]),
        ("type=video", ["pending", "processing", "failed", "completed", "cancelled"]),
        ("type=image", []),
        ("model=seedance-2.0&page_size=1&page=5", ["cancelled"]),
        ("model=other", []),
    ],
)
def test_the_list_can_be_filtered(caller: Caller, query: str, found: list[str]) -> None:
    for seconds, prompt in enumerate(("[takes 0s] [cancelled]", "[takes 0s]", "[takes 0s] [fails]", "[stays running]")):
        submitted(caller.after(seconds), prompt)
    submitted(caller.after(9), "[stays queued]")
    page = caller.get(f"/evolink/v1/tasks?{query}").json()
    assert [task["status"] for task in page["data"]] == found


@pytest.mark.parametrize(
    "query", ["status=pending", "status=all", "type=text", "page=0", "page_size=51", "page_size=x", "page=-1"]
)
def test_the_list_refuses_what_it_does_not_know(caller: Caller, query: str) -> None:
    assert caller.get(f"/evolink/v1/tasks?{query}").status_code == 400


def test_credits_and_models_are_there(caller: Caller) -> None:
    assert caller.get("/evolink/v1/credits").json()["data"]["user"] == {
        "remaining_credits": 812.5,
        "used_credits": 187.5,
    }
    assert {"id": "suno-v4.5"} in caller.get("/evolink/v1/models").json()["data"]


@pytest.mark.parametrize("path", ["/v1/tasks/task-unified-1-x/cancel", "/v1/tasks/task-unified-1-x"])
def test_there_is_no_cancelling(caller: Caller, path: str) -> None:
    assert caller.post(f"/evolink{path}", {}).status_code in (404, 405)
    assert caller.delete(f"/evolink{path}").status_code in (404, 405)
