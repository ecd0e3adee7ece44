"""The sandbox in YEScale's dialect: the Media endpoint, Suno's older ones, and one query for both."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from taskctl.sandbox.answers import Problem, Refused, json_answer
from taskctl.sandbox.directions import End
from taskctl.sandbox.fate import State
from taskctl.sandbox.provider import Order, Provider
from taskctl.sandbox.reading import json_object, member, only, optional
from taskctl.sandbox.works import SECONDS, kind_of, works

if TYPE_CHECKING:
    from starlette.requests import Request

    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.shelf import Record

__all__ = ["YEScale"]

_WORDS = {
    State.QUEUED: "SUBMITTED",
    State.RUNNING: "IN_PROGRESS",
    State.COMPLETED: "SUCCESS",
    State.FAILED: "FAILURE",
    State.CANCELLED: "CANCEL",
    State.UNKNOWN: "HIBERNATING",
}
_SUNO_FIELDS = {
    "prompt": str,
    "mv": str,
    "title": str,
    "tags": str,
    "make_instrumental": bool,
    "task_id": str,
    "continue_at": float,
    "continue_clip_id": str,
    "gpt_description_prompt": str,
    "notify_hook": str,
    "task": str,
}
_LISTS = {"video": "videos", "image": "images", "audio": "audio"}
_MODELS = ("flux-kontext[max]", "grok-video", "omni-flash", "gemini-2.5-flash-image[nano-banana]")
_MUSIC, _LYRICS = "music", "lyrics"


class YEScale(Provider):
    """`/yescale`."""

    name = "yescale"

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /task/submit": self.submit,
            "POST /suno/submit/music": self.submit_music,
            "POST /suno/submit/lyrics": self.submit_lyrics,
            "GET /task/{task_id:path}": self.query,
            "GET /v1/models": self.models,
            "GET /api/usage/token": self.usage,
        }

    def new_id(self, order: Order, /) -> str:
        """The model stands in the id, brackets and all; Suno's ids are UUIDs."""
        if order.operation in (_MUSIC, _LYRICS):
            return str(uuid.uuid4())
        return f"yescale-{order.model}-{secrets.token_hex(6)}"

    async def submit(self, request: Request) -> Response:
        """Take a task of any model."""
        body = await json_object(request)
        only(body, ("model", "prompt", "config", "task_type"))
        model, prompt = member(body, "model", str), member(body, "prompt", str)
        optional(body, "config", dict)
        optional(body, "task_type", str)
        record, _ = self.accept(Order(kind=kind_of(model), model=model, prompt=prompt, body=body))
        created = int(record.created_at)
        times = {"created_at": created, "updated_at": created}
        return json_answer({"task_id": record.id, "status": "SUBMITTED", "progress": "0%", "results": {}, **times})

    async def submit_music(self, request: Request) -> Response:
        """Take a song."""
        return await self._submit_suno(request, "audio", _MUSIC, 2)

    async def submit_lyrics(self, request: Request) -> Response:
        """Take a song's words."""
        return await self._submit_suno(request, "text", _LYRICS, 0)

    async def query(self, request: Request) -> Response:
        """How a task stands."""
        task_id = request.path_params["task_id"]
        record = self.find(task_id)
        if record is None and not task_id.startswith("yescale-") and not _is_uuid(task_id):
            return json_answer({"code": "task_not_exist", "message": "task_not_exist", "data": None}, 400)
        return json_answer(self._task(*self.look(record)))

    async def models(self, _: Request) -> Response:
        """What models there are."""
        return json_answer({"data": [{"id": model} for model in _MODELS]})

    async def usage(self, _: Request) -> Response:
        """What the key may still spend."""
        data = {"object": "token_usage", "total_available": 4_250_000, "total_used": 750_000, "unlimited_quota": False}
        return json_answer({"code": True, "message": "ok", "data": data})

    def refuse(self, request: Request, refused: Refused, /) -> Response:
        """A refusal in one of the many shapes of this family."""
        stamp = f"(request id: {time.strftime('%Y%m%d%H%M%S', time.gmtime(self.now()))})"
        match refused.problem:
            case Problem.UNAUTHORIZED:
                return _new_api_error(f"invalid token {stamp}", "", 401)
            case Problem.NO_CREDIT:
                return _new_api_error(f"user quota is not enough {stamp}", "insufficient_user_quota", 403)
            case Problem.NOT_FOUND:
                return json_answer({"error": "Task not found"}, 404)
            case Problem.RATE_LIMITED if refused.times > 1:
                return Response(status_code=429)  # the limiter by address, which has no words
            case Problem.RATE_LIMITED:
                message = "group is saturated, try again later"
                return json_answer({"code": "upstream_saturated", "message": message, "data": None}, 429)
            case Problem.NO_ROUTE | Problem.NO_METHOD as problem:
                error = {"message": f"Invalid URL ({request.method} {request.url.path})", "code": ""}
                status = 404 if problem is Problem.NO_ROUTE else 405
                return json_answer({"error": {**error, "type": "invalid_request_error", "param": ""}}, status)
            case _:
                return json_answer({"code": "invalid_request", "message": str(refused), "data": None}, 400)

    async def _submit_suno(self, request: Request, kind: str, operation: str, outputs: int) -> Response:
        body = await json_object(request)
        only(body, _SUNO_FIELDS)
        for name, kind_of_field in _SUNO_FIELDS.items():
            optional(body, name, kind_of_field)
        prompt = body.get("gpt_description_prompt") or member(body, "prompt", str)
        model = optional(body, "mv", str) or "suno"
        order = Order(kind=kind, model=model, prompt=prompt, body=body, operation=operation, outputs=outputs)
        record, _ = self.accept(order)
        return json_answer({"code": "success", "message": "", "data": record.id})

    def _task(self, record: Record, stand: Moment) -> dict[str, Any]:
        failed = stand.state is State.FAILED
        moderated = record.directions.end is End.MODERATED
        reason = "risk control: prompt rejected" if moderated else record.directions.reason or ""
        platform = "suno" if record.operation in (_MUSIC, _LYRICS) else record.model.partition("-")[0]
        silent = failed and not reason  # then the reason, if any, is where the lyrics would be
        return {
            "task_id": record.id,
            "status": _WORDS[stand.state],
            "progress": "" if silent else f"{100 if failed else stand.progress}%",
            "err_reason": reason if failed else "",
            "submit_time": int(record.created_at),
            "finish_time": int(stand.finished_at or 0),
            "message": f"Platform: {platform}, action: {record.operation}",
            "task_result": {"text": "upstream timeout"} if silent else self._result(record, stand),
        }

    def _result(self, record: Record, stand: Moment) -> dict[str, Any]:
        if stand.state is not State.COMPLETED:
            return {}
        if record.operation == _LYRICS:
            return {"text": f"verse one\n{record.prompt}"}
        items: list[dict[str, Any]] = []
        for place, file in enumerate(works(record)):
            item: dict[str, Any] = {"url": self.url(record, file)}
            if file.kind in SECONDS:
                seconds = SECONDS[file.kind]
                item["duration"] = seconds if place % 2 == 0 and file.kind == "audio" else str(seconds)
            if file.kind == "video":
                item["content_type"] = file.content_type
            items.append(item)
        result: dict[str, Any] = {_LISTS[record.kind]: items} if items else {}
        if record.operation == _MUSIC and items:
            result["images"] = [{"url": self.url(record, cover)} for cover in works(record, covers=True)]
            result["text"] = f"verse one\n{record.prompt}"
        return result


def _new_api_error(message: str, code: str, status: int) -> Response:
    return json_answer({"error": {"message": message, "type": "new_api_error", "code": code}}, status)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
