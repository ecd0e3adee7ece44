"""What goes over the wire, as plain values: a request to send and the answer to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it will be sent, but for the headers that hold the key."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest(Request):
    """A request that sends one file as multipart form data; the body is made while it is sent."""

    part: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, read whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    at: datetime | None = None
    """When it came, by our clock: absolute times count from here where the answer has no `Date`."""


class Trouble(StrEnum):
    """What an answer that is not a task means."""

    CREDENTIALS = "credentials"
    PAYMENT = "payment"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    REFUSED = "refused"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An answer that is not a task: what it means, and the provider's own words."""

    trouble: Trouble
    status: int
    message: str
    code: str | None = None
    retry_after: float | None = None
    """Seconds the provider asks us to wait."""
