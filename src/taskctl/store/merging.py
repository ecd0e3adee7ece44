"""Two looks at one task, perhaps by two processes, and what the history keeps of them."""

from dataclasses import replace
from datetime import UTC, datetime

from taskctl.model import FORGOTTEN, Output, Task

NEVER = datetime.min.replace(tzinfo=UTC)


def merged(stored: Task, new: Task) -> Task:
    """What is true after both: an ended task stays ended, and nothing that was known is forgotten."""
    late = _late(stored, new)
    task, other = (stored, new) if late else (new, stored)
    return replace(
        task,
        id=task.id or other.id,
        key=stored.key or new.key,
        operation=task.operation or other.operation,
        model=task.model or other.model,
        progress=stored.progress if late else _furthest(stored.progress, new.progress),
        submitted_at=task.submitted_at or other.submitted_at,
        finished_at=task.finished_at or (other.finished_at if task.state is other.state else None),
        took_seconds=task.took_seconds or (other.took_seconds if task.state is other.state else None),
        outputs=_with_files(task.outputs, stored.outputs) or stored.outputs,
        cost=task.cost or other.cost,
        tags=tuple(dict.fromkeys(stored.tags + new.tags)),
        input=task.input or other.input,
    )


def _late(stored: Task, new: Task) -> bool:
    """Whether the new look is older than what is stored: of before the answer came, or of before the end."""
    if new.id is None and stored.id is not None:
        return True
    return stored.state.ended and new.state is not stored.state and not _revived(stored, new)


def _revived(stored: Task, new: Task) -> bool:
    """Whether a task that was taken for forgotten turns out to be remembered."""
    if stored.error is None or stored.error.code != FORGOTTEN:
        return False
    return new.state.ended or (new.updated_at or NEVER) > (stored.updated_at or NEVER)


def _furthest(before: int | None, now: int | None) -> int | None:
    return now if before is None else before if now is None else max(before, now)


def _with_files(outputs: tuple[Output, ...], stored: tuple[Output, ...]) -> tuple[Output, ...]:
    """The outputs with the files that some process has already fetched."""
    fetched = {output.index: output for output in stored if output.file is not None}
    return tuple(
        replace(output, file=have.file, bytes=have.bytes, sha256=have.sha256)
        if output.file is None and (have := fetched.get(output.index))
        else output
        for output in outputs
    )
