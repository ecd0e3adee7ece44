"""The installed console script with a canary for a key: whatever it says or sends can be searched afterwards."""

import base64
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.server import PATIENCE, Server
from tests.harness import SCRIPT, Done, Taskctl

CANARY = "sk-canary-7f3a91c2e5d84b60"


@dataclass
class Console(Taskctl):
    """The console script in a home of its own; what its runs said is kept."""

    said: list[str] = field(default_factory=list)
    _running: list["Running"] = field(default_factory=list)

    def __call__(self, *arguments: str, stdin: str | bytes = b"", cwd: Path | None = None, **more: str) -> Done:
        done = super().__call__(*arguments, stdin=stdin, cwd=cwd, **more)
        self.said += [done.out, done.err]
        return done

    def running(self, *arguments: str, within: Sequence[str] = (), **more: str) -> "Running":
        """A run that goes on while the test does something; `within` is a command that starts it."""
        run = Running(self, [*within, SCRIPT, *arguments], self.env(PYTHONFAULTHANDLER="1", **more))
        self._running.append(run)
        return run

    def end(self) -> None:
        """End what a failed test left running."""
        for run in self._running:
            if run.process.poll() is None:
                run.ended(signal.SIGKILL)


class Running:
    """A run of the console script. It writes to files, since nobody reads its pipes meanwhile."""

    def __init__(self, console: Console, command: Sequence[str], env: dict[str, str]) -> None:
        self._console = console
        folder = console.home.parent
        self._out, self._err = (folder / f"{name}-{time.monotonic_ns()}" for name in ("stdout", "stderr"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=console.cwd, env=env
            )

    def ended(self, by: signal.Signals | None = None) -> Done:
        """How it ended, by itself or by this signal."""
        if by is not None:
            self.process.send_signal(by)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # Python's fault handler says where every thread stands
            self.process.wait()
            raise AssertionError(f"it does not end:\n{self._err.read_text()}") from None
        done = Done(code, self._out.read_text(), self._err.read_text())
        self._console.said += [done.out, done.err]
        assert "Traceback" not in done.err, done.err
        return done


def unhurried(home: Path) -> None:
    """Let the profile ask as often as it likes: tests with many tasks would wait for its budget of requests."""
    config = home / ".config/taskctl/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[profiles.ephone]\ndialect = "ephone"\nrate = 1000\n')


def until(condition: Callable[[], bool], what: str) -> None:
    """Return once this holds. For files alone, of whose growth nobody sends word; everything else has an event."""
    never, ends = threading.Event(), time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, f"{what} has not come to pass"
        never.wait(0.003)


def leaks(canary: str, folders: Iterable[Path], said: Iterable[str], strangers: Iterable[Server]) -> list[str]:
    """Where the canary is and should not be: in files, in what runs said, in requests to servers without a right."""
    forms = [canary.encode(), *(_in_base64(canary.encode(), before) for before in range(3))]

    def holds(content: bytes) -> bool:
        return any(form in content for form in forms)

    found = [str(path) for folder in folders for path in _files(folder) if holds(path.read_bytes())]
    found += [f"said: {text}" for text in said if holds(text.encode())]
    return found + [
        f"sent to {server.url}: {asked}" for server in strangers for asked in server.asked if holds(asked.raw)
    ]


def _in_base64(canary: bytes, before: int) -> bytes:
    """What is always there where base64 holds this after so many other bytes: the letters that these do not share."""
    written = base64.b64encode(bytes(before) + canary)
    return written[-(-before * 8 // 6) : (before + len(canary)) * 8 // 6]


def _files(folder: Path) -> Iterable[Path]:
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(parent, name)).is_file() and not path.is_symlink())
