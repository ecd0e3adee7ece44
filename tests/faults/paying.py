"""A provider that counts what would be paid, a console script that talks to it, and clocks that run differently."""

import contextlib
import json
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote

import time_machine

from tests.faults.console import Console, Running
from tests.faults.server import Asked, Script, Step, answer, json_answer
from tests.harness import Done
from tests.inside import Inside

FULL = os.environ.get("TASKCTL_FAULTS") == "full"
"""Whether every place and the time-outs at their full length are tested; otherwise a sample of them is."""
KEY = "batch7-shot03"
IMPATIENT = 100
"""How much shorter pauses are in this process, where nobody is told to wait."""
BY_CONTRACT = {"none": "ephone", "existing": "bytespike", "replay": "till-replay", "reject": "till-reject"}
"""The profiles by what their dialects know about a repeated key; of the last two there are none that ship."""
LISTED = """

[list]
request = "GET /v1/tasks?page={page}&page_size={page_size}"
items = "tasks"
total = "total"
page_size = 50
"""
_OWN = """
format = 1
name = "till-{contract}"
title = "Till"
base_url = "https://till.example"
key_env = "TILL_API_KEY"

[headers]
Authorization = "Bearer {{api_key}}"

[submit]
request = "POST /v1/task/submit"
body = "{{model: model, input: input, key: key}}"
idempotency = "{contract}"
{more}

[query]
request = "GET /v1/task/{{id}}"

[cancel]
request = "POST /v1/tasks/cancel/{{id}}"

[task]
id = "id"
state = "status"
outputs = "outputs"
submitted_at = "submitted_at"

[states]
queued = ["queued"]
running = ["running"]
completed = ["completed"]
failed = ["failed"]
cancelled = ["cancelled"]

[problem]
ok = "id || !error"
message = "error.message"
code = "error.code"
conflict = ["key_reused"]
"""
_SUBMITS = ("/v1/task/submit", "/v1/tasks/submit", "/v1/videos/generations")
_FASTER = """
import runpy, selectors, sys, time
speed, sys.argv = float(sys.argv[1]), sys.argv[2:]
clock, began, select = time.monotonic, time.monotonic(), selectors.DefaultSelector.select
def shorter(self, timeout=None):
    return select(self, timeout if timeout is None else timeout / speed)
time.monotonic, selectors.DefaultSelector.select = lambda: began + (clock() - began) * speed, shorter
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def faster(speed: float) -> list[str]:
    """Starts the console script with a clock that runs so many times as fast, so that time-outs need no patience."""
    return [sys.executable, "-Pc", _FASTER, str(speed)]


@dataclass(frozen=True)
class Fault:
    """What happens to a submission: what is sent, given the good answer, and whether there is a task all the same."""

    sends: Callable[[bytes], bytes | Iterable[Step]]
    creates: bool = True


NO_ANSWER = Fault(lambda _: b"")
HTML = answer(200, b"<!DOCTYPE html><title>Sign in</title>", {"Content-Type": "text/html"})
BAD_GATEWAY = answer(502, b"<html><h1>502 Bad Gateway</h1><hr>nginx</html>", {"Content-Type": "text/html"})


def instead(said: bytes, *, creates: bool = True) -> Fault:
    """Another answer."""
    return Fault(lambda _: said, creates)


def shortened(good: bytes) -> bytes:
    """The same answer with half of its JSON, of which it says that it is all."""
    body = good.partition(b"\r\n\r\n")[2]
    return answer(200, body[: len(body) // 2], {"Content-Type": "application/json"})


class Till:
    """A provider that makes a task of each submission, and one of each key only if its contract says so.

    It speaks the dialects of `ephone` and `bytespike`, and those of our own. All it lists is what was asked for.
    """

    def __init__(self, contract: str) -> None:
        self.contract = contract
        self.faults: list[Fault] = []
        """What happens to the next submissions; those after them are answered well."""
        self.submits: list[Asked] = []
        self.times: list[float] = []
        """When they came."""
        self.tasks: list[dict[str, Any]] = []
        self.cancels: list[Asked] = []
        self.ids = "task-{}"
        self.status = "queued"
        """What is said of every task."""
        self.on_look: list[Callable[[bytes], bytes | Iterable[Step]]] = []
        """What is made of the good answers to the next looks."""
        self.on_cancel: Callable[[bytes], bytes] = lambda good: good
        self.says_cancelled = "cancelled"
        self.blind = False
        """Whether it cannot say anything about tasks now."""
        self.others: Script = lambda _: answer(404)
        """What is answered to requests that are about no task."""
        self._turn = threading.Lock()

    def __call__(self, asked: Asked) -> bytes | Iterable[Step]:
        path = unquote(asked.path.partition("?")[0])
        with self._turn:
            if path in _SUBMITS:
                return self._submit(asked)
            if path.startswith("/v1/tasks/cancel/"):
                self.cancels.append(asked)
                return self.on_cancel(self._told(path.rpartition("/")[2], self.says_cancelled))
            if path == "/v1/tasks/query":
                return self._look(asked.json())
            if path == "/v1/tasks":
                return json_answer({"tasks": self._listed(), "total": len(self.tasks)})
            if path.startswith("/v1/task/"):
                return self._look({"task_id": path.rpartition("/")[2]})
            return self.others(asked)

    @property
    def bodies(self) -> set[bytes]:
        """What the submissions held that arrived whole, each body once."""
        return {asked.body for asked in self.submits if _whole(asked)}

    def _submit(self, asked: Asked) -> bytes | Iterable[Step]:
        self.submits.append(asked)
        self.times.append(time.monotonic())
        fault = self.faults.pop(0) if self.faults else Fault(lambda good: good)
        return fault.sends(self._made(asked) if fault.creates and _whole(asked) else b"")

    def _made(self, asked: Asked) -> bytes:
        """The task of this submission, made now or before."""
        body = asked.json()
        key = body.get("out_task_id", body.get("key"))
        known = next((task for task in self.tasks if task["key"] == key), None)
        if known is None or self.contract == "none":
            known = {"id": self.ids.format(len(self.tasks) + 1), "key": key, "asked": asked.body, "at": time.time()}
            self.tasks.append(known)
        elif self.contract == "reject" or known["asked"] != asked.body:
            error = {"code": "key_reused" if self.contract == "reject" else "duplicate_out_task_id", "message": "used"}
            return json_answer({"error": error}, 409)
        return self._told(known["id"], "queued")

    def _look(self, named: dict[str, str]) -> bytes | Iterable[Step]:
        if self.blind:
            return answer(503)
        for task in self.tasks:
            if named.get("task_id") == task["id"] or ("out_task_id" in named and named["out_task_id"] == task["key"]):
                good = self._told(task["id"], self.status)
                return self.on_look.pop(0)(good) if self.on_look else good
        return json_answer({"error": {"code": "task_not_found", "message": "no such task"}}, 404)

    def _listed(self) -> list[dict[str, object]]:
        return [
            {
                "id": task["id"],
                "status": self.status,
                "submitted_at": task["at"],
                "input": json.loads(task["asked"])["input"],
            }
            for task in self.tasks
        ]

    def _told(self, id_: str, status: str) -> bytes:
        key = next((task["key"] for task in self.tasks if task["id"] == id_), None)
        told: dict[str, object] = {"id": id_, "task_id": id_, "out_task_id": key, "status": status}
        if status == "completed":
            told |= {"outputs": [f"/files/{id_}.mp4"], "output": [f"/files/{id_}.mp4"]}
        return json_answer(told)


def _whole(asked: Asked) -> bool:
    return len(asked.body) == int(asked.header("Content-Length") or 0)


class Customer:
    """The console script and the till that it talks to."""

    def __init__(self, console: Console, till: Till, url: str, *, more: str = "") -> None:
        self.console = console
        self.till = till
        self.profile = BY_CONTRACT[till.contract]
        """It has the contract of the till; `more` goes into `[submit]` of a dialect of our own."""
        self.prompt = "a dog on a beach"
        self._inside = Inside(console.home, console.cwd, console.environ)
        console.environ |= {"TASKCTL_PROFILE": self.profile, "TASKCTL_BASE_URL": url}
        if self.profile.startswith("till-"):
            path = console.home / f".config/taskctl/dialects/{self.profile}.toml"
            path.parent.mkdir(parents=True)
            path.write_text(_OWN.format(contract=till.contract, more=more))

    @property
    def history(self) -> Path:
        """The history's file."""
        return self.console.home / ".local/state/taskctl/history.db"

    def submitting(self, *more: str, key: str = KEY) -> list[str]:
        """The words of a submit."""
        return ["submit", "-m", "a-model", f"prompt={self.prompt}", "--key", key, *more]

    def submit(self, *more: str, within: Sequence[str] = (), key: str = KEY) -> Done:
        """Submit by the console script."""
        return self.console.running(*self.submitting(*more, key=key), within=within).ended()

    def submit_here(self, *more: str, key: str = KEY, seconds_later: float = 0) -> Done:
        """Submit in this process, now or later."""
        return self.here(*self.submitting(*more, key=key), seconds_later=seconds_later)

    def start(self, *more: str, key: str = KEY) -> Running:
        """A submit by the console script that goes on."""
        return self.console.running(*self.submitting(*more, key=key))

    def here(self, *arguments: str, seconds_later: float = 0) -> Done:
        """Run a command in this process, where nothing is to be learnt from starting another, now or later."""
        then = datetime.now(UTC) + timedelta(seconds=seconds_later)
        with time_machine.travel(then, tick=True) if seconds_later else contextlib.nullcontext():
            done = self._inside(*arguments)
        self.console.said += [done.out, done.err]
        return done

    def listed(self) -> list[dict[str, Any]]:
        """What the history knows."""
        tasks: list[dict[str, Any]] = self.here("list", "-o", "json").json()["tasks"]
        return tasks

    def standing(self) -> list[tuple[str | None, str]]:
        """The id and the state of each task that the history knows, oldest first."""
        return [(task["id"], task["state"]) for task in reversed(self.listed())]

    def intended(self) -> bool:
        """Whether a submission is on record."""
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(self._opened("ro")) as database:
            return bool(database.execute("SELECT count(*) FROM task").fetchone()[0])
        return False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Meanwhile nobody can write to the history."""
        with contextlib.closing(self._opened("rw")) as database:
            database.execute("BEGIN IMMEDIATE")
            yield

    def _opened(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.history}?mode={mode}", uri=True, isolation_level=None)

    def assert_lost(self, done: Done, *, code: int = 9, key: str = KEY, posts: int = 1) -> None:
        """Nothing says that there is a task, or that there is none; how to settle it is told; nothing was repeated."""
        assert (done.code, done.out) == (code, ""), done.err
        assert f"the submission with key {key}" in done.err
        assert f"taskctl reconcile -P {self.profile} --key {key}" in done.err
        assert self.standing() == [(None, "unconfirmed")]
        assert self.listed()[0]["key"] == key
        assert len(self.till.submits) == posts

    def assert_submitted(self, done: Done, *, posts: int, id_: str = "task-1") -> None:
        """There is one task, and its id is all that stdout holds, however many equal requests that took."""
        assert (done.code, done.out) == (0, f"{id_}\n"), done.err
        assert self.standing() == [(id_, "queued")]
        assert (len(self.till.submits), len(self.till.bodies), len(self.till.tasks)) == (posts, 1, 1)


@contextlib.contextmanager
def impatient() -> Iterator[None]:
    """Meanwhile pauses of commands that run in this process are shorter."""
    import asyncio

    sleep = asyncio.sleep
    with mock.patch("asyncio.sleep", lambda seconds, result=None: sleep(seconds / IMPATIENT, result)):
        yield


def framed(good: bytes, framing: str) -> bytes:
    """The same answer with a length, in chunks, or one that ends where the connection does."""
    body = good.partition(b"\r\n\r\n")[2]
    said: dict[str, object] = {"Content-Type": "application/json"}
    if framing == "length":
        return answer(200, body, said)
    said["Content-Length"] = None
    if framing == "close":
        return answer(200, body, said)
    half = len(body) // 2
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:], b""))
    return answer(200, pieces, {**said, "Transfer-Encoding": "chunked"})


def borders(said: bytes) -> list[int]:
    """Where an answer may be cut so that something different is missing: bytes that are sent before."""
    line, head = said.index(b"\r\n"), said.index(b"\r\n\r\n") + 4
    return [0, line // 2, line + 2, head - 1, head, head + 1, len(said) - 1]


def places(said: bytes) -> list[int]:
    """Every place where an answer may be cut, or the borders and a sample of the others."""
    if FULL:
        return list(range(len(said)))
    others = [place for place in range(len(said)) if place not in borders(said)]
    return sorted([*borders(said), *random.Random(len(said)).sample(others, 5)])  # noqa: S311  # places, not secrets
