import uuid
from typing import Any

import pytest

from tests.sandbox.calling import Caller

ROOT = "/moneyprinterturbo"
VIDEOS, AUDIO, SUBTITLE, TASKS = (f"{ROOT}/api/v1/{word}" for word in ("videos", "audio", "subtitle", "tasks"))
UNSET = {
    "videos": None,
    "combined_videos": None,
    "script": None,
    "terms": None,
    "audio_file": None,
    "audio_duration": None,
    "subtitle_path": None,
    "materials": None,
    "failed_stage": None,
    "error": None,
}


def submitted(caller: Caller, path: str = VIDEOS, **body: Any) -> str:
    answer = caller.post(path, body, headers={})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["task_id"])


def looked(caller: Caller, task_id: str) -> Any:
    return caller.get(f"{TASKS}/{task_id}", headers={}).json()["data"]


def test_every_state_looks_as_the_server_of_july_shows_it(caller: Caller) -> None:
    ack = caller.post(VIDEOS, {"video_subject": "the sea is salty [takes 10s]", "video_count": 2}, headers={})
    task = ack.json()["data"]["task_id"]
    assert ack.json() == {"status": 200, "message": "success", "data": {"task_id": str(uuid.UUID(task))}}
    assert looked(caller, task) == {"task_id": task, "state": 4, "progress": 0, **UNSET}
    assert looked(caller.after(6), task) == {"task_id": task, "state": 4, "progress": 50, **UNSET}
    assert looked(caller.after(9.9), task) == {"task_id": task, "state": 4, "progress": 100, **UNSET}
    storage = f"/srv/mpt/storage/tasks/{task}"
    assert looked(caller.after(10), task) == {
        "task_id": task,
        "state": 1,
        "progress": 100,
        "videos": [f"/tasks/{task}/final-1.mp4", f"/tasks/{task}/final-2.mp4"],
        "combined_videos": [f"/tasks/{task}/combined-1.mp4", f"/tasks/{task}/combined-2.mp4"],
        "script": "the sea is salty [takes 10s]",
        "terms": ["the", "sea", "is", "salty", "[takes"],
        "audio_file": f"{storage}/audio.mp3",
        "audio_duration": 2,
        "subtitle_path": f"{storage}/subtitle.srt",
        "materials": ["/srv/mpt/storage/cache_videos/vid-1.mp4"],
        "failed_stage": None,
        "error": None,
    }


def test_a_failure_keeps_its_progress_and_says_where_and_why(caller: Caller) -> None:
    task = submitted(caller, video_subject="[fails: no footage]")
    failed = {"state": -1, "progress": 100, "failed_stage": "video", "error": "no footage"}
    assert looked(caller.after(2), task) == {"task_id": task, **UNSET, **failed}


def test_audio_and_subtitle_tasks_give_server_paths_alone(caller: Caller) -> None:
    audio = submitted(caller, AUDIO, video_script="Salt comes from rock.")
    subtitle = submitted(caller, SUBTITLE, video_script="Salt comes from rock.", subtitle_enabled="true")
    caller.after(2)
    path = f"/srv/mpt/storage/tasks/{audio}/audio.mp3"
    assert looked(caller, audio) == {"task_id": audio, "state": 1, "progress": 100, **UNSET, "audio_file": path}
    path = f"/srv/mpt/storage/tasks/{subtitle}/subtitle.srt"
    assert looked(caller, subtitle)["subtitle_path"] == path
    sound, text = caller.get(f"{ROOT}/tasks/{audio}/audio.mp3"), caller.get(f"{ROOT}/tasks/{subtitle}/subtitle.srt")
    assert (sound.headers["content-type"], sound.content[:2]) == ("audio/mpeg", b"\xff\xfb")
    assert text.text == "1\n00:00:00,000 --> 00:00:02,000\nSalt comes from rock.\n"
    assert caller.get(f"{ROOT}/tasks/{audio}/final-1.mp4").status_code == 404


def test_a_script_directs_as_a_subject_does(caller: Caller) -> None:
    task = submitted(caller, video_subject="the sea", video_script="[fails: no salt]")
    assert looked(caller.after(2), task)["error"] == "no salt"
    empty = submitted(caller.after(0), SUBTITLE, video_script="[no outputs]")
    assert looked(caller.after(2), empty)["subtitle_path"] == ""


