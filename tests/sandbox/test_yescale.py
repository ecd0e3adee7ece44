from typing import Any

import pytest

from tests.sandbox.calling import START, Caller

SUBMIT, MUSIC, LYRICS = "/yescale/task/submit", "/yescale/suno/submit/music", "/yescale/suno/submit/lyrics"
BODY = {"model": "flux-kontext[max]", "prompt": "a shop sign", "config": {"aspect_ratio": "16:9"}}


def submitted(caller: Caller, prompt: str, model: str = "flux-kontext[max]") -> str:
    return str(caller.post(SUBMIT, {"model": model, "prompt": prompt}).json()["task_id"])


def looked(caller: Caller, task_id: str) -> Any:
    return caller.get(f"/yescale/task/{task_id.replace('[', '%5B').replace(']', '%5D').replace('/', '%2F')}").json()


def test_every_state_looks_as_documented(caller: Caller) -> None:
    ack = caller.post(SUBMIT, {**BODY, "prompt": "a shop sign [takes 10s]"}).json()
    assert ack == {
        "task_id": ack["task_id"],
        "status": "SUBMITTED",
        "progress": "0%",
        "results": {},
        "created_at": int(START),
        "updated_at": int(START),
    }
    assert ack["task_id"].startswith("yescale-flux-kontext[max]-")
    queued = {
        "task_id": ack["task_id"],
        "status": "SUBMITTED",
        "progress": "0%",
        "err_reason": "",
        "submit_time": int(START),
        "finish_time": 0,
        "message": "Platform: flux, action: generate",
        "task_result": {},
    }
    assert looked(caller, ack["task_id"]) == queued
    assert looked(caller.after(6), ack["task_id"]) == {**queued, "status": "IN_PROGRESS", "progress": "50%"}
    done = looked(caller.after(10), ack["task_id"])
    ended = {"status": "SUCCESS", "progress": "100%", "finish_time": int(START) + 10}
    (image,) = done["task_result"]["images"]
    assert done == {**queued, **ended, "task_result": {"images": [{"url": image["url"]}]}}


def test_a_video_has_its_length_as_text(caller: Caller) -> None:
    (video,) = looked(caller.after(2), submitted(caller.after(0), "a sign [takes 0s]", "grok-video"))["task_result"][
        "videos"
    ]
    assert video == {"url": video["url"], "duration": "2.4", "content_type": "video/mp4"}


def test_a_failure_has_its_reason_here_or_there_or_nowhere(caller: Caller) -> None:
    silent, given, refused = (submitted(caller, prompt) for prompt in ("[fails]", "[fails: no paint]", "[moderated]"))
    caller.after(2)
    assert [looked(caller, silent)[name] for name in ("status", "err_reason", "progress", "task_result")] == [
        "FAILURE",
        "",
        "",
        {"text": "upstream timeout"},
    ]
    assert [looked(caller, given)[name] for name in ("err_reason", "progress")] == ["no paint", "100%"]
    assert looked(caller, refused)["err_reason"] == "risk control: prompt rejected"


def test_a_song_has_two_sounds_two_covers_and_a_text(caller: Caller) -> None:
    ack = caller.post(MUSIC, {"prompt": "a shanty", "mv": "chirp-v5", "make_instrumental": False})
    assert ack.json() == {"code": "success", "message": "", "data": ack.json()["data"]}
    done = looked(caller.after(2), ack.json()["data"])
    assert done["message"] == "Platform: suno, action: music"
    result = done["task_result"]
    assert [item["duration"] for item in result["audio"]] == [2.0, "2.0"]
    assert caller.get(result["audio"][1]["url"]).headers["content-type"] == "audio/wav"
    assert [caller.get(item["url"]).headers["content-type"] for item in result["images"]] == ["image/png"] * 2
    assert result["text"].startswith("verse one")


def test_lyrics_are_a_text_and_no_file(caller: Caller) -> None:
    task = caller.post(LYRICS, {"prompt": "a shanty"}).json()["data"]
    assert looked(caller.after(2), task)["task_result"] == {"text": "verse one\na shanty"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SUBMIT, {**BODY, "aspect_ratio": "16:9"}),
        (SUBMIT, {"model": "m", "input": {"prompt": "p"}}),
        (SUBMIT, {"model": "m", "config": {"prompt": "p"}}),
        (SUBMIT, {"model": "m", "prompt": "p", "params": {}}),
        (SUBMIT, {**BODY, "config": "16:9"}),
        (SUBMIT, {"prompt": "p"}),
        (MUSIC, {"prompt": "p", "model": "suno"}),
        (MUSIC, {"prompt": "p", "config": {}}),
        (MUSIC, {"prompt": "p", "make_instrumental": "true"}),
        (MUSIC, {"prompt": "p", "continue_at": "1.5"}),
        (MUSIC, {"mv": "chirp-v5"}),
        (LYRICS, {}),
    ],
)
def test_what_the_docs_do_not_allow_is_refused(caller: Caller, path: str, body: dict[str, Any]) -> None:
    answer = caller.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_song_may_be_described_and_continued_at_a_whole_second(caller: Caller) -> None:
    body = {"gpt_description_prompt": "a shanty", "task": "extend", "continue_at": 30, "continue_clip_id": "x"}
    assert caller.post(MUSIC, body).status_code == 200


def test_models_with_slashes_have_ids_with_slashes(caller: Caller) -> None:
    task = submitted(caller, "a shop sign", "fal-ai/flux")
    assert looked(caller, task)["task_id"] == task


def test_errors_look_as_documented(caller: Caller) -> None:
    missing = caller.get("/yescale/task/yescale-none-1")
    assert (missing.status_code, missing.json()) == (404, {"error": "Task not found"})
    strange = caller.get("/yescale/task/871200334455667788")
    expected = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
    assert (strange.status_code, strange.json()) == (400, expected)
    unknown = caller.get("/yescale/task/yescale-none-1", headers={})
    message = "invalid token (request id: 20260921141320)"
    assert (unknown.status_code, unknown.json()["error"]) == (
        401,
        {"message": message, "type": "new_api_error", "code": ""},
    )
    poor = caller.post(SUBMIT, {**BODY, "prompt": "[no credit]"})
    assert poor.json()["error"]["type"] == "new_api_error"
    nowhere = caller.get("/yescale/v1/task/x")
    assert (nowhere.status_code, nowhere.json()["error"]["message"]) == (404, "Invalid URL (GET /yescale/v1/task/x)")


def test_the_second_refusal_for_haste_has_no_words(caller: Caller) -> None:
    first, second = (caller.post(SUBMIT, {**BODY, "prompt": "[rate limited 2]"}) for _ in range(2))
    saturated = {"code": "upstream_saturated", "message": "group is saturated, try again later", "data": None}
    assert (first.status_code, first.json()) == (429, saturated)
    assert (second.status_code, second.content, second.headers.get("content-type")) == (429, b"", None)


def test_models_and_the_key_s_balance_are_there(caller: Caller) -> None:
    assert {"id": "flux-kontext[max]"} in caller.get("/yescale/v1/models").json()["data"]
    usage = caller.get("/yescale/api/usage/token").json()
    assert (usage["code"], usage["data"]["total_available"]) == (True, 4_250_000)
