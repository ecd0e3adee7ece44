"""Whatever a provider answers, in whatever dialect, becomes a task or a documented error."""

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any, TypeVar

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskctl.cli import document, tables
from taskctl.dialects.load import Dialects
from taskctl.dialects.messages import Problem
from taskctl.dialects.site import Order, Site
from taskctl.errors import ExitCode, TaskctlError
from taskctl.model import Report, Task
from taskctl.net.provider import Provider
from taskctl.net.wire import Wire
from taskctl.profiles import Profiles
from taskctl.secret import Secret
from taskctl.store.config import Config
from taskctl.store.rows import encode
from tests.conformance import cases
from tests.conftest import FakeClock

T = TypeVar("T")
NAMES = ("bytespike", "ephone", "evolink", "moneyprinterturbo", "yescale")
FULL = os.environ.get("TASKCTL_FAULTS") == "full"
EXAMPLES = 1000 if FULL else 80
LONGEST = 2.0
"""Seconds for one answer; a loop without an end would take longer."""
ordinary = settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)

# What answers are made of: words that dialects look for, in places where they do not belong.
WORDS = (
    *("id", "task_id", "status", "state", "data", "error", "message", "code", "outputs", "output", "results", "url"),
    *("result", "task_result", "videos", "images", "audio", "progress", "usage", "created_at", "finish_time", "total"),
    *("completed", "failed", "queued", "SUCCESS", "success", "task-1", "1", "-1", "4", "https://cdn.example/a.mp4"),
    *(
        "http://[::1",
        "//",
        "\x00",
        "\ud800",
        "",
        " ",
        "\u202e",
        "x" * 3000,
        "1e999",
        "NaN",
        "9" * 400,
        "2026-01-01T00:00:00Z",
    ),
)
NUMBERS = st.sampled_from(
    [0, 1, 4, -1, 2**63, -(2**63), 10**400, 1e308, 0.5, 1e-9, 253402300800, 1.8e12, 62135596800.0]
)
LEAVES = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


def written(value: object) -> bytes:
    return json.dumps(value).encode()


@cache
def real(name: str) -> tuple[bytes, ...]:
    """The answers of this dialect's documentation and tests."""
    return tuple(sample.answer.body for sample in cases.answers() if sample.dialect == name)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A real answer in which something is wrong: bytes, or a value somewhere."""
    body = draw(st.sampled_from(real(name)))
    how = draw(st.sampled_from(("value", "value", "gone", "cut", "bytes", "as it is")))
    if how in ("value", "gone"):
        with suppress(ValueError):
            found = json.loads(body)
            places = [*_places(found)]
            if places:
                owner, key = draw(st.sampled_from(places))
                owner[key] = draw(DOCUMENTS) if how == "value" else None
            return written(found)
    if how == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if how == "bytes" and body:
        at = draw(st.integers(0, len(body) - 1))
        return body[:at] + draw(st.binary(max_size=4)) + body[at + 1 :]
    return body


def _places(value: Any) -> Any:
    """Every place in a document where something stands: its owner, and its name or number."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def bodies(name: str) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=60) | DOCUMENTS.map(written) | mutated(name) | mutated(name)


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Retry-After": st.sampled_from(
            ["0", "5", "-1", "1e9", "inf", "nan", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 400, "x", ""]
        ),
        "Date": st.sampled_from(["Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 31 Feb 9999 99:99:99 +9999", "x"]),
        "retry-after-ms": st.sampled_from(["1", "-5", "nan"]),
        "X-RateLimit-Reset": st.sampled_from(["0", "1e300", "99999999999999999999", "soon"]),
        "openai-poll-after-ms": st.sampled_from(["0", "9" * 300]),
        "Content-Type": st.sampled_from(["text/html", "application/json; charset=utf-16", "\u00ff", ""]),
        "Location": st.sampled_from(["https://other.example/?secret=1", "\x7f", "//"]),
    },
)
STATUSES = st.sampled_from(
    (
        *(200,) * 12,
        201,
        202,
        204,
        206,
        301,
        302,
        307,
        400,
        401,
        402,
        403,
        404,
        408,
        409,
        410,
        422,
        429,
        500,
        502,
        503,
        504,
        599,
    )
)


@cache
def profiles() -> Profiles:
    return Profiles(Config(), Dialects(), {}, None)


def answered(
    name: str, handler: Callable[[httpx2.Request], httpx2.Response], ask: Callable[[Provider], Coroutine[Any, Any, T]]
) -> T | TaskctlError:
    """What a provider of this dialect brings with these answers: what was asked for, or a documented error."""
    profile = profiles().named(name)

    async def asking() -> T:
        wire = Wire(profile.base_url, FakeClock(), transport=httpx2.MockTransport(handler))
        site = Site(profile.dialect, profile.base_url)
        async with asyncio.timeout(LONGEST), Provider(profile, site, wire, Secret("canary-of-any-answer")) as provider:
            return await ask(provider)

    try:
        return asyncio.run(asking())
    except TaskctlError as error:
        documented(error)
        return error


def documented(error: TaskctlError) -> None:
    """It has an exit code of its own, and can be said."""
    assert error.exit_code not in (ExitCode.DONE, ExitCode.BUG)
    error.message.encode()
    document.written(document.error_json(error))


def saying(status: int, headers: dict[str, str], body: bytes) -> Callable[[httpx2.Request], httpx2.Response]:
    def handler(_: httpx2.Request) -> httpx2.Response:
        said = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return httpx2.Response(status, headers=said, content=body)

    return handler


