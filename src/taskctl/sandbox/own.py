"""The sandbox's own dialect: a model API that has everything."""

from __future__ import annotations

import secrets
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import Response

from taskctl.sandbox.answers import Problem, Refused, iso, json_answer, xml_page
from taskctl.sandbox.directions import End
from taskctl.sandbox.fate import State
from taskctl.sandbox.provider import Order, Provider
from taskctl.sandbox.ranges import file_answer
from taskctl.sandbox.reading import bearer, json_object, member, number, only, optional, uploaded
from taskctl.sandbox.stream import event_stream
from taskctl.sandbox.uploads import Upload, Uploads
from taskctl.sandbox.works import content, kind_of, works

if TYPE_CHECKING:
    from starlette.requests import Request

    from taskctl.sandbox.api import Desk, Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.shelf import Record

__all__ = ["Own"]

_REFUSALS = {
    Problem.INVALID: (400, "invalid_request", "the request makes no sense"),
    Problem.UNAUTHORIZED: (401, "wrong_key", "the key is wrong"),
    Problem.NO_CREDIT: (402, "no_credit", "the credit is used up"),
    Problem.NOT_FOUND: (404, "task_not_found", "there is no such task"),
    Problem.NO_ROUTE: (404, "not_found", "there is nothing here"),
    Problem.NO_METHOD: (405, "method_not_allowed", "this cannot be done here"),
    Problem.CONFLICT: (409, "key_conflict", "the key was used for another request"),
    Problem.BUSY: (409, "still_running", "the task has not ended"),
    Problem.RATE_LIMITED: (429, "rate_limited", "too many requests"),
}
_MODELS = ("sandbox-video", "sandbox-image", "sandbox-audio")
_PRICE = 1.0
_MOST_PER_PAGE = _MOST_PER_QUERY = 100


