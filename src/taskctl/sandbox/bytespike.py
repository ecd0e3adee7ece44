"""The sandbox in ByteSpike's dialect: queries by POST and by either id, cancelling, and an event stream."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Any

from taskctl.sandbox.answers import Problem, Refused, iso, json_answer
from taskctl.sandbox.directions import End
from taskctl.sandbox.fate import State
from taskctl.sandbox.provider import Order, Provider
from taskctl.sandbox.reading import bearer, json_object, member, only, optional
from taskctl.sandbox.stream import event_stream
from taskctl.sandbox.works import SECONDS, kind_of, works

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.shelf import Record

__all__ = ["ByteSpike"]

_WORDS = {
    State.QUEUED: "pending",
    State.RUNNING: "running",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.UNKNOWN: "hibernating",
}
_REFUSALS = {
    Problem.INVALID: (400, "invalid request", "invalid_request_error", "invalid_param"),
    Problem.UNAUTHORIZED: (401, "missing or revoked key", "authentication_error", "invalid_api_key"),
    Problem.NO_CREDIT: (402, "balance exhausted", "insufficient_quota", "insufficient_balance"),
    Problem.NOT_FOUND: (404, "no task matches this identifier", "invalid_request_error", "task_not_found"),
    Problem.NO_ROUTE: (404, "no such route", "invalid_request_error", "not_found"),
    Problem.NO_METHOD: (405, "method not allowed", "invalid_request_error", "method_not_allowed"),
    Problem.CONFLICT: (
        409,
        "out_task_id already used with other params",
        "invalid_request_error",
        "duplicate_out_task_id",
    ),
    Problem.TOO_LARGE: (413, "the body is larger than 1 MiB", "invalid_request_error", "request_too_large"),
}
_TEXT_MODELS = ("claude", "deepseek", "gpt-4", "gpt-5", "llama", "qwen")
_MODELS = ("sora-2", "sora-2-pro", "veo-3.1", "seedream-5")
_MOST_BYTES = 1024 * 1024
_WINDOW = 5 * 3600
_ESTIMATE, _PRICE = 1.5, 1.47
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class ByteSpike(Provider):
    """`/bytespike`."""

    name = "bytespike"

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /v1/tasks/submit": self.submit,
            "POST /v1/tasks/query": self.query,
            "GET /v1/tasks/query": self.query_flat,
            "POST /v1/tasks/cancel": self.cancel,
            "POST /v1/tasks/cancel/{task_id}": self.cancel,
            "GET /v1/tasks/stream/{task_id}": self.stream,
            "GET /v1/models": self.models,
            "GET /api/v1/me/account": self.account,
        }

    def authorize(self, request: Request) -> None:
        """Of two keys, the one in `x-api-key` counts."""
        if request.headers.get("x-api-key", bearer(request)) in ("", "wrong"):
            raise Refused(Problem.UNAUTHORIZED)

    def headers(self) -> dict[str, str]:
        """What was spent of the window's dollars, and when the window ends."""
        return {
            "X-RateLimit-Limit": "50.00",
            "X-RateLimit-Remaining": "4.18",
            "X-RateLimit-Reset": str((int(self.now()) // _WINDOW + 1) * _WINDOW),
            "X-Quota-Remaining-Credits": "104.18",
        }

    def new_id(self, _: Order, /) -> str:
        """`task_` and a ULID: the time in milliseconds, then chance."""
        value = int(self.now() * 1000) << 80 | secrets.randbits(80)
        return "task_" + "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))

    async def submit(self, request: Request) -> Response:
        """Take a task, or give the one that its out_task_id has already."""
        body = await _bounded_object(request)
        only(body, ("model", "params", "out_task_id", "callback_url", "stream"))
        model, params = member(body, "model", str), member(body, "params", dict)
        if model.lower().startswith(_TEXT_MODELS):
            raise Refused(Problem.INVALID, f"{model} makes no media", field="model")
        key, _ = optional(body, "out_task_id", str), optional(body, "callback_url", str)
        prompt = member(params, "prompt", str)
        order = Order(kind=kind_of(model), model=model, prompt=prompt, body=body, key=key, same=[model, params])
        record, _ = self.accept(order)
        return json_answer(self._task(record, self.moment(record)))

    async def query(self, request: Request) -> Response:
        """How a task stands that is named by one of its ids."""
        return json_answer(self._task(*self.look(self._named(await _bounded_object(request)))))

    async def query_flat(self, request: Request) -> Response:
        """The same in the older shape that some pages describe."""
        record, stand = self.look(self._named(dict(request.query_params)))
        task: dict[str, Any] = {
            "task_id": record.id,
            "status": "queued" if stand.state is State.QUEUED else _WORDS[stand.state],
        }
        if stand.state is State.QUEUED:
            task |= {"estimated_credits": _ESTIMATE, "submitted_at": iso(record.created_at)}
        if stand.state is State.COMPLETED:
            files = works(record)
            task["result"] = {f"{file.kind}_url": self.url(record, file) for file in files[:1]}
            if record.kind == "video" and files:
                task["result"] |= {"duration_seconds": SECONDS["video"], "resolution": "720p"}
            task |= {"credits": _PRICE, "completed_at": iso(stand.finished_at or 0)}
        if stand.state is State.FAILED:
            task |= _reason(record)
        return json_answer(task)

    async def cancel(self, request: Request) -> Response:
        """Stop a task; one that has ended stays as it is, and that is no error."""
        task_id = request.path_params.get("task_id")
        record = self.find(task_id) if task_id else self._named(await _bounded_object(request))
        if record is None or self.moment(record).state is State.FORGOTTEN:
            raise Refused(Problem.NOT_FOUND)
        return json_answer(self._task(*self.stop(record)))

    async def stream(self, request: Request) -> Response:
        """The changes of a task; a frame doesn't repeat what does not change."""

        def news(record: Record, stand: Moment) -> dict[str, Any]:
            task = self._task(record, stand)
            return {name: task[name] for name in task if name not in ("out_task_id", "estimated_credits")}

        return event_stream(self, request.path_params["task_id"], "status", news)

    async def models(self, _: Request) -> Response:
        """What models there are."""
        return json_answer({"data": [{"id": model} for model in _MODELS]})

    async def account(self, _: Request) -> Response:
        """What is left, and which models may be called."""
        balance = {"available_usd": 104.18, "frozen_usd": 0.0, "used_usd": 45.82}
        return json_answer({"balance": balance, "allowed_models": list(_MODELS)})

    def refuse(self, _: Request, refused: Refused, /) -> Response:
        """A refusal as the OpenAI protocol words it."""
        if refused.problem is Problem.RATE_LIMITED:
            message = "too many requests in flight"
            error = {"type": "rate_limit_error", "code": "concurrency_limit", "message": message}
            return json_answer({"error": error}, 429, {"X-RateLimit-Reset": str(math.ceil(self.now()) + 1)})
        status, message, kind, code = _REFUSALS[refused.problem]
        members = {"message": refused.message or message, "type": kind, "code": code, "param": refused.field}
        return json_answer({"error": members}, status)

    def _named(self, names: dict[str, Any]) -> Record | None:
        task_id, key = optional(names, "task_id", str), optional(names, "out_task_id", str)
        if task_id is not None and key is not None:
            raise Refused(Problem.INVALID, "send task_id or out_task_id, not both", field="task_id")
        if task_id is not None:
            return self.find(task_id)
        if key is None:
            raise Refused(Problem.INVALID, "send task_id or out_task_id", field="task_id")
        return self.shelf.held(self.name, key)

    def _task(self, record: Record, stand: Moment) -> dict[str, Any]:
        task: dict[str, Any] = {"task_id": record.id}
        if record.key is not None:
            task["out_task_id"] = record.key
        task["status"] = _WORDS[stand.state]
        if stand.state is State.COMPLETED:
            return task | {"credits_used": _PRICE, "output": self._outputs(record)}
        if stand.state is not State.FAILED:
            task["estimated_credits"] = _ESTIMATE
        task["estimated_seconds"] = math.ceil(record.directions.takes)
        return task | (_reason(record) if stand.state is State.FAILED else {})

    def _outputs(self, record: Record) -> list[dict[str, Any]]:
        length = {"duration_seconds": SECONDS[record.kind]} if record.kind in SECONDS else {}
        return [{"type": file.kind, "url": self.url(record, file), **length} for file in works(record)]


def _reason(record: Record) -> dict[str, str]:
    if record.directions.end is End.MODERATED:
        return {"error_code": "content_policy", "error_message": "Upstream refused the prompt"}
    return {"error_code": "generation_failed", "error_message": record.directions.reason or "Upstream error"}


async def _bounded_object(request: Request) -> dict[str, Any]:
    if int(request.headers.get("content-length", "0")) > _MOST_BYTES or len(await request.body()) > _MOST_BYTES:
        raise Refused(Problem.TOO_LARGE)
    return await json_object(request)