def test_an_idempotency_key_is_ignored(caller: Caller) -> None:
    body = {"video_subject": "the sea", "idempotency_key": str(uuid.uuid4())}
    first, second = submitted(caller, **body), submitted(caller, **body)
    assert len({first, second, body["idempotency_key"]}) == 3


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (VIDEOS, {}, "video_subject"),
        (VIDEOS, {"prompt": "the sea"}, "video_subject"),
        (VIDEOS, {"video_subject": None}, "video_subject"),
        (VIDEOS, {"video_subject": 7}, "video_subject"),
        (VIDEOS, {"video_subject": "s", "video_aspect": "4:3"}, "video_aspect"),
        (VIDEOS, {"video_subject": "s", "video_transition_mode": "fadein"}, "video_transition_mode"),
        (VIDEOS, {"video_subject": "s", "video_count": "two"}, "video_count"),
        (VIDEOS, {"video_subject": "s", "video_count": 1.5}, "video_count"),
        (VIDEOS, {"video_subject": "s", "video_terms": {"a": 1}}, "video_terms"),
        (VIDEOS, {"video_subject": "s", "video_materials": "a.mp4"}, "video_materials"),
        (VIDEOS, {"video_subject": "s", "subtitle_enabled": "perhaps"}, "subtitle_enabled"),
        (VIDEOS, {"video_subject": "s", "text_background_color": 1.5}, "text_background_color"),
        (AUDIO, {"video_subject": "s"}, "video_script"),
        (AUDIO, {"video_script": "s", "voice_rate": "fast"}, "voice_rate"),
        (SUBTITLE, {"video_script": "s", "subtitle_enabled": True}, "subtitle_enabled"),
    ],
)
def test_a_wrong_body_is_called_a_missing_field_and_echoed(
    caller: Caller, path: str, body: dict[str, Any], field: str
) -> None:
    answer = caller.post(path, body, headers={})
    (detail,) = answer.json()["data"]
    assert (answer.status_code, answer.json()["status"], answer.json()["message"]) == (400, 400, "field required")
    assert (detail["loc"], detail["input"]) == (["body", field], body)


def test_a_missing_subject_looks_as_documented(caller: Caller) -> None:
    detail = {"type": "missing", "loc": ["body", "video_subject"], "msg": "Field required", "input": {"a": 1}}
    answer = caller.post(VIDEOS, {"a": 1}, headers={})
    assert answer.json() == {"status": 400, "message": "field required", "data": [detail]}


def test_values_are_coerced_and_unknown_fields_pass_in_silence(caller: Caller) -> None:
    task = submitted(caller, video_subject="s [takes 0s]", video_count="3", voice_rate="1.2", model="x", fork="y")
    assert len(looked(caller, task)["videos"]) == 3
    odd = submitted(caller, video_subject="s [takes 0s]", video_count="2.0", video_terms="salt,sea", bgm_file=None)
    assert len(looked(caller, odd)["videos"]) == 2


def test_a_wrong_content_type_is_500_in_plain_text(caller: Caller) -> None:
    answer = caller.send("POST", VIDEOS, headers={}, content=b'{"video_subject": "s"}')
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_list_is_oldest_first_with_the_server_s_paths(caller: Caller) -> None:
    first = submitted(caller, video_subject="s")
    second = submitted(caller.after(1), video_subject="[stays running]")
    answer = caller.after(2).get(f"{TASKS}?page=1&page_size=10", headers={}).json()["data"]
    assert (answer["total"], answer["page"], answer["page_size"]) == (2, 1, 10)
    done, running = answer["tasks"]
    assert (done["task_id"], running) == (first, {"task_id": second, "state": 4, "progress": 37})
    assert done["videos"] == [f"/srv/mpt/storage/tasks/{first}/final-1.mp4"]
    assert caller.get(f"{TASKS}?page=2&page_size=1", headers={}).json()["data"]["tasks"] == [running]
    assert caller.get(f"{TASKS}?page=9", headers={}).json()["data"]["tasks"] == []


@pytest.mark.parametrize("query", ["page_size=0", "page=0", "page=x"])
def test_the_list_wants_positive_numbers(caller: Caller, query: str) -> None:
    answer = caller.get(f"{TASKS}?{query}", headers={})
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_delete_removes_what_is_not_busy_and_its_files(caller: Caller) -> None:
    task = submitted(caller, video_subject="s")
    path = looked(caller.after(2), task)["videos"][0]
    busy = caller.after(1).delete(f"{TASKS}/{task}", headers={"x-task-id": "my-request"})
    assert (busy.status_code, busy.json()) == (409, {"status": 409, "message": "my-request: task is still running"})
    assert caller.after(2).get(ROOT + path).status_code == 200
    gone = caller.delete(f"{TASKS}/{task}", headers={})
    assert (gone.status_code, gone.json()) == (200, {"status": 200, "message": "success", "data": None})
    assert caller.get(ROOT + path).status_code == 404
    assert caller.delete(f"{TASKS}/{task}", headers={}).status_code == 404


