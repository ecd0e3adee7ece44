"""Reads answers by the expressions of a dialect: a task, many tasks, or a problem."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from math import isfinite
from typing import Never

from taskctl.dialects import values
from taskctl.dialects.expressions import Expression, Finder
from taskctl.dialects.format import Format1
from taskctl.dialects.messages import Answer, Problem, Trouble
from taskctl.dialects.templates import Template
from taskctl.durations import seconds
from taskctl.model import Cost, Failure, Kind, Output, Report, Role, State

DEEPEST = 64
"""Levels of nesting; what lies deeper is no answer of a media API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of what the provider knows."""

    reports: tuple[Report, ...]
    total: int | None = None
    cursor: str | None = None


class _Sought:
    """The compiled expressions of one table of the file."""

    def __init__(self, table: object, names: tuple[str, ...]) -> None:
        self._finders = {name: Finder(getattr(table, name)) for name in names}

    def __getattr__(self, name: str) -> Finder:
        return self._finders[name]


class Reader:
    """Reads the answers of one dialect. Pure: it is given bytes and gives back values."""

    def __init__(self, dialect: Format1) -> None:
        self._built_url = Template(dialect.download.url) if dialect.download.url else None
        fields = tuple(name for name in dialect.task.__struct_fields__)
        self._task = _Sought(dialect.task, fields)
        self._problem = _Sought(dialect.problem, ("message", "code"))
        self._ok = Expression(dialect.problem.ok) if dialect.problem.ok else None
        self._fields = dialect.problem
        self._states = {word.casefold(): State(ours) for ours, words in dialect.states.items() for word in words}
        self._unit = dialect.unit
        self._links_live = timedelta(seconds=seconds(dialect.links_live)) if dialect.links_live else None

    def task(self, answer: Answer, *, asked: str | None = None, acknowledges: Finder | None = None) -> Report | Problem:
        """What an answer to a request about one task says: the task, or a problem.

        `asked` is the id that the request named; `acknowledges` finds the id in the answer to a submit.
        """
        document = self._document(answer)
        if isinstance(document, Problem):
            return document
        report = self.report(document, asked=asked, acknowledges=acknowledges)
        if report is None or (report.id is None and acknowledges is not None):
            return self._unreadable(answer, document)
        return report

    def page(
        self, answer: Answer, items: Expression, *, total: Expression | None = None, cursor: Expression | None = None
    ) -> Page | Problem:
        """What an answer that holds many tasks says."""
        document = self._document(answer)
        if isinstance(document, Problem):
            return document
        found = items.read(document)
        if not isinstance(found, list):
            return self._unreadable(answer, document)
        reports = (self.report(item) for item in found)
        said = values.number(total.read(document)) if total else None
        return Page(
            reports=tuple(report for report in reports if report is not None and report.id),
            total=None if said is None else int(said),
            cursor=values.text(cursor.read(document)) if cursor else None,
        )

    def value(self, answer: Answer, expression: Expression) -> object | Problem:
        """What an expression finds in an answer that is no task: an upload's URL, a list of models."""
        document = self._document(answer)
        if isinstance(document, Problem):
            return document
        found = expression.read(document)
        return self._unreadable(answer, document) if found is None else found

    def accepted(self, answer: Answer) -> Problem | None:
        """The problem that an answer tells, where its content does not matter otherwise."""
        if 200 <= answer.status < 300 and not answer.body.strip():
            return None
        document = self._document(answer)
        return document if isinstance(document, Problem) else None

    def event(self, data: str) -> Report | None:
        """The task that one frame of a stream tells of, whole or in part; None where it tells of none."""
        document = decoded(data.encode(errors="backslashreplace"))
        for candidate in (document, *_inner(document)):
            report = self.report(candidate)
            if report is not None and (report.provider_state or report.outputs):
                return report
        return None

    def report(
        self, document: object, *, asked: str | None = None, acknowledges: Finder | None = None
    ) -> Report | None:
        """What a decoded answer says about a task; None where it holds no task."""
        at = self._task.at.first(document, _object)
        found = document if at is None else at
        task = self._task
        id_ = acknowledges.first(document, values.identifier) if acknowledges else None
        id_ = id_ or task.id.first(found, values.identifier)
        word = task.state.first(found, values.text)
        if id_ is None and word is None:
            return None
        state = self._states.get(word.casefold(), State.UNKNOWN) if word else None
        cost = Cost(
            estimated=task.cost_estimated.first(found, values.number),
            final=task.cost_final.first(found, values.number),
            unit=self._unit,
        )
        return Report(
            id=id_ or asked,
            key=task.key.first(found, values.text),
            state=state,
            provider_state=word,
            progress=task.progress.first(found, values.progress),
            can_cancel=task.can_cancel.first(found, values.boolean),
            message=task.message.first(found, values.text),
            model=task.model.first(found, values.text),
            submitted_at=task.submitted_at.first(found, values.moment),
            finished_at=task.finished_at.first(found, values.moment),
            eta_seconds=task.eta_seconds.first(found, values.number),
            outputs=self._outputs(found, id_ or asked),
            error=self._error(found),
            cost=None if cost.estimated is None and cost.final is None else cost,
            links_live=self._links_live,
            raw=document,
        )

    def _outputs(self, task: object, id_: str | None) -> tuple[Output, ...]:
        fallback = self._task.kind.first(task, values.kind)
        merged: dict[str, Output] = {}
        for item in self._task.outputs.all(task):
            output = _output(item, fallback, self._build_url(item, id_))
            if output is None:
                continue
            same = output.url or f"text:{output.text}"
            merged[same] = _filled(merged[same], output) if same in merged else output
        ranked = sorted(merged.values(), key=lambda output: output.role is Role.EXTRA)
        return tuple(replace(output, index=place) for place, output in enumerate(ranked))

    def _build_url(self, item: object, id_: str | None) -> str | None:
        if self._built_url is None or not isinstance(item, dict) or "url" in item or "text" in item:
            return None
        members = {name: values.text(value) for name, value in item.items()}
        return self._built_url.path({**members, "id": id_}) if self._built_url.names <= {*members, "id"} else None

    def _error(self, task: object) -> Failure | None:
        said = self._task.error.first(task, values.failure)
        code = self._task.error_code.first(task, values.text) or (said.code if said else None)
        message = self._task.error_message.first(task, values.text) or (said.message if said else None)
        return Failure(code=code, message=message or code or "") if message or code else None

    def _document(self, answer: Answer) -> object | Problem:
        document = decoded(answer.body)
        code = self._problem.code.first(document, values.text)
        message = self._problem.message.first(document, values.text)
        refused = self._ok is not None and self._ok.read(document) is False
        if 200 <= answer.status < 300 and not refused:
            return self._unreadable(answer, document) if document is None else document
        trouble = self._meant(code, message) or (Trouble.REFUSED if answer.status < 300 else by_status(answer.status))
        return Problem(trouble=trouble, status=answer.status, code=code, message=message or _heading(answer))

    def _meant(self, code: str | None, message: str | None) -> Trouble | None:
        """What the dialect says that this code or message means."""
        said = [text.casefold() for text in (code, message) if text]
        for trouble in (Trouble.NOT_FOUND, Trouble.CREDENTIALS, Trouble.PAYMENT, Trouble.CONFLICT, Trouble.BUSY, Trouble.REFUSED):
            globs: list[str] = getattr(self._fields, trouble.value)
            if any(fnmatchcase(text, glob.casefold()) for glob in globs for text in said):
                return trouble
        return None

    def _unreadable(self, answer: Answer, document: object) -> Problem:
        message = self._problem.message.first(document, values.text) or _heading(answer)
        code = self._problem.code.first(document, values.text)
        trouble = self._meant(code, message) or Trouble.UNREADABLE
        return Problem(trouble=trouble, status=answer.status, code=code, message=message)


