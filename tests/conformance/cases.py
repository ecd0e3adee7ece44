"""The sample answers and requests of every shipped dialect, read from their files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from taskctl.dialects.dialect import Dialect
from taskctl.dialects.load import Dialects, shipped
from taskctl.dialects.messages import Answer
from taskctl.dialects.site import Site

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An answer of a provider, what it answers, and how it has to be read."""

    dialect: str
    name: str
    to: str
    status: int
    expect: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    text: str | None = None
    asked: str | None = None
    key: str | None = None
    operation: str | None = None
    field: str | None = None

    @property
    def answer(self) -> Answer:
        content = json.dumps(self.body) if self.text is None else self.text
        return Answer(status=self.status, headers=self.headers, body=content.encode())

    def __str__(self) -> str:
        return f"{self.dialect}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An order, and the request that has to come of it."""

    dialect: str
    name: str
    model: str | None
    input: dict[str, Any]
    key: str
    expect: dict[str, Any]
    operation: str | None = None
    callback_url: str | None = None

    def __str__(self) -> str:
        return f"{self.dialect}/{self.name}"


@cache
def dialect(name: str) -> Dialect:
    return Dialects().get(name)


def site(name: str) -> Site:
    return Site(dialect(name), dialect(name).form.base_url)


@cache
def answers() -> tuple[Sample, ...]:
    return tuple(Sample(dialect=name, name=stem, **found) for name, stem, found in _files() if not _is_request(stem))


@cache
def requests() -> tuple[Wanted, ...]:
    return tuple(Wanted(dialect=name, name=stem, **found) for name, stem, found in _files() if _is_request(stem))


def _files() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in shipped():
        for path in sorted((FOLDER / name).glob("*.json")):
            yield name, path.stem, json.loads(path.read_text("utf-8"))


def _is_request(stem: str) -> bool:
    return stem.endswith(".request")
