import base64
from typing import Any

import pytest

from tests.sandbox.calling import Caller

FILES = "/evolink/api/v1/files"
PNG = {"file": ("ref.png", b"picture", "image/png")}


def uploaded(caller: Caller) -> Any:
    return caller.post(f"{FILES}/upload/stream", files=PNG).json()["data"]


def test_an_upload_looks_as_documented_and_is_served(caller: Caller) -> None:
    answer = caller.post(f"{FILES}/upload/stream", files=PNG, data={"uploadPath": "images", "fileName": "other.png"})
    data = answer.json()["data"]
    assert answer.json() == {"success": True, "code": 200, "msg": "ok", "data": data}
    assert data == {
        "file_id": data["file_id"],
        "file_name": "other.png",
        "original_name": "other.png",
        "file_size": 7,
        "mime_type": "image/png",
        "upload_path": "images",
        "file_url": f"/evolink/media/u/{data['file_id']}/other.png",
        "download_url": f"/evolink/media/d/{data['file_id']}/other.png",
        "upload_time": "2026-09-21T14:13:20Z",
        "expires_at": "2026-09-24T14:13:20Z",
    }
    shown, kept = caller.get(data["file_url"], headers={}), caller.get(data["download_url"], headers={})
    assert (shown.content, shown.headers["content-type"]) == (b"picture", "image/png")
    assert "content-disposition" not in shown.headers
    assert kept.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize("text", [base64.b64encode(b"GIF89a").decode(), "data:image/gif;base64,R0lGODlh"])
def test_a_file_may_come_as_text(caller: Caller, text: str) -> None:
    data = caller.post(f"{FILES}/upload/base64", {"base64_data": text, "upload_path": "images"}).json()["data"]
    assert caller.get(data["file_url"]).content == b"GIF89a"
    assert data["upload_path"] == "images"


def test_a_picture_stands_for_a_file_from_elsewhere(caller: Caller) -> None:
    body = {"file_url": "https://img.example.org/dir/sign.png?x=1"}
    data = caller.post(f"{FILES}/upload/url", body).json()["data"]
    assert data["file_name"] == "sign.png"
    assert caller.get(data["file_url"]).content.startswith(b"\x89PNG")


def test_files_are_listed_counted_and_deleted(caller: Caller) -> None:
    first, second = uploaded(caller), uploaded(caller.after(1))
    page = caller.get(f"{FILES}/list?page=1&pageSize=1").json()["data"]
    assert page == {"files": [second], "total": 2, "page": 1, "pageSize": 1}
    quota = {"user_group": "default", "used_files": 2, "max_files": 2000, "remain_files": 1998}
    assert caller.get(f"{FILES}/quota").json()["data"] == quota
    gone = caller.delete(f"{FILES}/{first['file_id']}").json()
    assert gone == {"success": True, "code": 200, "msg": "ok", "data": None}
    assert caller.get(first["file_url"]).status_code == 404
    again = caller.delete(f"{FILES}/{first['file_id']}")
    assert (again.status_code, again.json()) == (404, {"success": False, "code": 404, "msg": "file not found"})


def test_files_live_for_seventy_two_hours(caller: Caller) -> None:
    data = uploaded(caller)
    assert caller.after(72 * 3600 - 1).get(data["file_url"]).status_code == 200
    assert caller.after(72 * 3600).get(data["file_url"]).status_code == 404
    assert caller.get(f"{FILES}/quota").json()["data"]["used_files"] == 0


def test_a_file_that_is_not_taken_is_refused_with_200(caller: Caller) -> None:
    answer = caller.post(f"{FILES}/upload/stream", files={"file": ("a.pdf", b"x", "application/pdf")})
    refusal = {"success": False, "code": 400, "msg": "unsupported file type application/pdf"}
    assert (answer.status_code, answer.json()) == (200, refusal)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("upload/stream", {"file": "x"}),
        ("upload/base64", {"base64_data": "*"}),
        ("upload/base64", {}),
        ("upload/url", {"file_url": "ftp://example.org/a.png"}),
    ],
)
def test_what_is_no_upload_is_refused(caller: Caller, path: str, body: dict[str, str]) -> None:
    answer = caller.post(f"{FILES}/{path}", body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)


def test_the_files_host_wants_the_key_too(caller: Caller) -> None:
    answer = caller.get(f"{FILES}/quota", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()) == (401, {"success": False, "code": 401, "msg": "invalid token"})
    assert caller.get(f"{FILES}/none").json()["code"] == 405
    assert caller.get(f"{FILES}/no/where").json()["code"] == 404
