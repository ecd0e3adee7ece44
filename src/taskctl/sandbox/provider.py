"""What all the sandbox's dialects have in common: how a submit is taken, a task looked at, a file handed out."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from taskctl.sandbox.answers import Instead, NoAnswer, Problem, Refused, html_page, xml_page
from taskctl.sandbox.api import Api
from taskctl.sandbox.directions import directions_of
from taskctl.sandbox.fate import State, moment
from taskctl.sandbox.links import is_good, link
from taskctl.sandbox.ranges import file_answer
from taskctl.sandbox.shelf import Record, hashed
from taskctl.sandbox.works import content, work

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.works import Work

__all__ = ["Order", "Provider"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """A submit that the dialect understood; `same` is what must come again when its key does."""

    kind: str
    model: str
    prompt: str
    body: dict[str, Any]
    operation: str = "generate"
    outputs: int = 1
    key: str | None = None
    same: object = None


class Provider(Api):
    """A provider that takes tasks."""

    cancels: ClassVar[bool] = True  # whether it has a state for tasks that were

    @abstractmethod
    def new_id(self, order: Order, /) -> str:
        """An id as this provider makes them."""

    def public_routes(self) -> dict[str, Endpoint]:
        """The results need no key."""
        return {"GET /media/{slug}/{name}": self.media}

    def accept(self, order: Order) -> tuple[Record, bool]:
        """The task of an order, and whether it is new; the prompt may want it refused or its answer lost."""
        directions = directions_of(order.prompt)
        arrivals = self.shelf.tick("submits", self.name, order.prompt)
        sameness = hashed(json.dumps(order.same, sort_keys=True))
        held = self.shelf.held(self.name, order.key) if order.key is not None else None
        if held is None:
            if arrivals <= directions.rate_limited:
                raise Refused(Problem.RATE_LIMITED, times=arrivals)
            if directions.refused:
                raise Refused(Problem.INVALID, "the prompt asks to be refused", field="prompt")
            if directions.no_credit:
                raise Refused(Problem.NO_CREDIT)
            record = Record(
                id=self.new_id(order),
                dialect=self.name,
                kind=order.kind,
                operation=order.operation,
                model=order.model,
                prompt=order.prompt,
                created_at=self.now(),
                outputs=order.outputs,
                key=order.key,
                sameness=sameness,
                body=order.body,
            )
            held = self.shelf.put(record)
            if held.id == record.id:
                _lose_answer(record)
                return record, True
        if held.sameness != sameness:
            raise Refused(Problem.CONFLICT)
        return held, False

    def look(self, record: Record | None) -> tuple[Record, Moment]:
        """How a task stands, for a client that asks about it; the prompt may want that to go wrong at first."""
        if record is None:
            raise Refused(Problem.NOT_FOUND)
        late, flaky = record.directions.late, record.directions.flaky
        if late or flaky:
            looks = self.shelf.tick("looks", record.dialect, record.id) - late
            if looks == 0:
                raise Refused(Problem.NOT_FOUND)
            if looks <= flaky:
                raise Instead(_page(502))
        stand = self.moment(record)
        if stand.state is State.FORGOTTEN:
            raise Refused(Problem.NOT_FOUND)
        return record, stand

    def stop(self, record: Record) -> tuple[Record, Moment]:
        """Cancel a task unless it has ended, and say how it stands then."""
        if not self.moment(record).ended:
            self.shelf.cancel(record, self.now())
        current = self.find(record.id) or record
        return current, self.moment(current)

    def find(self, task_id: str) -> Record | None:
        """This provider's task of that id."""
        return self.shelf.find(self.name, task_id)

    def moment(self, record: Record) -> Moment:
        """How a task stands now."""
        stand = moment(record, self.now())
        if stand.state is State.CANCELLED and not self.cancels:
            return replace(stand, state=State.COMPLETED, progress=100)
        return stand

    def known(self) -> list[tuple[Record, Moment]]:
        """Every task that this provider still knows, oldest first."""
        stands = [(record, self.moment(record)) for record in self.shelf.all(self.name)]
        return [(record, stand) for record, stand in stands if stand.state is not State.FORGOTTEN]

    def url(self, record: Record, file: Work, *, extension: bool = True) -> str:
        """Where a file is, relative to the host, so that it survives a change of port."""
        name = file.name if extension else file.name.rpartition(".")[0]
        return link(record, f"/{self.name}/media/{record.slug}/{name}", self.now())

    async def media(self, request: Request) -> Response:
        """A file of a completed task."""
        record = self.shelf.find_slug(self.name, request.path_params["slug"])
        file = work(record, request.path_params["name"]) if record else None
        if record is None or file is None or self.moment(record).state not in (State.COMPLETED, State.FORGOTTEN):
            return xml_page("NoSuchKey", "The specified key does not exist.", 404)
        data = content(record.prompt, file.index, file.extension)
        return self.deliver(request, record, request.scope["path"], data, file.content_type)

    def deliver(self, request: Request, record: Record, path: str, data: bytes, content_type: str) -> Response:
        """A file, unless the prompt wants its link to break."""
        if record.directions.html:
            return html_page("Please sign in", 200)
        if not is_good(record, path, request.query_params, self.now()):
            return self.expired()
        return file_answer(request, data, content_type)

    def expired(self) -> Response:
        """What a link says that no longer holds."""
        return xml_page("AccessDenied", "Request has expired", 403)


def _page(status: int) -> Response:
    known = status in {each.value for each in HTTPStatus}
    return html_page(f"{status} {HTTPStatus(status).phrase if known else ''}".strip(), status)


def _lose_answer(record: Record) -> None:
    if record.directions.loses_answer:
        raise Instead(NoAnswer())
    if record.directions.answers is not None:
        raise Instead(_page(record.directions.answers))