def decoded(body: bytes) -> object:
    """The JSON of an answer; None where it is none, or none that we would store: NaN, endless numbers, abysses."""
    try:
        document = json.loads(body.decode("utf-8-sig", errors="replace"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return document if _shallow(document) else None


def by_status(status: int) -> Trouble:
    """What an HTTP status means by itself."""
    match status:
        case 401 | 403:
            return Trouble.CREDENTIALS
        case 402:
            return Trouble.PAYMENT
        case 404 | 410:
            return Trouble.NOT_FOUND
        case 409:
            return Trouble.CONFLICT
        case 429:
            return Trouble.BUSY
        case 408 | 425:
            return Trouble.UNAVAILABLE
        case _ if status >= 500:
            return Trouble.UNAVAILABLE
        case _ if status >= 300:
            return Trouble.REFUSED
        case _:
            return Trouble.UNREADABLE


def _output(item: object, fallback: Kind | None, built_url: str | None) -> Output | None:
    found: Mapping[str, object] = {"url": item} if isinstance(item, str) else item if isinstance(item, dict) else {}
    url, written = values.text(found.get("url")) or built_url, found.get("text")
    text = written if isinstance(written, str) and written else None
    if url is None and text is None:
        return None
    kind = values.kind(found.get("kind")) or values.kind(found.get("content_type")) or (url and values.kind_of_url(url))
    return Output(
        index=0,
        kind=kind or (Kind.TEXT if url is None else fallback or Kind.FILE),
        role=Role.EXTRA if found.get("role") == Role.EXTRA else Role.RESULT,
        url=url,
        text=text,
        content_type=values.text(found.get("content_type")),
        duration_seconds=values.number(found.get("duration_seconds")),
        expires_at=values.moment(found.get("expires_at")),
    )


def _filled(first: Output, again: Output) -> Output:
    """The output with what a second mention of the same URL adds."""
    return replace(
        first,
        kind=again.kind if first.kind is Kind.FILE else first.kind,
        content_type=first.content_type or again.content_type,
        duration_seconds=first.duration_seconds if first.duration_seconds is not None else again.duration_seconds,
        expires_at=first.expires_at or again.expires_at,
    )


def _object(value: object) -> dict[str, object] | None:
    return value if isinstance(value, dict) and value else None


def _inner(document: object) -> Iterator[object]:
    if isinstance(document, dict):
        yield from (document[name] for name in ("data", "task") if isinstance(document.get(name), dict))


def _heading(answer: Answer) -> str:
    """What there is to say about an answer that has no words of its own."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    what = f"HTTP {answer.status}" + (f", {kind}" if kind else "")
    start = " ".join(answer.body[:200].decode("utf-8", errors="replace").split())
    return f"{what}: {start}" if start else what


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


def _finite(written: str) -> float:
    number = float(written)
    return number if isfinite(number) else _refuse(written)


def _shallow(document: object) -> bool:
    level: list[object] = [document]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return True
    return False