def usable(name: str, report: Report, id_: str | None = None) -> Task:
    """The task of a report, which can be recorded, read again and shown."""
    profile = profiles().named(name)
    asked = Task(id=id_, key="key-1", profile=name, dialect=name, base_url=profile.base_url)
    task = asked.told(report, now=FakeClock().now())
    document.written(document.task_json(task, {task.name: report.raw}))
    tables.tsv(task).encode()
    with sqlite3.connect(":memory:") as db:
        columns = encode(task)
        db.execute(f"SELECT {','.join('?' * len(columns))}", list(columns.values()))
    db.close()
    assert task.progress is None or 0 <= task.progress <= 100
    return task


@pytest.mark.parametrize("name", NAMES)
def test_any_answer_to_a_submit_is_a_task_with_an_id_or_a_documented_error(name: str) -> None:
    profile = profiles().named(name)
    operation = profile.dialect.operation(None, None)
    model = None if operation.model == "none" else "m"
    order = Order(operation=operation, model=model, input={"prompt": "x"}, key="key-1")

    @ordinary
    @given(STATUSES, HEADERS, bodies(name))
    def check(status: int, headers: dict[str, str], body: bytes) -> None:
        sent = count()

        def handler(request: httpx2.Request) -> httpx2.Response:
            next(sent)
            return saying(status, headers, body)(request)

        found = answered(name, handler, lambda provider: provider.submit(provider.site.submit(order), order))
        assert next(sent) == 1, "it is sent exactly once"
        if isinstance(found, Report):
            task = usable(name, found)
            assert task.id
            assert task.id.isascii()
            assert task.id.isprintable()
            assert " " not in task.id
            assert 200 <= status < 300
        elif isinstance(found, Problem):
            found.message.encode()
            assert found.retry_after is None or found.retry_after >= 0

    check()


@pytest.mark.parametrize("name", NAMES)
def test_any_answer_to_a_look_is_a_task_or_a_documented_error(name: str) -> None:
    @ordinary
    @given(STATUSES, HEADERS, bodies(name), st.booleans())
    def check(status: int, headers: dict[str, str], body: bytes, by_key: bool) -> None:
        able = "query_by_key" in profiles().named(name).dialect.abilities
        found = answered(
            name,
            saying(status, headers, body),
            lambda provider: provider.find("key-1") if by_key and able else provider.look("task-1"),
        )
        if isinstance(found, Report):
            assert 200 <= status < 300
            usable(name, found, "task-1")

    check()


@pytest.mark.parametrize("name", ["evolink", "moneyprinterturbo", "sandbox"])
def test_any_answer_to_a_list_is_tasks_with_ids_or_a_documented_error(name: str) -> None:
    @ordinary
    @given(STATUSES, HEADERS, st.lists(bodies(name), min_size=1, max_size=3))
    def check(status: int, headers: dict[str, str], pages: list[bytes]) -> None:
        left = list(pages)

        def handler(request: httpx2.Request) -> httpx2.Response:
            return saying(status, headers, left.pop(0) if len(left) > 1 else left[0])(request)

        async def listed(provider: Provider) -> list[Report]:
            return [report async for report in provider.tasks(None)]

        found = answered(name, handler, listed)
        for report in found if isinstance(found, list) else ():
            assert usable(name, report).id
        many = answered(name, handler, _looked_at_many)
        for id_, report in many.items() if isinstance(many, dict) else ():
            assert usable(name, report, id_).id == id_

    check()


async def _looked_at_many(provider: Provider) -> dict[str, Report]:
    return await provider.look_at_many(["task-1", "task-2"])


def test_a_list_without_an_end_is_left_at_some_point() -> None:
    pages = count()

    def handler(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"data": [{"id": f"task-{next(pages)}", "status": "queued"}], "total": 10**9})

    async def listed(provider: Provider) -> int:
        return len([report async for report in provider.tasks(None)])

    assert answered("evolink", handler, listed) == next(pages) <= 1000


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Server-sent events of real and of any data, with anything between."""
    name, pieces = "bytespike", []
    for _ in range(draw(st.integers(0, 5))):
        data = draw(bodies(name)).replace(b"\n", draw(st.sampled_from((b" ", b"\ndata: ", b"\n"))))
        begin = draw(
            st.sampled_from(
                (b"data: ", b"data:", b"event: task\ndata: ", b"id: \x00\ndata: ", b": ", b"retry: 0\n", b"", b"\xff")
            )
        )
        pieces.append(begin + data + draw(st.sampled_from((b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b""))))
    return b"".join(pieces)


@pytest.mark.parametrize("name", ["bytespike", "sandbox"])
def test_any_stream_is_reports_or_a_documented_error(name: str) -> None:
    @ordinary
    @given(
        STATUSES, streams(), st.sampled_from(["text/event-stream", "text/event-stream; charset=latin-1", "text/html"])
    )
    def check(status: int, content: bytes, kind: str) -> None:
        async def followed(provider: Provider) -> list[Report]:
            async with provider.stream("task-1") as reports:
                return [report async for report in reports or _nothing()]

        def handler(_: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(status, headers={"Content-Type": kind}, content=_in_pieces(content))

        found = answered(name, handler, followed)
        for report in found if isinstance(found, list) else ():
            assert status == 200
            assert usable(name, report, "task-1").id == "task-1"

    check()


async def _nothing() -> AsyncIterator[Report]:
    return
    yield


async def _in_pieces(content: bytes) -> AsyncIterator[bytes]:
    """The content as a network brings it."""
    for start in range(0, len(content), 7):
        yield content[start : start + 7]
