"""A submission: what is written down before the first byte leaves, and what is known of it afterwards."""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from taskctl.model import State, Task
from taskctl.secret import redact
from taskctl.store.database import Value
from taskctl.store.rows import decode, dump, moment, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One request that is meant to start one task."""

    key: str
    wire_key: str
    """The key as the provider sees it."""
    profile: str
    dialect: str
    base_url: str
    operation: str | None = None
    model: str | None = None
    input: dict[str, object] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Where in the input a local file stands (JSON pointer), and its absolute path."""
    fingerprint: str
    """The hash of the request and of its files; empty in a row that came from a look."""
    method: str
    url: str
    body: bytes | None
    """The exact bytes. The history gives None once the task is known, and where they hold a secret."""
    content_type: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An intent on record."""

    row: int
    fresh: bool
    """Whether this call put it on record; otherwise it was there before."""
    task: Task
    intent: Intent
    sent_at: datetime
    in_flight_until: datetime | None
    """Until when some process may still be sending it."""

    def in_flight(self, now: datetime) -> bool:
        """Whether some process may be sending it right now."""
        return self.in_flight_until is not None and now < self.in_flight_until

    def repeats(self, fingerprint: str) -> bool:
        """Whether a request with this fingerprint asks for the same, as far as the history can tell."""
        return self.intent.fingerprint in ("", fingerprint)


def begun(intent: Intent, *, now: datetime) -> Task:
    """The task that this intent is until its provider has answered."""
    return Task(
        id=None,
        key=intent.key,
        profile=intent.profile,
        dialect=intent.dialect,
        base_url=intent.base_url,
        operation=intent.operation,
        model=intent.model,
        state=State.UNCONFIRMED,
        submitted_at=now,
        updated_at=now,
        tags=intent.tags,
        input=intent.input,
    )


def encode_intent(intent: Intent) -> dict[str, Value]:
    """The columns of an intent that a task has not."""
    import hashlib

    body = intent.body or b""
    text = body.decode("utf-8", "surrogateescape")
    whole = redact(text) == text and redact(intent.url) == intent.url
    return {
        "wire_key": plain(intent.wire_key),
        "files": dump(intent.files),
        "fingerprint": intent.fingerprint,
        "method": intent.method,
        "url": plain(redact(intent.url)),
        "content_type": intent.content_type,
        "body": body if whole else None,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }


def decode_submission(row: sqlite3.Row) -> Submission:
    """The submission in this row, as found."""
    task = decode(row)
    intent = Intent(
        key=task.key or "",
        wire_key=row["wire_key"] or task.key or "",
        profile=task.profile,
        dialect=task.dialect,
        base_url=task.base_url,
        operation=task.operation,
        model=task.model,
        input=task.input,
        files=json.loads(row["files"] or "{}"),
        fingerprint=row["fingerprint"] or "",
        method=row["method"] or "",
        url=row["url"] or "",
        body=row["body"],
        content_type=row["content_type"],
        tags=task.tags,
    )
    return Submission(
        row=row["row"],
        fresh=False,
        task=task,
        intent=intent,
        sent_at=moment(row["listed_at"]),
        in_flight_until=moment(row["in_flight_until"]),
    )
