"""A web API as the sandbox writes one: a table of routes, a key at the door, and refusals in its own words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from taskctl.sandbox.answers import Instead, Problem, Refused
from taskctl.sandbox.reading import bearer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.shelf import Shelf

    Endpoint = Callable[[Request], Awaitable[Response]]

__all__ = ["Api", "Desk"]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the APIs share: the shelf, the clock, and the count of requests by what they asked for."""

    shelf: Shelf
    now: Callable[[], float]
    requests: Counter[str] = field(default_factory=Counter)


class Api(ABC):
    """A provider's requests and answers behind its prefix."""

    name: ClassVar[str]

    def __init__(self, desk: Desk) -> None:
        self.desk, self.shelf, self.now = desk, desk.shelf, desk.now

    @abstractmethod
    def routes(self) -> dict[str, Endpoint]:
        """Who answers what, as `"METHOD /path"`."""

    @abstractmethod
    def refuse(self, request: Request, refused: Refused, /) -> Response:
        """A refusal in the provider's own words."""

    def public_routes(self) -> dict[str, Endpoint]:
        """What is answered without a key, and to HEAD too."""
        return {}

    def headers(self) -> Mapping[str, str]:
        """What every answer carries."""
        return {}

    def authorize(self, request: Request) -> None:
        """Refuse who has no key, or the one that is the word `wrong`."""
        if bearer(request) in ("", "wrong"):
            raise Refused(Problem.UNAUTHORIZED)

    def app(self) -> Starlette:
        """The provider as a web application."""
        public = [self._route(words, endpoint) for words, endpoint in self.public_routes().items()]
        guarded = [self._route(words, endpoint, guarded=True) for words, endpoint in self.routes().items()]
        handlers = {Refused: self._on_refused, Instead: _on_instead, HTTPException: self._on_http}
        app = Starlette(routes=public + guarded, exception_handlers=handlers)
        app.router.redirect_slashes = False  # a path that is nearly right is wrong
        return app

    def _route(self, words: str, endpoint: Endpoint, *, guarded: bool = False) -> Route:
        method, _, path = words.partition(" ")
        template = f"{method} /{self.name}{path}"

        async def counted(request: Request) -> Response:
            self.desk.requests[template] += 1
            if guarded:
                self.authorize(request)
            return self._complete(await endpoint(request))

        route = Route(path, counted, methods=[method])
        if guarded and route.methods:
            route.methods.discard("HEAD")
        return route

    def _complete(self, response: Response) -> Response:
        for name, value in self.headers().items():
            response.headers.setdefault(name, value)
        return response

    async def _on_refused(self, request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Refused)  # noqa: S101 - Starlette's handlers take any Exception
        return self._complete(self.refuse(request, problem))

    async def _on_http(self, request: Request, problem: Exception) -> Response:
        self.desk.requests[f"{request.method} /{self.name} (no such route)"] += 1
        kind = Problem.NO_METHOD if getattr(problem, "status_code", 0) == 405 else Problem.NO_ROUTE
        return self._complete(self.refuse(request, Refused(kind)))


async def _on_instead(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Instead)  # noqa: S101 - Starlette's handlers take any Exception
    return problem.response