class Own(Provider):
    """`/sandbox`."""

    name = "sandbox"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._uploads = Uploads(desk.shelf, "sandbox")

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what."""
        return {
            "POST /v1/tasks": self.submit,
            "GET /v1/tasks": self.listing,
            "POST /v1/tasks/query": self.query_many,
            "GET /v1/tasks/{task_id}": self.query,
            "DELETE /v1/tasks/{task_id}": self.delete,
            "POST /v1/tasks/{task_id}/cancel": self.cancel,
            "GET /v1/tasks/{task_id}/events": self.events,
            "POST /v1/files": self.upload,
            "GET /v1/models": self.models,
        }

    def public_routes(self) -> dict[str, Endpoint]:
        """Results and uploaded files need no key."""
        return {"GET /media/files/{file_id}/{name}": self.show} | super().public_routes()

    def authorize(self, request: Request) -> None:
        """No key is wanted, but the wrong one is wrong."""
        if bearer(request) == "wrong":
            raise Refused(Problem.UNAUTHORIZED)

    def new_id(self, _: Order, /) -> str:
        """Like `sb_` and sixteen digits."""
        return f"sb_{secrets.token_hex(8)}"

    async def submit(self, request: Request) -> Response:
        """Take a task, or give the one that its key has already."""
        body = await json_object(request)
        only(body, ("model", "input", "key", "callback_url"))
        model, given = optional(body, "model", str) or _MODELS[0], member(body, "input", dict)
        key, _ = optional(body, "key", str), optional(body, "callback_url", str)
        prompt = member(given, "prompt", str)
        record, new = self.accept(
            Order(kind=kind_of(model), model=model, prompt=prompt, body=body, key=key, same=[model, given])
        )
        return json_answer(self._task(record, self.moment(record)), 201 if new else 200)

    async def query(self, request: Request) -> Response:
        """How a task stands."""
        return json_answer(self._task(*self.look(self.find(request.path_params["task_id"]))))

    async def query_many(self, request: Request) -> Response:
        """How many tasks stand; those that are unknown are missing."""
        body = await json_object(request)
        only(body, ("ids",))
        ids = member(body, "ids", list)
        if len(ids) > _MOST_PER_QUERY or not all(isinstance(each, str) for each in ids):
            raise Refused(Problem.INVALID, f"ids must hold at most {_MOST_PER_QUERY} strings")
        return json_answer({"tasks": self._looks([self.find(each) for each in ids])})

    async def listing(self, request: Request) -> Response:
        """One page of all tasks, newest first, or the one task of a key."""
        words = request.query_params
        page, size = number(words, "page", 1, 10**6), number(words, "page_size", 20, _MOST_PER_PAGE)
        if "key" in words:
            tasks = self._looks([self.shelf.held(self.name, words["key"])])
            return json_answer({"tasks": tasks, "total": len(tasks), "page": 1, "page_size": size})
        known = list(reversed(self.known()))
        start = (page - 1) * size
        tasks = [self._task(record, stand) for record, stand in known[start : start + size]]
        return json_answer({"tasks": tasks, "total": len(known), "page": page, "page_size": size})

    async def cancel(self, request: Request) -> Response:
        """Stop a task; one that has ended stays as it is."""
        return json_answer(self._task(*self.stop(self._known(request))))

    async def delete(self, request: Request) -> Response:
        """Remove a task that has ended."""
        record = self._known(request)
        if not self.moment(record).ended:
            raise Refused(Problem.BUSY)
        self.shelf.remove(record)
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """The changes of a task, each time the whole of it."""
        return event_stream(self, request.path_params["task_id"], "task", self._task)

    async def upload(self, request: Request) -> Response:
        """Keep a file."""
        part = await uploaded(request)
        upload = Upload(
            id=secrets.token_hex(8),
            name=PurePosixPath(part.name).name or "file",
            content_type=part.content_type,
            size=len(part.data),
            created_at=self.now(),
        )
        self._uploads.put(upload, part.data)
        name = quote(upload.name, safe="", errors="replace")
        return json_answer({"url": f"/{self.name}/media/files/{upload.id}/{name}"}, 201)

    async def show(self, request: Request) -> Response:
        """An uploaded file."""
        found = self._uploads.find(request.path_params["file_id"])
        if found is None:
            return xml_page("NoSuchKey", "The specified key does not exist.", 404)
        return file_answer(request, found[1], found[0].content_type)

    async def models(self, _: Request) -> Response:
        """What models there are."""
        return json_answer({"models": [{"id": model} for model in _MODELS]})

    def refuse(self, _: Request, refused: Refused, /) -> Response:
        """A refusal: a code and a sentence."""
        status, code, message = _REFUSALS[refused.problem]
        headers = {"Retry-After": "1"} if refused.problem is Problem.RATE_LIMITED else None
        return json_answer({"error": {"code": code, "message": refused.message or message}}, status, headers)

    def _known(self, request: Request) -> Record:
        record = self.find(request.path_params["task_id"])
        if record is None or self.moment(record).state is State.FORGOTTEN:
            raise Refused(Problem.NOT_FOUND)
        return record

    def _looks(self, records: list[Record | None]) -> list[dict[str, Any]]:
        tasks = []
        for record in records:
            try:
                tasks.append(self._task(*self.look(record)))
            except Refused:
                continue
        return tasks

    def _task(self, record: Record, stand: Moment) -> dict[str, Any]:
        remaining = record.created_at + record.directions.takes - self.now()
        completed = stand.state is State.COMPLETED
        return {
            "id": record.id,
            "key": record.key,
            "model": record.model,
            "state": "hibernating" if stand.state is State.UNKNOWN else stand.state.value,
            "progress": stand.progress,
            "created_at": iso(record.created_at),
            "finished_at": iso(stand.finished_at) if stand.finished_at is not None else None,
            "eta_seconds": None if stand.ended else max(round(remaining, 1), 0),
            "can_cancel": not stand.ended,
            "outputs": self._outputs(record) if completed else [],
            "error": _error(record) if stand.state is State.FAILED else None,
            "cost": {"estimated": _PRICE, "final": _PRICE if completed else None},
            "input": record.body["input"],
        }

    def _outputs(self, record: Record) -> list[dict[str, Any]]:
        return [
            {
                "url": self.url(record, file),
                "kind": file.kind,
                "content_type": file.content_type,
                "bytes": len(content(record.prompt, file.index, file.extension)),
            }
            for file in works(record)
        ]


def _error(record: Record) -> dict[str, str]:
    if record.directions.end is End.MODERATED:
        return {"code": "moderated", "message": "the prompt was refused by moderation"}
    return {"code": "failed", "message": record.directions.reason or "the task failed"}
