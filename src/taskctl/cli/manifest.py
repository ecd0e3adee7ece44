"""A manifest: what was fetched, and how to know it again."""

import json
from pathlib import Path

from taskctl.errors import FileError
from taskctl.flow.outcome import Outcome
from taskctl.secret import redacted


def keep(path: Path | None, outcome: Outcome) -> None:
    """Write the manifest where one is asked for; one that cannot be written takes nothing else away."""
    if path is None:
        return
    try:
        write(path, outcome)
    except FileError as error:
        outcome.errors.append(error)


def write(path: Path, outcome: Outcome) -> None:
    """Write the files of these tasks: task, URL without its query, path, bytes, SHA-256 and type of each.

    Raises:
        FileError: it cannot be written.
    """
    files = [
        {
            "task": task.name,
            "index": output.index,
            "url": output.url.partition("?")[0].partition("#")[0] if output.url else None,
            "path": output.file,
            "bytes": output.bytes,
            "sha256": output.sha256,
            "content_type": output.content_type,
        }
        for task in outcome.tasks
        for output in task.outputs
        if output.file in outcome.absolute_files
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(redacted({"taskctl": 1, "files": files}), indent=2) + "\n", "utf-8")
    except OSError as problem:
        raise FileError(f"{path} cannot be written: {problem.strerror}") from problem
