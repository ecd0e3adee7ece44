"""A task as a row and back: what is a column, what is JSON, and what is left out on purpose."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, overload
from urllib.parse import urlsplit

from taskctl.errors import HistoryError
from taskctl.model import Cost, Failure, Kind, Output, Role, State, Task
from taskctl.secret import redact, redacted
from taskctl.store.database import Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def encode(task: Task, *, before: sqlite3.Row | None = None) -> dict[str, Value]:
    """The columns of this task; `before` is the row that they replace."""
    return {
        "base_url": plain(task.base_url),
        "id": plain(task.id),
        "id_backwards": plain(task.id and task.id[::-1]),
        "key": plain(task.key),
        "key_backwards": plain(task.key and task.key[::-1]),
        "profile": plain(task.profile),
        "dialect": plain(task.dialect),
        "operation": plain(task.operation),
        "model": plain(task.model),
        "state": task.state,
        "submitted_at": stamp(task.submitted_at),
        "updated_at": stamp(task.updated_at),
        "finished_at": stamp(task.finished_at),
        "facts": dump(_facts(task)),
        "outputs": dump(_outputs(task.outputs, _addresses(before))),
        "tags": dump(task.tags),
        "input": dump(task.input),
    }


def decode(row: sqlite3.Row) -> Task:
    """The task in this row."""
    try:
        facts = json.loads(row["facts"])
        return Task(
            id=row["id"],
            key=row["key"],
            profile=row["profile"],
            dialect=row["dialect"],
            base_url=row["base_url"],
            operation=row["operation"],
            model=row["model"],
            state=State(row["state"]),
            provider_state=facts.get("provider_state"),
            progress=facts.get("progress"),
            can_cancel=facts.get("can_cancel"),
            message=facts.get("message"),
            submitted_at=moment(row["submitted_at"]),
            updated_at=moment(row["updated_at"]),
            finished_at=moment(row["finished_at"]),
            took_seconds=facts.get("took_seconds"),
            eta_seconds=facts.get("eta_seconds"),
            outputs=tuple(_output(output) for output in json.loads(row["outputs"])),
            error=Failure(**facts["error"]) if "error" in facts else None,
            cost=Cost(**facts["cost"]) if "cost" in facts else None,
            tags=tuple(json.loads(row["tags"])),
            input=json.loads(row["input"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise HistoryError(
            f"row {row['row']} of the history cannot be read: {error}",
            hint="`taskctl history path` names the file; delete that row of its table `task`, or move the file aside",
        ) from error


def _facts(task: Task) -> dict[str, object]:
    error, cost = task.error, task.cost
    return _known(
        provider_state=task.provider_state,
        progress=task.progress,
        can_cancel=task.can_cancel,
        message=task.message,
        took_seconds=task.took_seconds,
        eta_seconds=task.eta_seconds,
        error=error and {"code": error.code, "message": error.message},
        cost=cost and {"estimated": cost.estimated, "final": cost.final, "unit": cost.unit},
    )


def _outputs(outputs: tuple[Output, ...], addresses: Mapping[int, str]) -> list[dict[str, object]]:
    return [
        _known(
            index=output.index,
            kind=output.kind,
            role=output.role,
            url=output.url if address == output.url else None,
            address=None if address == output.url else address or addresses.get(output.index),
            text=output.text,
            content_type=output.content_type,
            duration_seconds=output.duration_seconds,
            expires_at=stamp(output.expires_at),
            file=output.file,
            bytes=output.bytes,
            sha256=output.sha256,
        )
        for output in outputs
        for address in [output.url and _unsigned(output.url)]
    ]


def _output(known: dict[str, Any]) -> Output:
    known.pop("address", None)  # without its signature it opens nothing
    return Output(
        **known
        | {"kind": Kind(known["kind"]), "role": Role(known["role"]), "expires_at": moment(known.get("expires_at"))}
    )


def _addresses(row: sqlite3.Row | None) -> dict[int, str]:
    """Where the outputs of this row were, signatures taken off."""
    if row is None:
        return {}
    return {output["index"]: output["address"] for output in json.loads(row["outputs"]) if "address" in output}


def _unsigned(url: str) -> str | None:
    """The URL without what may be a signature or a secret: its query, and the user before its host."""
    try:
        parts = urlsplit(redact(url))
    except ValueError:
        return None
    if parts.query or "@" in parts.netloc:
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return redact(url)


def _known(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


@overload
def plain(text: str) -> str: ...
@overload
def plain(text: str | None) -> str | None: ...
def plain(text: str | None) -> str | None:
    """The text as SQLite can take it: a command line may hold bytes that are no UTF-8."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


@overload
def stamp(when: datetime) -> int: ...
@overload
def stamp(when: datetime | None) -> int | None: ...
def stamp(when: datetime | None) -> int | None:
    """Microseconds since 1970."""
    return None if when is None else (when - EPOCH) // MICROSECOND


@overload
def moment(microseconds: int) -> datetime: ...
@overload
def moment(microseconds: int | None) -> datetime | None: ...
def moment(microseconds: int | None) -> datetime | None:
    """The time of a stamp, aware and UTC."""
    return None if microseconds is None else EPOCH + microseconds * MICROSECOND


def dump(value: object) -> str:
    """The value as ASCII JSON without secrets; numbers of any size and broken characters survive."""
    try:
        return json.dumps(redacted(value), separators=(",", ":"))
    except RecursionError as error:
        raise HistoryError("this is nested too deeply to be recorded") from error
