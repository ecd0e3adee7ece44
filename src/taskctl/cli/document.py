"""The JSON that programs read, version 1: every key is always there, and keys are only ever added."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from taskctl.errors import TaskctlError
from taskctl.model import Output, Task

VERSION = 1


def frame(noun: str, values: object, errors: list[TaskctlError]) -> dict[str, object]:
    """The whole document of a command, under its noun."""
    return {"taskctl": VERSION, noun: values, "errors": [error_json(error) for error in errors]}


def task_json(task: Task, raw: Mapping[str, object] | None = None) -> dict[str, object]:
    """One task."""
    error, cost = task.error, task.cost
    made: dict[str, object] = {
        "id": task.id,
        "key": task.key,
        "profile": task.profile,
        "dialect": task.dialect,
        "base_url": task.base_url,
        "operation": task.operation,
        "model": task.model,
        "state": task.state.value,
        "provider_state": task.provider_state,
        "progress": task.progress,
        "can_cancel": task.can_cancel,
        "message": task.message,
        "submitted_at": iso(task.submitted_at),
        "updated_at": iso(task.updated_at),
        "finished_at": iso(task.finished_at),
        "took_seconds": task.took_seconds,
        "eta_seconds": task.eta_seconds,
        "outputs": [_output(output) for output in task.outputs],
        "error": {"code": error.code, "message": error.message} if error else None,
        "cost": {"estimated": cost.estimated, "final": cost.final, "unit": cost.unit} if cost else None,
        "tags": list(task.tags),
        "input": task.input,
    }
    if raw is not None:
        made["raw"] = raw.get(task.name)
    return made


def error_json(error: TaskctlError) -> dict[str, object]:
    """One error."""
    return {
        "code": error.code,
        "exit_code": int(error.exit_code),
        "message": error.message,
        "hint": error.hint,
        "task": error.task,
    }


def written(document: object, *, compact: bool = False) -> str:
    """The document as text: ASCII alone, and nothing in it that a CI runner takes for a command."""
    layout = {"separators": (",", ":")} if compact else {"indent": 2}
    return json.dumps(document, ensure_ascii=True, allow_nan=False, **layout).replace("##", "#\\u0023")


def iso(moment: datetime | None) -> str | None:
    """The moment in UTC, to the second, as `2026-11-22T01:02:03Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _output(output: Output) -> dict[str, object]:
    return {
        "index": output.index,
        "kind": output.kind.value,
        "role": output.role.value,
        "url": output.url,
        "text": output.text,
        "content_type": output.content_type,
        "duration_seconds": output.duration_seconds,
        "expires_at": iso(output.expires_at),
        "file": output.file,
        "bytes": output.bytes,
        "sha256": output.sha256,
    }
