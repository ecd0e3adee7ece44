"""A world for the flow: a real history, a clock on which nothing takes time, and providers that follow a script."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from taskctl.clock import Clock
from taskctl.dialects.load import Dialects
from taskctl.flow import submitting
from taskctl.model import Task
from taskctl.net.transfer import Progress
from taskctl.net.watched import Seen
from taskctl.profiles import Profiles
from taskctl.runtime import Runtime
from taskctl.store.config import Config
from taskctl.store.history import History
from taskctl.wish import Wish
from tests.conftest import FakeClock

T = TypeVar("T")
Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]
DIALECTS = Dialects()
KEYS = {
    f"{dialect.upper()}_API_KEY": f"canary-of-{dialect}"
    for dialect in ("ephone", "evolink", "bytespike", "yescale", "moneyprinterturbo")
}


class Heard:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def watching(self, tasks: Sequence[Task], timeout: float, estimates: object) -> None:
        pass

    def seen(self, news: Sequence[Seen]) -> None:
        pass

    def unwatch(self) -> None:
        pass

    def transferring(self, progress: list[Progress]) -> None:
        pass

    def transferred(self) -> None:
        pass


class Script:
    """Answers to requests, by the end of their path; of several the last one stays."""

    def __init__(self, **answers: Answer | list[Answer]) -> None:
        self.asked: list[httpx2.Request] = []
        self._left = {name: list(given) if isinstance(given, list) else [given] for name, given in answers.items()}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        left = self._left[request.url.path.rpartition("/")[2].replace("-", "_")]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def also(self, **answers: Answer) -> None:
        """Answer these, too, where nothing else was said."""
        for name, answer in answers.items():
            self._left.setdefault(name, [answer])

    def to(self, end: str) -> list[httpx2.Request]:
        """The requests whose path ends so."""
        return [request for request in self.asked if request.url.path.endswith(end)]


def says(code: int = 200, /, **body: object) -> Callable[[httpx2.Request], httpx2.Response]:
    """An answer that may be given any number of times."""
    return lambda _: httpx2.Response(code, json=body)


def body_of(request: httpx2.Request) -> Any:
    return json.loads(request.content)


@dataclass
class World:
    """Everything that one invocation after the other shares."""

    folder: Path
    clock: FakeClock
    heard: Heard = field(default_factory=Heard)

    @property
    def history_path(self) -> Path:
        return self.folder / "history.db"

    def history(self) -> History:
        """The history, as another process would open it."""
        return History.open(self.history_path, clock=self.clock)

    def runtime(
        self,
        handler: Callable[[httpx2.Request], httpx2.Response],
        *,
        chosen: str | None = None,
        environ: dict[str, str] | None = None,
        config: Config | None = None,
        clock: Clock | None = None,
    ) -> Runtime:
        environ = KEYS if environ is None else environ
        return Runtime(
            profiles=Profiles(config or Config(), DIALECTS, environ, chosen),
            history=History.open(self.history_path, clock=clock or self.clock),
            clock=clock or self.clock,
            listener=self.heard,
            environ=environ,
            sandbox_folder=self.folder / "sandbox",
            transport=httpx2.MockTransport(handler),
        )

    def run(
        self,
        handler: Callable[[httpx2.Request], httpx2.Response],
        work: Callable[[Runtime], Coroutine[Any, Any, T]],
        **more: Any,
    ) -> T:
        """What this work returns in an invocation of its own."""
        with self.runtime(handler, **more) as runtime:
            return runtime.run(work(runtime))

    def submit(self, handler: Callable[[httpx2.Request], httpx2.Response], profile: str, **wish: Any) -> Task:
        """The task of this wish, submitted in an invocation of its own."""
        return self.run(handler, lambda runtime: submitting.submit(runtime, wished(runtime, profile, **wish)))

    def rows(self) -> list[Task]:
        """What the history knows, newest first."""
        with self.history() as history:
            return history.tasks()


def wished(runtime: Runtime, profile: str, **wish: Any) -> Wish:
    """A wish that any provider could fulfil."""
    given: dict[str, Any] = {"model": "m", "input": {"prompt": "a dog"}, **wish}
    return Wish(profile=runtime.profiles.named(profile), **given)


def nobody(request: httpx2.Request) -> httpx2.Response:
    """Whoever is asked here should not have been."""
    raise AssertionError(f"nothing should be sent, and this was: {request.method} {request.url}")


class Interrupting(FakeClock):
    """A clock on which the first sleep is the moment of Ctrl-C."""

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002  # the clock's signature
        raise asyncio.CancelledError
