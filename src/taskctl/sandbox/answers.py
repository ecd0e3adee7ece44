"""The answers that all the sandbox's dialects give alike, and the two ways of breaking off for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

__all__ = ["Instead", "NoAnswer", "Problem", "Refused", "html_page", "iso", "json_answer", "xml_page"]


class Problem(Enum):
    """Why a request is refused; every dialect has its own status and words for these."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    NO_CREDIT = "no credit"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    NO_ROUTE = "no route"
    NO_METHOD = "no method"
    CONFLICT = "conflict"
    BUSY = "busy"
    TOO_LARGE = "too large"
    RATE_LIMITED = "rate limited"


class Refused(Exception):
    """The request is refused; the dialect finds the words where none are given."""

    def __init__(
        self, problem: Problem, message: str = "", *, code: str | None = None, field: str | None = None, times: int = 1
    ) -> None:
        super().__init__(message)
        self.problem, self.message, self.code, self.field, self.times = problem, message, code, field, times


class Instead(Exception):
    """Another answer goes out in place of the dialect's own."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class NoAnswer(Response):
    """The connection is closed, and not a byte was sent."""

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        """Cut the connection and wait until it is gone."""
        if "abort" not in scope.get("state", {}):
            raise ConnectionAbortedError("the answer is lost")
        scope["state"]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, in ASCII: whatever was sent to the sandbox can be sent back."""
    return Response(json.dumps(body), status, headers, "application/json")


def html_page(title: str, status: int) -> Response:
    """A page as a proxy in between would send it."""
    head = f"<!DOCTYPE html>\n<html><head><title>{escape(title)}</title></head>"
    return Response(f"{head}<body><h1>{escape(title)}</h1></body></html>\n", status, media_type="text/html")


def xml_page(code: str, message: str, status: int) -> Response:
    """A page as a storage service would send it."""
    page = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>\n'
    return Response(page, status, media_type="application/xml")


def iso(seconds: float) -> str:
    """A time as ISO 8601 writes it, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
