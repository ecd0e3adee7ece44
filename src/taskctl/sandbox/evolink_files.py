"""EvoLink's files host, which has an envelope of its own and says 200 to files that it doesn't take."""

from __future__ import annotations

import base64
import binascii
import secrets
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from taskctl.sandbox.answers import Problem, Refused, iso, json_answer, xml_page
from taskctl.sandbox.api import Api
from taskctl.sandbox.ranges import file_answer
from taskctl.sandbox.reading import json_object, member, number, optional, uploaded
from taskctl.sandbox.uploads import Upload, Uploads
from taskctl.sandbox.works import content

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Desk, Endpoint

__all__ = ["EvoLinkFiles"]

_LIFE = 72 * 3600
_MOST_BYTES, _MOST_FILES, _MOST_PER_PAGE = 100 * 1024 * 1024, 2000, 100
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_REFUSALS = {
    Problem.INVALID: (400, "invalid request"),
    Problem.UNAUTHORIZED: (401, "invalid token"),
    Problem.NOT_FOUND: (404, "file not found"),
    Problem.NO_ROUTE: (404, "not found"),
    Problem.NO_METHOD: (405, "method not allowed"),
    Problem.TOO_LARGE: (413, "file too large"),
}


class EvoLinkFiles(Api):
    """`/evolink/api/v1/files`."""

    name = "evolink/api/v1/files"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._uploads = Uploads(desk.shelf, "evolink")

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /upload/stream": self.stream,
            "POST /upload/base64": self.encoded,
            "POST /upload/url": self.url,
            "GET /list": self.listing,
            "GET /quota": self.quota,
            "DELETE /{file_id}": self.delete,
        }

    async def stream(self, request: Request) -> Response:
        """Keep a file that comes as a part of a form."""
        part = await uploaded(request)
        name = part.texts.get("fileName") or part.texts.get("file_name") or part.name or "file"
        folder = part.texts.get("uploadPath") or part.texts.get("upload_path") or ""
        return self._keep(name, part.content_type, part.data, folder)

    async def encoded(self, request: Request) -> Response:
        """Keep a file that comes as text, bare or as a data URL."""
        body = await json_object(request)
        head, comma, text = member(body, "base64_data", str).rpartition(",")
        content_type = head.removeprefix("data:").partition(";")[0] if comma else "image/png"
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise Refused(Problem.INVALID, "base64_data is not base64") from None
        name = optional(body, "file_name", str) or f"file.{content_type.rpartition('/')[2]}"
        return self._keep(name, content_type, data, optional(body, "upload_path", str) or "")

    async def url(self, request: Request) -> Response:
        """Keep a file from elsewhere; the sandbox fetches nothing, a picture of the address stands for it."""
        body = await json_object(request)
        address = member(body, "file_url", str)
        if not address.startswith(("http://", "https://")):
            raise Refused(Problem.INVALID, "file_url must be a http or https address")
        name = optional(body, "file_name", str) or PurePosixPath(urlsplit(address).path).name or "file.png"
        return self._keep(name, "image/png", content(address, 0, "png"), optional(body, "upload_path", str) or "")

    async def listing(self, request: Request) -> Response:
        """One page of the files, newest first."""
        words = request.query_params
        page, size = number(words, "page", 1, 10**6), number(words, "pageSize", 20, _MOST_PER_PAGE)
        files = [_described(upload) for upload in reversed(self._living())]
        start = (page - 1) * size
        return _good({"files": files[start : start + size], "total": len(files), "page": page, "pageSize": size})

    async def quota(self, _: Request) -> Response:
        """How many files there may be."""
        used = len(self._living())
        left = _MOST_FILES - used
        return _good({"user_group": "default", "used_files": used, "max_files": _MOST_FILES, "remain_files": left})

    async def delete(self, request: Request) -> Response:
        """Remove a file."""
        found = self._find(request)
        if found is None:
            raise Refused(Problem.NOT_FOUND)
        self._uploads.remove(found[0].id)
        return _good(None)

    async def show(self, request: Request) -> Response:
        """An uploaded file."""
        found = self._find(request)
        if found is None:
            return xml_page("NoSuchKey", "The specified key does not exist.", 404)
        upload, data = found
        save = {"Content-Disposition": "attachment"} if request.scope["path"].startswith("/evolink/media/d/") else {}
        return file_answer(request, data, upload.content_type, headers=save)

    def refuse(self, _: Request, refused: Refused, /) -> Response:
        """A refusal in the files host's envelope."""
        status, message = _REFUSALS[refused.problem]
        return json_answer({"success": False, "code": status, "msg": refused.message or message}, status)

    def _keep(self, name: str, content_type: str, data: bytes, folder: str) -> Response:
        if len(data) > _MOST_BYTES:
            raise Refused(Problem.TOO_LARGE)
        if content_type not in _IMAGES and not content_type.startswith(("audio/", "video/")):
            return json_answer({"success": False, "code": 400, "msg": f"unsupported file type {content_type}"})
        upload = Upload(
            id=f"file_{secrets.token_hex(6)}",
            name=PurePosixPath(name).name or "file",
            content_type=content_type,
            size=len(data),
            created_at=self.now(),
            folder=folder,
        )
        self._uploads.put(upload, data)
        return _good(_described(upload))

    def _find(self, request: Request) -> tuple[Upload, bytes] | None:
        found = self._uploads.find(request.path_params["file_id"])
        return found if found and self._lives(found[0]) else None

    def _living(self) -> list[Upload]:
        return [upload for upload in self._uploads.all() if self._lives(upload)]

    def _lives(self, upload: Upload) -> bool:
        return self.now() < upload.created_at + _LIFE


def _good(data: object) -> Response:
    return json_answer({"success": True, "code": 200, "msg": "ok", "data": data})


def _described(upload: Upload) -> dict[str, Any]:
    place = f"{upload.id}/{quote(upload.name, safe='', errors='replace')}"
    return {
        "file_id": upload.id,
        "file_name": upload.name,
        "original_name": upload.name,
        "file_size": upload.size,
        "mime_type": upload.content_type,
        "upload_path": upload.folder,
        "file_url": f"/evolink/media/u/{place}",
        "download_url": f"/evolink/media/d/{place}",
        "upload_time": iso(upload.created_at),
        "expires_at": iso(upload.created_at + _LIFE),
    }
