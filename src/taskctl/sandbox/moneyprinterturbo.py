"""The sandbox in MoneyPrinterTurbo's dialect, as its server of July 2026 speaks it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse

from taskctl.sandbox.answers import Instead, Problem, Refused, json_answer
from taskctl.sandbox.fate import State
from taskctl.sandbox.links import link
from taskctl.sandbox.moneyprinterturbo_fields import check_fields
from taskctl.sandbox.moneyprinterturbo_files import MoneyPrinterTurboFiles, file_count
from taskctl.sandbox.provider import Order
from taskctl.sandbox.reading import json_object, number
from taskctl.sandbox.steering import End

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.shelf import Record

__all__ = ["MoneyPrinterTurbo"]

_STATES = {
    State.QUEUED: 4,
    State.RUNNING: 4,
    State.COMPLETED: 1,
    State.FAILED: -1,
    State.UNKNOWN: 7,
}
_UNSET = (
    "videos",
    "combined_videos",
    "script",
    "terms",
    "audio_file",
    "audio_duration",
    "subtitle_path",
    "materials",
    "failed_stage",
    "error",
)
_KINDS = {"videos": "video", "audio": "audio", "subtitle": "text"}
_SERVER = "/srv/mpt/storage"
_WRITTEN_BUT_RUNNING = 95


class MoneyPrinterTurbo(MoneyPrinterTurboFiles):
    """`/moneyprinterturbo`."""

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /api/v1/videos": self.submit,
            "POST /api/v1/audio": self.submit,
            "POST /api/v1/subtitle": self.submit,
            "GET /api/v1/tasks": self.listing,
            "GET /api/v1/tasks/{task_id}": self.query,
            "DELETE /api/v1/tasks/{task_id}": self.delete,
            **self.file_routes(),
        }

    def new_id(self, order: Order) -> str:  # noqa: ARG002 - the id tells nothing of the task
        """A UUID."""
        return str(uuid.uuid4())

    async def submit(self, request: Request) -> Response:
        """Take a video, an audio or a subtitle, as the path says; unknown fields pass in silence."""
        body = await self._body(request)
        operation = request.url.path.rpartition("/")[2]
        check_fields(body, operation)
        prompt = f"{body.get('video_subject') or ''} {body.get('video_script') or ''}".strip()
        count = int(body.get("video_count") or 1) if operation == "videos" else 1
        order = Order(
            kind=_KINDS[operation], model="", prompt=prompt, body=body, operation=operation, outputs=count
        )
        record, _ = self.accept(order)
        return _good({"task_id": record.id})

    async def query(self, request: Request) -> Response:
        """How a task stands; what is not known is null."""
        record, stand = self.look(self.find(request.path_params["task_id"]))
        return _good(dict.fromkeys(("task_id", "state", "progress", *_UNSET)) | self._task(record, stand))

    async def listing(self, request: Request) -> Response:
        """One page of all tasks, oldest first, with the server's own paths."""
        words = request.query_params
        page, size = number(words, "page", 1, 10**9), number(words, "page_size", 10, 10**9)
        tasks = [self._task(record, stand, raw=True) for record, stand in self.known()]
        start = (page - 1) * size
        return _good({"tasks": tasks[start : start + size], "total": len(tasks), "page": page, "page_size": size})

    async def delete(self, request: Request) -> Response:
        """Remove a task and its files, unless it is busy."""
        record = self.find(request.path_params["task_id"])
        stand = self.moment(record) if record else None
        if record is None or stand is None or stand.state is State.FORGOTTEN:
            raise Refused(Problem.NOT_FOUND)
        if not stand.ended:
            raise Refused(Problem.BUSY)
        self.shelf.remove(record)
        return _good(None)

    async def _body(self, request: Request) -> dict[str, Any]:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise Instead(PlainTextResponse("Internal Server Error", 500))
        body = await json_object(request)
        request.state.body = body  # a refusal echoes it
        return body

    def _task(self, record: Record, stand: Moment, *, raw: bool = False) -> dict[str, Any]:
        progress = 100 if stand.progress >= _WRITTEN_BUT_RUNNING else stand.progress
        task: dict[str, Any] = {"task_id": record.id, "state": _STATES[stand.state], "progress": progress}
        if stand.state is State.COMPLETED:
            task |= self._results(record, raw=raw)
        if stand.state is State.FAILED:
            moderated = record.steering.end is End.MODERATED
            task["failed_stage"] = "script" if moderated else "video"
            reason = "the model refused the subject: content policy" if moderated else record.steering.reason
            task["error"] = reason or "video generation failed"
        return task

    def _results(self, record: Record, *, raw: bool) -> dict[str, Any]:
        count = file_count(record)
        folder = f"{_SERVER}/tasks/{record.id}"
        if record.operation == "audio":
            return {"audio_file": f"{folder}/audio.mp3"} if count else {}
        if record.operation == "subtitle":
            return {"subtitle_path": f"{folder}/subtitle.srt" if count else ""}

        def place(name: str) -> str:
            return f"{folder}/{name}" if raw else link(record, f"/tasks/{record.id}/{name}", self.now())

        return {
            "videos": [place(f"final-{number}.mp4") for number in range(1, count + 1)],
            "combined_videos": [place(f"combined-{number}.mp4") for number in range(1, count + 1)],
            "script": record.body.get("video_script") or record.prompt,
            "terms": record.prompt.split()[:5],
            "audio_file": f"{folder}/audio.mp3",
            "audio_duration": 2,
            "subtitle_path": f"{folder}/subtitle.srt",
            "materials": [f"{_SERVER}/cache_videos/vid-1.mp4"],
        }


def _good(data: object) -> Response:
    return json_answer({"status": 200, "message": "success", "data": data})
