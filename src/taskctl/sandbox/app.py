"""The sandbox as one web application: every dialect behind its prefix, a page for people, and a view for tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from taskctl.sandbox.answers import json_answer
from taskctl.sandbox.api import Desk
from taskctl.sandbox.bytespike import ByteSpike
from taskctl.sandbox.directions import WORDS
from taskctl.sandbox.ephone import EPhone
from taskctl.sandbox.evolink import EvoLink
from taskctl.sandbox.moneyprinterturbo import MoneyPrinterTurbo
from taskctl.sandbox.own import Own
from taskctl.sandbox.shelf import Shelf
from taskctl.sandbox.yescale import YEScale

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["PREFIXES", "create_app"]

_PROVIDERS = (EPhone, EvoLink, ByteSpike, YEScale, MoneyPrinterTurbo, Own)
PREFIXES = tuple(provider.name for provider in _PROVIDERS)

_PAGE = """\
The taskctl sandbox: a provider on your own machine. It makes small pictures, tunes and clips, costs nothing and
needs no key (the dialects that want one take any, but for the word `wrong`).

Behind these prefixes it speaks as that provider does:

{prefixes}

Try its own:

  curl -s {url}/sandbox/v1/tasks -H 'Content-Type: application/json' \\
    -d '{{"model": "sandbox-video", "input": {{"prompt": "a lighthouse in a storm [takes 5s]"}}}}'
  curl -s {url}/sandbox/v1/tasks

Words in square brackets in a prompt say what shall happen:

{words}

GET /_sandbox/tasks shows every task and how often its prompt was submitted, GET /_sandbox/requests what was asked.
"""


def create_app(folder: Path, *, now: Callable[[], float] = time.time) -> Starlette:
    """The sandbox with its state in a folder and its time from a clock."""
    desk = Desk(shelf=Shelf(folder), now=now)

    async def page(request: Request) -> Response:
        width = max(len(word.example) for word in WORDS) + 4
        words = "\n".join(f"  {f'[{word.example}]':{width}}{word.does}" for word in WORDS)
        prefixes = "\n".join(f"  {request.base_url}{prefix}" for prefix in PREFIXES)
        url = str(request.base_url).rstrip("/")
        return PlainTextResponse(_PAGE.format(prefixes=prefixes, words=words, url=url))

    async def tasks(_: Request) -> Response:
        return json_answer(
            [
                {
                    "dialect": record.dialect,
                    "id": record.id,
                    "key": record.key,
                    "submits": desk.shelf.ticks("submits", record.dialect, record.prompt),
                    "created_at": record.created_at,
                    "body": record.body,
                }
                for record in desk.shelf.all()
            ]
        )

    async def requests(_: Request) -> Response:
        return json_answer(desk.requests)

    routes: list[Route | Mount] = [
        Route("/", page),
        Route("/_sandbox/tasks", tasks),
        Route("/_sandbox/requests", requests),
    ]
    app = Starlette(routes=[*routes, *(Mount(f"/{each.name}", each(desk).app()) for each in _PROVIDERS)])
    app.router.redirect_slashes = False
    return app
