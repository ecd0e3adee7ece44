"""Shows how a dialect reads one answer: what each field found, what came of it, and what nothing looked at."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from math import isfinite

from jmespath import visitor

from taskctl.dialects import outputs, values
from taskctl.dialects.dialect import Dialect
from taskctl.dialects.documents import decoded
from taskctl.dialects.expressions import OPTIONS, Expression, Finder, Node
from taskctl.dialects.messages import Answer, Problem
from taskctl.model import Report

_ITEMS = {"outputs": outputs.MEMBERS, "outputs_else": outputs.MEMBERS, "error": (*values.CODES, *values.MESSAGES)}
"""Fields whose finds are read further, member by member."""


def explain(dialect: Dialect, answer: Answer, *, asked: str | None = None) -> dict[str, object]:
    """How the dialect reads this answer to a request about one task, ready to be printed as JSON.

    `found` holds what each expression of `[task]` found, `report` or `problem` what came of it, and `unread` the
    members of the answer that no expression looked at.
    """
    document = decoded(answer.body)
    told = dialect.reader.task(answer, asked=asked)
    watching = _Watching()
    for text in _texts(dialect.form.task.at):
        Expression(text).read(document, watching)
    task = dialect.reader.place(document, asked)
    found = {
        field: _finds(field, getattr(dialect.form.task, field), task, watching)
        for field in dialect.form.task.__struct_fields__
        if field != "at"
    }
    for field in ("ok", "message", "code"):
        _finds(field, getattr(dialect.form.problem, field) or [], document, watching)
    return {
        "found": {field: finds for field, finds in found.items() if finds},
        "report": _plain(told) if isinstance(told, Report) else None,
        "problem": _plain(told) if isinstance(told, Problem) else None,
        "unread": list(dict.fromkeys(watching.unread(document))),
    }


class _Watching(visitor.TreeInterpreter):
    """Reads as ever, and remembers which member of which object was looked at."""

    def __init__(self) -> None:
        super().__init__(OPTIONS)
        self._seen: set[tuple[int, str]] = set()

    def visit_field(self, node: Node, value: object) -> object:
        self.look_at(value, [str(node["value"])])
        return super().visit_field(node, value)  # type: ignore[arg-type]  # a Mapping will do for a node

    def visit_function_expression(self, node: Node, value: object) -> object:
        for child in node["children"]:
            given = self.visit(child, value)
            self.look_at(given, list(given) if isinstance(given, dict) else [])
        return super().visit_function_expression(node, value)  # type: ignore[arg-type]  # a Mapping will do for a node

    def look_at(self, value: object, names: list[str]) -> None:
        if isinstance(value, dict):
            self._seen.update((id(value), name) for name in names)

    def unread(self, value: object, path: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for name, member in value.items():
                below = f"{path}.{name}" if path else name
                if (id(value), name) in self._seen:
                    yield from self.unread(member, below)
                else:
                    yield below
        elif isinstance(value, list):
            for item in value:
                yield from self.unread(item, f"{path}[]")


def _finds(field: str, texts: str | list[str], document: object, watching: _Watching) -> list[dict[str, object]]:
    finds = []
    for text in _texts(texts):
        value = Expression(text).read(document, watching)
        for item in Finder(text).all(document):
            watching.look_at(item, list(_ITEMS.get(field, ())))
        if value not in (None, [], ""):
            finds.append({"expression": text, "value": _jsonable(value)})
    return finds


def _texts(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _plain(told: Report | Problem) -> dict[str, object]:
    return {name: _jsonable(value) for name, value in asdict(told).items() if name != "raw"}


def _jsonable(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case dict():
            return {name: _jsonable(member) for name, member in value.items()}
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case None | bool() | int() | str():
            return value
        case float() if isfinite(value):
            return value
        case _:
            return str(value)
