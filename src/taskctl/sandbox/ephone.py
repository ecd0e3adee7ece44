"""The sandbox in ePhone's dialect: everything inside `input`, no progress, no cancelling."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from taskctl.sandbox.answers import Problem, json_answer
from taskctl.sandbox.directions import End
from taskctl.sandbox.fate import State
from taskctl.sandbox.provider import Order, Provider
from taskctl.sandbox.reading import check_callback, json_object, member, only, optional
from taskctl.sandbox.works import kind_of, works

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.answers import Refused
    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.shelf import Record

__all__ = ["EPhone"]

_WORDS = {
    State.QUEUED: "queued",
    State.RUNNING: "in_progress",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.UNKNOWN: "hibernating",
}
_REFUSALS = {
    Problem.INVALID: (400, "invalid request", "invalid_request_error", "invalid_request"),
    Problem.UNAUTHORIZED: (401, "invalid token", "authentication_error", ""),
    Problem.NO_CREDIT: (402, "user quota is not enough", "insufficient_quota_error", "insufficient_user_quota"),
    Problem.NOT_FOUND: (404, "task not found", "invalid_request_error", "task_not_found"),
    Problem.NO_ROUTE: (404, "Invalid URL", "invalid_request_error", ""),
    Problem.NO_METHOD: (405, "Method not allowed", "invalid_request_error", ""),
    Problem.RATE_LIMITED: (429, "too many requests, slow down", "rate_limit_error", "rate_limit_exceeded"),
}
_MODELS = ("kling-v3/text-to-video", "seedream-5", "suno-v5")


class EPhone(Provider):
    """`/ephone`."""

    name = "ephone"
    cancels = False

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /v1/task/submit": self.submit,
            "GET /v1/task/{task_id}": self.query,
            "GET /v1/models": self.models,
            "GET /v1/dashboard/billing/subscription": self.subscription,
            "GET /v1/dashboard/billing/usage": self.usage,
        }

    def new_id(self, _: Order, /) -> str:
        """Like `task_h7q2m9`."""
        return f"task_{secrets.token_hex(6)}"

    async def submit(self, request: Request) -> Response:
        """Take a task; answers as a query would."""
        body = await json_object(request)
        only(body, ("model", "input", "callback_url"))
        model, given = member(body, "model", str), member(body, "input", dict)
        check_callback(optional(body, "callback_url", str))
        prompt = member(given, "prompt", str)
        record, _ = self.accept(Order(kind=kind_of(model), model=model, prompt=prompt, body=body))
        return json_answer(self._task(record, self.moment(record)))

    async def query(self, request: Request) -> Response:
        """How a task stands."""
        return json_answer(self._task(*self.look(self.find(request.path_params["task_id"]))))

    async def models(self, _: Request) -> Response:
        """What models there are."""
        return json_answer({"data": [{"id": model} for model in _MODELS]})

    async def subscription(self, _: Request) -> Response:
        """How much may be spent."""
        return json_answer({"object": "billing_subscription", "hard_limit_usd": 100.0})

    async def usage(self, _: Request) -> Response:
        """How much has been spent, in cents."""
        return json_answer({"object": "list", "total_usage": 1250.0})

    def refuse(self, request: Request, refused: Refused, /) -> Response:
        """A refusal with an error object."""
        status, message, kind, code = _REFUSALS[refused.problem]
        message = refused.message or message
        if refused.problem is Problem.NO_ROUTE:
            message += f" ({request.method} {request.url.path})"
        if refused.problem is not Problem.RATE_LIMITED:
            message += f" (request id: {time.strftime('%Y%m%d%H%M%S', time.gmtime(self.now()))})"
        error = {"message": message, "type": kind, "code": code}
        headers = {"Retry-After": "1"} if refused.problem is Problem.RATE_LIMITED else None
        return json_answer({"error": error}, status, headers)

    def _task(self, record: Record, stand: Moment) -> dict[str, Any]:
        task: dict[str, Any] = {"id": record.id, "status": _WORDS[stand.state], "created_at": int(record.created_at)}
        if stand.finished_at is not None:
            task["completed_at"] = int(stand.finished_at)
        if stand.state is State.COMPLETED:
            task["outputs"] = self._links(record)
        if stand.state is State.FAILED:
            moderated = record.directions.end is End.MODERATED
            reason = "Prompt was rejected by the provider's content filter" if moderated else record.directions.reason
            task["error"] = reason or "Generation failed"
        return task

    def _links(self, record: Record) -> list[str]:
        files = works(record)
        return [self.url(record, file, extension=len(files) == 1) for file in files]