def test_errors_look_as_documented(caller: Caller) -> None:
    missing = caller.get(f"{TASKS}/none", headers={"x-task-id": "b1e7"})
    assert (missing.status_code, missing.json()) == (404, {"status": 404, "message": "b1e7: task not found"})
    stranger = caller.get(f"{TASKS}/none", headers={})
    uuid.UUID(stranger.json()["message"].partition(":")[0])
    wrong = caller.get(TASKS, headers={"x-api-key": "wrong", "User-Agent": "mediacli/1.0"})
    message = f"invalid token: http://sandbox{TASKS}, mediacli/1.0"
    assert (wrong.status_code, wrong.json()) == (401, {"status": 401, "message": message})
    nowhere = caller.get(f"{ROOT}/api/v2/tasks", headers={})
    assert (nowhere.status_code, nowhere.json()) == (404, {"detail": "Not Found"})
    assert caller.send("PUT", TASKS, headers={}).json() == {"detail": "Method Not Allowed"}


def test_a_result_is_also_streamed_and_downloaded(caller: Caller) -> None:
    task = submitted(caller, video_subject="s")
    whole = caller.after(2).get(f"{ROOT}/tasks/{task}/final-1.mp4").content
    stream, download = (f"{ROOT}/api/v1/{word}/{task}/final-1.mp4" for word in ("stream", "download"))
    answer = caller.get(stream, headers={})
    assert (answer.status_code, answer.content) == (206, whole)
    assert answer.headers["content-range"] == f"bytes 0-{len(whole) - 1}/{len(whole)}"
    assert caller.get(stream, headers={"Range": "bytes=4-7"}).content == b"ftyp"
    assert caller.get(stream, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    answer = caller.get(download, headers={})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, whole, "video/mp4")
    assert answer.headers["content-disposition"] == 'attachment; filename="final-1.mp4"'
    sound = caller.get(f"{ROOT}/api/v1/download/{task}/audio.mp3", headers={})
    assert sound.headers["content-type"] == "video/mp3"
    assert caller.get(download, headers={"x-api-key": "wrong"}).status_code == 401
    assert caller.get(f"{ROOT}/tasks/{task}/final-1.mp4", headers={"x-api-key": "wrong"}).status_code == 200
    assert caller.send("HEAD", f"{ROOT}/tasks/{task}/final-1.mp4", headers={}).status_code == 200
    assert caller.send("HEAD", download, headers={}).status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("{task}/final-2.mp4", 404),
        ("{task}/final-0.mp4", 404),
        ("{task}/secrets.txt", 404),
        ("none/final-1.mp4", 404),
        ("{task}/%2e%2e/config.toml", 403),
        ("%2fetc/passwd", 403),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(caller: Caller, path: str, status: int) -> None:
    task = submitted(caller, video_subject="s [takes 0s]")
    for word in ("stream", "download"):
        answer = caller.get(f"{ROOT}/api/v1/{word}/{path.format(task=task)}", headers={})
        assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_files_stay_when_the_task_is_forgotten(caller: Caller) -> None:
    task = submitted(caller, video_subject="[forgotten]")
    assert caller.after(2).get(f"{TASKS}/{task}", headers={}).status_code == 404
    assert caller.get(f"{ROOT}/tasks/{task}/final-1.mp4").status_code == 200


def test_music_gets_a_new_name_and_material_keeps_its_own(caller: Caller) -> None:
    sounds, materials = f"{ROOT}/api/v1/musics", f"{ROOT}/api/v1/video_materials"
    for _ in range(2):
        answer = caller.post(materials, files={"file": ("clip.MP4", b"bytes", "video/mp4")}, headers={})
        assert answer.json() == {"status": 200, "message": "success", "data": {"file": "clip.MP4"}}
    name = caller.post(sounds, files={"file": ("tide.mp3", b"sound")}, headers={}).json()["data"]["file"]
    assert name.endswith(".mp3")
    assert name != "tide.mp3"
    listed = {"name": name, "size": 5, "file": name}
    assert caller.get(sounds, headers={}).json()["data"] == {"files": [listed]}
    assert [each["name"] for each in caller.get(materials, headers={}).json()["data"]["files"]] == ["clip.MP4"]


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("musics", {"file": ("song.txt", b"x")}),
        ("musics", {"music": ("song.mp3", b"x")}),
        ("video_materials", {"file": ("clip.gif", b"x")}),
    ],
)
def test_other_files_are_not_taken(caller: Caller, path: str, files: Any) -> None:
    assert caller.post(f"{ROOT}/api/v1/{path}", files=files, headers={}).status_code == 400
