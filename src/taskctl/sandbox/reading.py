"""Reading requests as strictly as the documented APIs would."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from taskctl.sandbox.answers import Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.requests import Request

__all__ = ["Part", "bearer", "check_callback", "json_object", "member", "number", "only", "optional", "uploaded"]

T = TypeVar("T")

_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    dict: "an object",
    list: "a list",
}


def bearer(request: Request) -> str:
    """The key of the Authorization header, or nothing."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body, which must be a JSON object and say that it is JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(Problem.INVALID, "Content-Type must be application/json")
    try:
        body = json.loads(await request.body(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(Problem.INVALID, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(Problem.INVALID, "the body must be an object")
    return body


def only(body: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse members that the API doesn't know."""
    for name in body:
        if name not in allowed:
            raise Refused(Problem.INVALID, f"unknown field {name}", field=name)


def optional(body: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """A member of the given type, or None where it is absent or null."""
    value = body.get(name)
    if kind is float and type(value) is int:
        value = float(value)
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise Refused(Problem.INVALID, f"{name} must be {_NAMES[kind]}", field=name)
    return value


def member(body: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """A member that must be there, and must not be an empty string."""
    value = optional(body, name, kind)
    if value is None or value == "":
        raise Refused(Problem.INVALID, f"{name} is required", field=name)
    return value


def number(words: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A positive number of the query string."""
    text = words.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Refused(Problem.INVALID, f"{name} must be a number from 1 to {most}", field=name)
    return int(text[:9])


def check_callback(url: str | None) -> None:
    """Refuse callback addresses that are not public HTTPS."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        public = bool(host) and host != "localhost" and _is_public(host)
    except ValueError:
        raise Refused(Problem.INVALID, "callback_url is not a URL", field="callback_url") from None
    if parts.scheme != "https" or not public or len(url) > 2048:
        raise Refused(Problem.INVALID, "callback_url must be a public HTTPS address", field="callback_url")


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return True  # a name


@dataclass(frozen=True, kw_only=True)
class Part:
    """The file of a multipart request, and the text parts beside it."""

    name: str
    content_type: str
    data: bytes
    texts: dict[str, str]


async def uploaded(request: Request) -> Part:
    """What came as the part named `file`."""
    try:
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refused(Problem.INVALID, "file is required", field="file")
            texts = {name: value for name, value in form.items() if isinstance(value, str)}
            kind = file.content_type or "application/octet-stream"
            return Part(name=file.filename or "", content_type=kind, data=await file.read(), texts=texts)
    except HTTPException as problem:
        raise Refused(Problem.INVALID, problem.detail) from None
