"""Serving bytes whole or in part, as RFC 9110 says."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

__all__ = ["Unsatisfiable", "file_answer", "wanted"]


class Unsatisfiable(Exception):
    """The part that was asked for lies outside the file."""


def wanted(asked: str | None, size: int) -> range | None:
    """The bytes that a Range header asks for, or None for the whole file: also where we don't understand it."""
    match = re.fullmatch(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", asked or "", re.ASCII | re.IGNORECASE)
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, last = max(size - int(match[2]), 0), size - 1
    else:
        first, last = int(match[1]), min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < first:
            return None
    if first > last:
        raise Unsatisfiable
    return range(first, last + 1)


def file_answer(
    request: Request, data: bytes, content_type: str, *, headers: Mapping[str, str] | None = None, partial: bool = False
) -> Response:
    """A file or the part of it that was asked for; with `partial`, the whole file counts as a part too."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    every = {"Accept-Ranges": "bytes", "ETag": etag, **(headers or {})}
    asked = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        asked = None
    try:
        part = wanted(asked, len(data))
    except Unsatisfiable:
        return Response(status_code=416, headers={**every, "Content-Range": f"bytes */{len(data)}"})
    status = 206 if part is not None or (partial and data) else 200
    part = part if part is not None else range(len(data))
    every["Content-Length"] = str(len(part))
    if status == 206:
        every["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    body = b"" if request.method == "HEAD" else data[part.start : part.stop]
    answer = Response(body, status, every)
    answer.headers["Content-Type"] = content_type  # as it is: no charset is added
    return answer
