"""EvoLink's files host, which has an envelope of its own and refuses with HTTP 200 where it can."""

from __future__ import annotations

import base64
import binascii
import secrets
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from taskctl.sandbox.answers import Problem, Refused, iso, json_answer, xml_page
from taskctl.sandbox.provider import Provider
from taskctl.sandbox.ranges import file_answer
from taskctl.sandbox.reading import json_object, member, number, optional, uploaded
from taskctl.sandbox.uploads import Upload, Uploads
from taskctl.sandbox.works import content

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.provider import Desk, Endpoint, Order

__all__ = ["EvoLinkFiles"]

_LIFE = 72 * 3600
_MOST_BYTES, _MOST_FILES, _MOST_PER_PAGE = 100 * 1024 * 1024, 2000, 100
_STATUS = {
    Problem.INVALID: (400, "invalid request"),
    Problem.UNAUTHORIZED: (401, "invalid token"),
    Problem.NOT_FOUND: (404, "file not found"),
    Problem.NO_ROUTE: (404, "not found"),
    Problem.NO_METHOD: (405, "method not allowed"),
    Problem.TOO_LARGE: (413, "file too large"),
}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")


class EvoLinkFiles(Provider):
    """`/evolink/api/v1/files`."""

    name = "evolink/api/v1/files"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.uploads = Uploads(desk.shelf, "evolink")

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /upload/stream": self.stream,
            "POST /upload/base64": self.base64,
            "POST /upload/url": self.url_upload,
            "GET /list": self.list,
            "GET /quota": self.quota,
            "DELETE /{file_id}": self.delete,
        }

    def public_routes(self) -> dict[str, Endpoint]:
        """The uploaded files, to read and to keep."""
        return {"GET /u/{file_id}/{name}": self.show, "GET /d/{file_id}/{name}": self.show}
