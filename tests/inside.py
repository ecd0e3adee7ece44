"""The command line run inside this process: as the console script, but for the start of an interpreter."""

import io
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskctl.cli.main import main
from taskctl.safe import safe
from tests.harness import Done

TASK = {
    "id", "key", "profile", "dialect", "base_url", "operation", "model", "state", "provider_state", "progress",
    "can_cancel", "message", "submitted_at", "updated_at", "finished_at", "took_seconds", "eta_seconds", "outputs",
    "error", "cost",
    "tags", "input",
}  # fmt: skip
OUTPUT = {
    "index", "kind", "role", "url", "text", "content_type", "duration_seconds", "expires_at", "file", "bytes", "sha256",
}  # fmt: skip
ERROR = {"code", "exit_code", "message", "hint", "task"}


@dataclass
class Inside:
    """A home of its own, and the command line in it."""

    home: Path
    cwd: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str | bytes = b"", cwd: Path | None = None, **more: str) -> Done:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        streams = [io.TextIOWrapper(io.BytesIO(content), "utf-8") for content in (given, b"", b"")]
        listening = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd or self.cwd)
            for name in [name for name in os.environ if name not in ("PATH", "LANG", "TMPDIR")]:
                patch.delenv(name)
            for name, value in {"HOME": str(self.home), "NO_COLOR": "1", **self.environ, **more}.items():
                patch.setenv(name, value)
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            try:
                code = main(arguments)
            finally:
                for number, handler in listening.items():
                    signal.signal(number, handler)
        out, err = (read(stream) for stream in streams[1:])
        done = Done(code, out, err)
        assert code != 1, done.err
        assert "Traceback" not in done.err, done.err
        return done


def read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    content: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]  # a BytesIO
    return content.decode()


FAILED = ("profile", "dialect", "history", "sandbox", "open")


def checked(done: Done, noun: str = "tasks") -> Any:
    """The one document on stdout, which must be of version 1 and whole; what stands under its noun."""
    document = json.loads(done.out)
    assert done.out.isascii()
    if document["errors"] and noun not in document:  # a command that failed early names what it is about
        noun = next(name for name in document if name in FAILED)
        assert document[noun] is None
    assert list(document) == ["taskctl", noun, "errors"], done.out
    assert document["taskctl"] == 1
    for error in document["errors"]:
        assert set(error) == ERROR
        assert f"error: {safe(error['message'])}" in done.err
    for task in document[noun] if noun == "tasks" else ():
        assert set(task) - {"raw"} == TASK
        assert task["cost"] is None or set(task["cost"]) == {"estimated", "final", "unit"}
        assert task["error"] is None or set(task["error"]) == {"code", "message"}
        for output in task["outputs"]:
            assert set(output) == OUTPUT
    codes = [error["exit_code"] for error in document["errors"]]
    assert (done.code in codes) if codes else (done.code == 0), done.out
    return document[noun]
