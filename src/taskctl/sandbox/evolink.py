"""The sandbox in EvoLink's dialect: flat bodies, an endpoint for each kind, a list, a batch and an Idempotency-Key."""

from __future__ import annotations

import math
import re
import secrets
from typing import TYPE_CHECKING, Any

from starlette.routing import Mount

from taskctl.sandbox.answers import Problem, Refused, html_page, json_answer
from taskctl.sandbox.directions import End
from taskctl.sandbox.evolink_fields import check_audio, check_flat, check_image, check_video
from taskctl.sandbox.evolink_files import EvoLinkFiles
from taskctl.sandbox.fate import State
from taskctl.sandbox.provider import Order, Provider
from taskctl.sandbox.reading import check_callback, json_object, member, number, optional
from taskctl.sandbox.works import SECONDS, works

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Desk, Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.shelf import Record

__all__ = ["EvoLink"]

_WORDS = {
    State.QUEUED: "pending",
    State.RUNNING: "processing",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.UNKNOWN: "hibernating",
}
_FILTERS = {
    "processing": ("pending", "processing"),
    "completed": ("completed",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
}
_REFUSALS: dict[Problem, tuple[int, str, dict[str, Any]]] = {
    Problem.INVALID: (400, "Invalid request", {"code": 400, "type": "invalid_request_error"}),
    Problem.UNAUTHORIZED: (401, "Invalid or expired token", {"code": 401, "type": "authentication_error"}),
    Problem.NO_CREDIT: (
        402,
        "User quota is not enough",
        {"code": "insufficient_user_quota", "type": "insufficient_quota_error", "remaining_credits": 0},
    ),
    Problem.NOT_FOUND: (404, "Task not found.", {"code": "task_not_found"}),
    Problem.NO_ROUTE: (404, "Not found", {"code": 404, "type": "not_found_error"}),
    Problem.NO_METHOD: (405, "Method not allowed", {"code": 405, "type": "invalid_request_error"}),
    Problem.CONFLICT: (
        409,
        "The key was used for another request",
        {"code": "idempotency_conflict", "type": "invalid_request_error"},
    ),
    Problem.RATE_LIMITED: (
        429,
        "Rate limit exceeded",
        {"code": 429, "type": "rate_limit_error", "fallback_suggestion": "retry after 60 seconds"},
    ),
}
_TYPES = ("image", "video", "audio")
_MODELS = ("seedance-2.0-text-to-video", "gpt-image-1.5", "suno-v4.5")
_CREDITS, _CREDITS_A_DOLLAR = 47.5, 68
_MOST_PER_PAGE = _MOST_PER_BATCH = 50


class EvoLink(Provider):
    """`/evolink`, its files host included."""

    name = "evolink"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.files = EvoLinkFiles(desk)

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /v1/videos/generations": self.submit_video,
            "POST /v1/images/generations": self.submit_image,
            "POST /v1/audios/generations": self.submit_audio,
            "POST /v1/tasks/batch": self.batch,
            "GET /v1/tasks": self.listing,
            "GET /v1/tasks/{task_id}": self.query,
            "GET /v1/credits": self.credits,
            "GET /v1/models": self.models,
        }

    def public_routes(self) -> dict[str, Endpoint]:
        """Results and uploaded files need no key."""
        shown = {"GET /media/u/{file_id}/{name}": self.files.show, "GET /media/d/{file_id}/{name}": self.files.show}
        return shown | super().public_routes()

    def app(self) -> Starlette:
        """The API and the files host behind one prefix."""
        app = super().app()
        app.router.routes.append(Mount("/api/v1/files", self.files.app()))
        return app

    def new_id(self, _: Order, /) -> str:
        """Like `task-unified-1790000000-ab12cd34`."""
        return f"task-unified-{int(self.now())}-{secrets.token_hex(4)}"

    def headers(self) -> dict[str, str]:
        """Every answer has a request id."""
        return {"x-request-id": f"req_{secrets.token_hex(8)}"}

    async def submit_video(self, request: Request) -> Response:
        """Take a video task."""
        body = await json_object(request)
        check_video(body)
        return self._submit(request, body, "video")

    async def submit_image(self, request: Request) -> Response:
        """Take an image task."""
        body = await json_object(request)
        check_image(body)
        return self._submit(request, body, "image", outputs=body.get("n") or 1)

    async def submit_audio(self, request: Request) -> Response:
        """Take a music task."""
        body = await json_object(request)
        check_audio(body)
        return self._submit(request, body, "audio", outputs=2)

    async def query(self, request: Request) -> Response:
        """How a task stands."""
        task_id = request.path_params["task_id"]
        if not task_id.startswith("task-unified-"):
            message = "Task id must begin with the task prefix"
            raise Refused(Problem.INVALID, message, code="invalid_task_id")
        return json_answer(self._task(*self.look(self.find(task_id))))

    async def batch(self, request: Request) -> Response:
        """How many tasks stand; those that are unknown are missing."""
        ids = member(await json_object(request), "task_ids", list)
        if not 1 <= len(ids) <= _MOST_PER_BATCH or not all(isinstance(each, str) for each in ids):
            raise Refused(Problem.INVALID, f"task_ids must hold 1 to {_MOST_PER_BATCH} ids", field="task_ids")
        found = []
        for task_id in ids:
            try:
                found.append(self._task(*self.look(self.find(task_id))))
            except Refused:
                continue
        return json_answer({"data": found})

    async def listing(self, request: Request) -> Response:
        """One page of all tasks, newest first, without their links and errors."""
        words = request.query_params
        page, size = number(words, "page", 1, 10**6), number(words, "page_size", 20, _MOST_PER_PAGE)
        if words.get("status", "completed") not in _FILTERS:
            raise Refused(Problem.INVALID, f"status must be one of {', '.join(_FILTERS)}", field="status")
        if words.get("type", "video") not in _TYPES:
            raise Refused(Problem.INVALID, f"type must be one of {', '.join(_TYPES)}", field="type")
        items = [_item(record, stand) for record, stand in reversed(self.known())]
        if "status" in words:
            items = [item for item in items if item["status"] in _FILTERS[words["status"]]]
        for name in ("type", "model"):
            items = [item for item in items if item[name] == words.get(name, item[name])]
        start = (page - 1) * size
        return json_answer({"data": items[start : start + size], "total": len(items), "page": page, "page_size": size})

    async def credits(self, _: Request) -> Response:
        """What is left for the account and for the key."""
        user = {"remaining_credits": 812.5, "used_credits": 187.5}
        token = {"remaining_credits": 100.0, "used_credits": 12.0, "unlimited_credits": False}
        return json_answer({"success": True, "message": "", "data": {"user": user, "token": token}})

    async def models(self, _: Request) -> Response:
        """What models there are."""
        return json_answer({"data": [{"id": model} for model in _MODELS]})

    def refuse(self, _: Request, refused: Refused, /) -> Response:
        """A refusal as the gateway words it."""
        status, message, members = _REFUSALS[refused.problem]
        error = {**members, "message": refused.message or message}
        if refused.code:
            error["code"] = refused.code
        if refused.field:
            error["param"] = refused.field
        headers = {"Retry-After": "1"} if refused.problem is Problem.RATE_LIMITED else None
        return json_answer({"error": error}, status, headers)

    def expired(self) -> Response:
        """Links that no longer hold answer 200, with a page."""
        return html_page("This link has expired", 200)

    def _submit(self, request: Request, body: dict[str, Any], kind: str, outputs: int = 1) -> Response:
        check_flat(body)
        model, prompt = member(body, "model", str), member(body, "prompt", str)
        check_callback(optional(body, "callback_url", str))
        key = request.headers.get("idempotency-key")
        if key is not None and not re.fullmatch(r"[A-Za-z0-9._-]{16,96}", key):
            raise Refused(Problem.INVALID, "Idempotency-Key must be 16 to 96 of A-Za-z0-9._-")
        order = Order(kind=kind, model=model, prompt=prompt, body=body, outputs=outputs, key=key, same=[kind, body])
        record, new = self.accept(order)
        headers = None if new else {"idempotency-replayed": "true"}
        return json_answer(self._task(record, self.moment(record)), headers=headers)

    def _task(self, record: Record, stand: Moment) -> dict[str, Any]:
        """A task as submit, query and batch show it."""
        running = stand.state in (State.QUEUED, State.RUNNING, State.UNKNOWN)
        lost = stand.state in (State.FAILED, State.CANCELLED)
        task: dict[str, Any] = {
            "id": record.id,
            "object": f"{record.kind}.generation.task",
            "created": int(record.created_at),
            "model": record.model,
            "status": _WORDS[stand.state],
            "progress": 0 if lost else stand.progress,
            "type": record.kind,
            "task_info": {"can_cancel": running},
        }
        if stand.state is State.QUEUED:
            task["task_info"]["estimated_time"] = math.ceil(record.directions.takes)
            if record.kind == "video":
                task["task_info"]["video_duration"] = record.body.get("duration") or 5
            task["usage"] = {"billing_rule": "per_second", "credits_reserved": 50, "user_group": "default"}
        if stand.state is State.COMPLETED:
            task |= self._results(record)
        if error := _error(record, stand):
            task["error"] = error
        return task

    def _results(self, record: Record) -> dict[str, Any]:
        links = [self.url(record, file) for file in works(record)]
        dollars = round(_CREDITS / _CREDITS_A_DOLLAR, 3)
        done: dict[str, Any] = {
            "results": links,
            "usage": {"credits_used": _CREDITS, "cost": {"credits": _CREDITS, "usd": dollars}},
            "duration": record.directions.takes,  # how long the job took, not how long the media is
        }
        if record.kind == "audio":
            covers = [self.url(record, file) for file in works(record, covers=True)]
            done["result_data"] = [
                {
                    "result_id": f"r{place}",
                    "title": record.body.get("title") or "Slow Tide",
                    "tags": record.body.get("style") or "lo-fi",
                    "duration": SECONDS["audio"],
                    "audio_url": audio,
                    "image_url": cover,
                }
                for place, (audio, cover) in enumerate(zip(links, covers, strict=True), 1)
            ]
        return done


def _error(record: Record, stand: Moment) -> dict[str, str] | None:
    """Why it came to nothing; a failure of which the prompt gives no reason has no error at all."""
    if stand.state is State.CANCELLED:
        return {"code": "request_cancelled", "message": "The task was cancelled"}
    if stand.state is not State.FAILED:
        return None
    if record.directions.end is End.MODERATED:
        message = "Blocked by safety filters.\nRevise the prompt."
        return {"code": "content_policy_violation", "message": message}
    return {"code": "service_error", "message": record.directions.reason} if record.directions.reason else None


def _item(record: Record, stand: Moment) -> dict[str, Any]:
    """A task as the list shows it."""
    item = {
        "id": record.id,
        "status": _WORDS[stand.state],
        "model": record.model,
        "type": record.kind,
        "progress": 0 if stand.state in (State.FAILED, State.CANCELLED) else stand.progress,
        "created_at": int(record.created_at),
        "has_results": stand.state is State.COMPLETED and bool(works(record)),
        "has_error": _error(record, stand) is not None,
    }
    return item | ({"credits_used": _CREDITS} if stand.state is State.COMPLETED else {})
