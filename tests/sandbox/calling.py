"""How the sandbox's tests talk to it: in this process, at whatever time they like, in any of its dialects."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from taskctl.sandbox.app import create_app

START = 1_790_000_000.0


class Caller:
    """A client of a sandbox whose time stands still until a test moves it, or moves by a step at each look."""

    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self.folder, self.runner = folder, runner
        self.time, self.step = START, 0.0
        transport = httpx2.ASGITransport(app=create_app(folder, now=self.now))
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://sandbox")

    def beside(self) -> "Caller":
        """A client of another sandbox on the same folder."""
        return Caller(self.folder, self.runner)

    def now(self) -> float:
        self.time += self.step
        return self.time

    def after(self, seconds: float) -> "Caller":
        self.time = START + seconds
        return self

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.Response:
        given = {"Authorization": "Bearer a-key"} if headers is None else headers

        return self.runner.run(self.client.request(method, path, headers=given, **more))

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.send("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> httpx2.Response:
        return self.send("POST", path, json=body, **more) if body is not None else self.send("POST", path, **more)

    def delete(self, path: str, **more: Any) -> httpx2.Response:
        return self.send("DELETE", path, **more)


@dataclass(frozen=True)
class Speech:
    """A dialect as a client speaks it."""

    name: str
    path: str
    body: Callable[[str], dict[str, Any]]
    id: Callable[[Any], str]
    query: Callable[[Caller, str], httpx2.Response]
    state: Callable[[Any], object]
    words: Mapping[object, str]
    links: Callable[[Any], list[str]]
    rate_limited: Callable[[Any], bool]
    key: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": "Bearer a-key"})

    def submit(self, caller: Caller, prompt: str, key: str | None = None) -> httpx2.Response:
        body, headers = self.body(prompt), self.headers
        if key is not None and self.key == "header":
            headers = headers | {"Idempotency-Key": key}
        elif key is not None and self.key is not None:
            body = body | {self.key: key}
        return caller.post(f"/{self.name}{self.path}", body, headers=headers)

    def submitted(self, caller: Caller, prompt: str) -> str:
        """The id of a new task."""
        answer = self.submit(caller, prompt)
        assert answer.status_code in (200, 201), answer.text
        return self.id(answer.json())

    def seen(self, caller: Caller, task_id: str) -> str:
        """The state of a task, in words that all dialects share."""
        answer = self.query(caller, task_id)
        return self.words[self.state(answer.json())] if answer.status_code == 200 else str(answer.status_code)

    def result(self, caller: Caller, task_id: str) -> str:
        """The path of a task's first file."""
        path = self.links(self.query(caller, task_id).json())[0]
        return path if path.startswith(f"/{self.name}/") else f"/{self.name}{path}"


def _asking(path: str) -> Callable[[Caller, str], httpx2.Response]:
    def ask(caller: Caller, task_id: str) -> httpx2.Response:
        return caller.get(path.format(task_id.replace("[", "%5B").replace("]", "%5D")))

    return ask


def _yescale_links(task: Any) -> list[str]:
    return [item["url"] for name in ("videos", "images", "audio") for item in task["task_result"].get(name, [])]


SPEECHES = (
    Speech(
        name="ephone",
        path="/v1/task/submit",
        body=lambda prompt: {"model": "kling-v3/text-to-video", "input": {"prompt": prompt, "duration": "5"}},
        id=lambda answer: str(answer["id"]),
        query=_asking("/ephone/v1/task/{}"),
        state=lambda task: task["status"],
        words={
            "queued": "queued",
            "in_progress": "running",
            "completed": "completed",
            "failed": "failed",
            "hibernating": "unknown",
        },
        links=lambda task: task["outputs"],
        rate_limited=lambda body: body["error"]["code"] == "rate_limit_exceeded",
    ),
    Speech(
        name="evolink",
        path="/v1/videos/generations",
        body=lambda prompt: {"model": "seedance-2.0", "prompt": prompt, "duration": 5},
        id=lambda answer: str(answer["id"]),
        query=_asking("/evolink/v1/tasks/{}"),
        state=lambda task: task["status"],
        words={
            "pending": "queued",
            "processing": "running",
            "completed": "completed",
            "failed": "failed",
            "cancelled": "cancelled",
            "hibernating": "unknown",
        },
        links=lambda task: task["results"],
        rate_limited=lambda body: body["error"]["code"] == 429,
        key="header",
    ),
    Speech(
        name="bytespike",
        path="/v1/tasks/submit",
        body=lambda prompt: {"model": "sora-2", "params": {"prompt": prompt}},
        id=lambda answer: str(answer["task_id"]),
        query=lambda caller, task_id: caller.post("/bytespike/v1/tasks/query", {"task_id": task_id}),
        state=lambda task: task["status"],
        words={
            "pending": "queued",
            "running": "running",
            "completed": "completed",
            "failed": "failed",
            "cancelled": "cancelled",
            "hibernating": "unknown",
        },
        links=lambda task: [item["url"] for item in task["output"]],
        rate_limited=lambda body: body["error"]["code"] == "concurrency_limit",
        key="out_task_id",
    ),
    Speech(
        name="yescale",
        path="/task/submit",
        body=lambda prompt: {"model": "omni-flash[pro]", "prompt": prompt, "config": {"mode": "t2v"}},
        id=lambda answer: str(answer["task_id"]),
        query=_asking("/yescale/task/{}"),
        state=lambda task: task["status"],
        words={
            "SUBMITTED": "queued",
            "IN_PROGRESS": "running",
            "SUCCESS": "completed",
            "FAILURE": "failed",
            "CANCEL": "cancelled",
            "HIBERNATING": "unknown",
        },
        links=_yescale_links,
        rate_limited=lambda body: body["code"] == "upstream_saturated",
    ),
    Speech(
        name="moneyprinterturbo",
        path="/api/v1/videos",
        body=lambda prompt: {"video_subject": prompt},
        id=lambda answer: str(answer["data"]["task_id"]),
        query=_asking("/moneyprinterturbo/api/v1/tasks/{}"),
        state=lambda task: (task["data"]["state"], task["data"]["progress"] > 0),
        words={
            (4, False): "queued",
            (4, True): "running",
            (1, True): "completed",
            (-1, True): "failed",
            (7, False): "unknown",
        },
        links=lambda task: task["data"]["videos"],
        rate_limited=lambda body: body["message"].endswith(": task queue is full, please try again later"),
        headers={},
    ),
    Speech(
        name="sandbox",
        path="/v1/tasks",
        body=lambda prompt: {"model": "sandbox-video", "input": {"prompt": prompt}},
        id=lambda answer: str(answer["id"]),
        query=_asking("/sandbox/v1/tasks/{}"),
        state=lambda task: task["state"],
        words={
            "queued": "queued",
            "running": "running",
            "completed": "completed",
            "failed": "failed",
            "cancelled": "cancelled",
            "hibernating": "unknown",
        },
        links=lambda task: [output["url"] for output in task["outputs"]],
        rate_limited=lambda body: body["error"]["code"] == "rate_limited",
        key="key",
        headers={},
    ),
)

NAMES = [speech.name for speech in SPEECHES]
BY_NAME = {speech.name: speech for speech in SPEECHES}
