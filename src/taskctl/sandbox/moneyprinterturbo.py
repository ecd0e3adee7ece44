"""The sandbox in MoneyPrinterTurbo's dialect, as its server of July 2026 speaks it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse

from taskctl.sandbox.answers import Instead, Problem, Refused, json_answer
from taskctl.sandbox.directions import End
from taskctl.sandbox.fate import State
from taskctl.sandbox.links import link
from taskctl.sandbox.moneyprinterturbo_fields import check_fields
from taskctl.sandbox.moneyprinterturbo_files import SERVER, Files
from taskctl.sandbox.provider import Order, Provider
from taskctl.sandbox.reading import json_object, number
from taskctl.sandbox.works import works

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Desk, Endpoint
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
_REFUSALS = {
    Problem.NO_CREDIT: (402, "the account has no credit"),
    Problem.FORBIDDEN: (403, "access denied"),
    Problem.NOT_FOUND: (404, "task not found"),
    Problem.BUSY: (409, "task is still running"),
    Problem.RATE_LIMITED: (429, "task queue is full, please try again later"),
}
_WRITTEN_BUT_RUNNING = 95
_MOST_VIDEOS = 100


class MoneyPrinterTurbo(Provider):
    """`/moneyprinterturbo`."""

    name = "moneyprinterturbo"
    cancels = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._files = Files(self)

    def public_routes(self) -> dict[str, Endpoint]:
        """The folder with the tasks' files stands open."""
        return {"GET /tasks/{task_id}/{name}": self._files.static}

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /api/v1/videos": self.submit,
            "POST /api/v1/audio": self.submit,
            "POST /api/v1/subtitle": self.submit,
            "GET /api/v1/tasks": self.listing,
            "GET /api/v1/tasks/{task_id}": self.query,
            "DELETE /api/v1/tasks/{task_id}": self.delete,
            **self._files.routes(),
        }

    def authorize(self, request: Request) -> None:
        """No key is wanted, but the wrong one is wrong."""
        if request.headers.get("x-api-key") == "wrong":
            raise Refused(Problem.UNAUTHORIZED)

    def new_id(self, _: Order, /) -> str:
        """A UUID."""
        return str(uuid.uuid4())

    async def submit(self, request: Request) -> Response:
        """Take a video, an audio or a subtitle, as the path says; unknown fields pass in silence."""
        body = await self._body(request)
        operation = request.url.path.rpartition("/")[2]
        check_fields(body, operation)
        prompt = f"{body.get('video_subject') or ''} {body.get('video_script') or ''}".strip()
        count = min(int(float(body.get("video_count") or 1)), _MOST_VIDEOS) if operation == "videos" else 1
        order = Order(kind=_KINDS[operation], model="", prompt=prompt, body=body, operation=operation, outputs=count)
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

    def refuse(self, request: Request, refused: Refused, /) -> Response:
        """A refusal: the framework's own, the validation's, or one with the request's id."""
        match refused.problem:
            case Problem.NO_ROUTE:
                return json_answer({"detail": "Not Found"}, 404)
            case Problem.NO_METHOD:
                return json_answer({"detail": "Method Not Allowed"}, 405)
            case Problem.UNAUTHORIZED:
                caller = f"{request.url}, {request.headers.get('user-agent', '')}"
                return json_answer({"status": 401, "message": f"invalid token: {caller}"}, 401)
            case Problem.INVALID:
                return json_answer(
                    {"status": 400, "message": "field required", "data": [_detail(request, refused)]}, 400
                )
        status, message = _REFUSALS[refused.problem]
        request_id = request.headers.get("x-task-id") or uuid.uuid4()
        return json_answer({"status": status, "message": f"{request_id}: {refused.message or message}"}, status)

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
            moderated = record.directions.end is End.MODERATED
            task["failed_stage"] = "script" if moderated else "video"
            reason = "the model refused the subject: content policy" if moderated else record.directions.reason
            task["error"] = reason or "video generation failed"
        return task

    def _results(self, record: Record, *, raw: bool) -> dict[str, Any]:
        count = len(works(record))
        folder = f"{SERVER}/tasks/{record.id}"
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
            "materials": [f"{SERVER}/cache_videos/vid-1.mp4"],
        }


def _good(data: object) -> Response:
    return json_answer({"status": 200, "message": "success", "data": data})


def _detail(request: Request, refused: Refused) -> dict[str, Any]:
    """What is wrong with a request, next to all that the request said."""
    body = getattr(request.state, "body", None)
    where = ["query" if request.method == "GET" else "body", *([refused.field] if refused.field else [])]
    return {"type": refused.code or "value_error", "loc": where, "msg": refused.message, "input": body}
