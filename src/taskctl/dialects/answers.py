"""Reads answers by the expressions of a dialect: a task, many tasks, or a problem."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from taskctl.dialects import patience, values
from taskctl.dialects.documents import decoded
from taskctl.dialects.expressions import Expression, Finder
from taskctl.dialects.format import Format1
from taskctl.dialects.messages import Answer, Problem, Trouble
from taskctl.dialects.outputs import OutputReader
from taskctl.dialects.problems import ProblemReader
from taskctl.durations import seconds
from taskctl.model import Cost, Failure, Kind, Output, Report, State

__all__ = ["Page", "Reader", "decoded"]

_GOES_ON = (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of what the provider knows."""

    reports: tuple[Report, ...]
    total: int | None = None
    cursor: str | None = None


class Reader:
    """Reads the answers of one dialect. Pure: it is given bytes and gives back values."""

    def __init__(self, dialect: Format1) -> None:
        task = dialect.task
        self._at = Finder(task.at)
        self._find = {name: Finder(getattr(task, name)) for name in task.__struct_fields__}
        self._outputs = OutputReader(task, dialect.download)
        self._problems = ProblemReader(dialect.problem)
        self._states = {word.casefold(): State(ours) for ours, words in dialect.states.items() for word in words}
        self._unit = dialect.unit
        self._links_live = timedelta(seconds=seconds(dialect.links_live)) if dialect.links_live else None

    def task(
        self,
        answer: Answer,
        *,
        asked: str | None = None,
        acknowledges: Finder | None = None,
        kind: Kind | None = None,
    ) -> Report | Problem:
        """What an answer to a request about one task says: the task, or a problem.

        `asked` is the id that the request named; `acknowledges` finds the id in the answer to a submit; `kind` is
        what the operation makes.
        """
        document = self._document(answer, submits=acknowledges is not None)
        if isinstance(document, Problem):
            return document
        submits = acknowledges is not None
        places = self._at.first(document, _place)
        if not submits and isinstance(places, list) and self._among(places, asked) is None:
            return self._nothing(answer)
        report = self.report(document, asked=None if submits else asked, acknowledges=acknowledges, kind=kind)
        if report is None or (submits and report.id is None):
            return self._problems.unreadable(answer, document)
        wish = patience.poll_after(answer.headers)
        return report if wish is None else replace(report, poll_after=wish)

    def by_key(self, answer: Answer, key: str, *, kind: Kind | None = None) -> Report | Problem:
        """What an answer to a request for the task of this key, as it went over the wire, says.

        A task that names another key is not it, in case the provider did not look at the key at all.
        """
        document = self._document(answer, submits=False)
        if isinstance(document, Problem):
            return document
        place = self._at.first(document, _place)
        candidates = place if isinstance(place, list) else [document]
        reports = [report for one in candidates if (report := self.report(one, kind=kind)) is not None]
        if candidates and not reports:
            return self._problems.unreadable(answer, document)
        ours = [report for report in reports if report.key == key or (report.key is None and len(candidates) == 1)]
        if not ours:
            return self._nothing(answer)
        return ours[0]

    def page(
        self,
        answer: Answer,
        items: Expression,
        *,
        total: Expression | None = None,
        cursor: Expression | None = None,
    ) -> Page | Problem:
        """What an answer that holds many tasks says."""
        document = self._document(answer, submits=False)
        if isinstance(document, Problem):
            return document
        said = values.span(total.read(document)) if total else None
        found = items.read(document)
        if found is None and said == 0:
            found = []
        if not isinstance(found, list):
            return self._problems.unreadable(answer, document)
        reports = (self.report(item) for item in found)
        return Page(
            reports=tuple(report for report in reports if report is not None and report.id),
            total=None if said is None else int(said),
            cursor=values.text(cursor.read(document)) if cursor else None,
        )

    def value(self, answer: Answer, expression: Expression) -> object | Problem:
        """What an expression finds in an answer that is no task: an upload's URL, a list of models."""
        document = self._document(answer, submits=False)
        if isinstance(document, Problem):
            return document
        found = expression.read(document)
        return self._problems.unreadable(answer, document) if _hollow(found) else found

    def accepted(self, answer: Answer) -> Problem | None:
        """The problem that an answer tells, where its content does not matter otherwise."""
        if 200 <= answer.status < 300 and not answer.body.strip():
            return None
        document = self._document(answer, submits=False)
        return document if isinstance(document, Problem) else None

    def event(self, data: str, *, kind: Kind | None = None) -> Report | None:
        """The task that one frame of a stream tells of, whole or in part; None where it tells of none."""
        document = decoded(data.encode(errors="backslashreplace"))
        for candidate in (document, *_inner(document)):
            report = self.report(candidate, kind=kind)
            if report is not None and (report.state or report.outputs or report.progress is not None):
                return report
        return None

    def report(
        self,
        document: object,
        *,
        asked: str | None = None,
        acknowledges: Finder | None = None,
        kind: Kind | None = None,
    ) -> Report | None:
        """What a decoded answer says about a task; None where it holds no task."""
        found, find = self.place(document, asked), self._find
        acknowledged = acknowledges.first(document, values.identifier) if acknowledges else None
        id_ = acknowledged or find["id"].first(found, values.identifier)
        word = find["state"].first(found, values.word)
        if id_ is None and word is None:
            return None
        state = self._states.get(word.casefold(), State.UNKNOWN) if word else None
        return Report(
            id=id_ or asked,
            key=find["key"].first(found, values.text),
            state=state,
            provider_state=word,
            progress=find["progress"].first(found, values.progress),
            can_cancel=find["can_cancel"].first(found, values.boolean),
            message=find["message"].first(found, values.sentence),
            model=find["model"].first(found, values.word),
            submitted_at=find["submitted_at"].first(found, values.moment),
            finished_at=find["finished_at"].first(found, values.moment),
            eta_seconds=find["eta_seconds"].first(found, values.span),
            outputs=self._brought(found, state, id_ or asked, kind),
            error=None if state is State.COMPLETED or state in _GOES_ON else self._error(found),
            cost=self._cost(found),
            links_live=self._links_live,
            raw=document,
        )

    def place(self, document: object, asked: str | None = None) -> object:
        """The object in a decoded answer that describes the task; the whole answer where `at` finds none."""
        found = self._at.first(document, _place)
        if isinstance(found, list):
            found = self._among(found, asked)
        return document if found is None else found

    def _among(self, places: list[object], asked: str | None) -> dict[str, object] | None:
        """The object with the id that was asked for, else the first that names no other."""
        named = [(self._find["id"].first(one, values.identifier), one) for one in places if isinstance(one, dict)]
        for id_, one in (*(pair for pair in named if pair[0] == asked), *named):
            if id_ == asked or None in (id_, asked):
                return one
        return None

    def _nothing(self, answer: Answer) -> Problem:
        return Problem(trouble=Trouble.NOT_FOUND, status=answer.status, message="the answer holds no such task")

    def _brought(self, task: object, state: State | None, id_: str | None, kind: Kind | None) -> tuple[Output, ...]:
        """The outputs: what lies there before the end is a preview, and after a failure an error's text."""
        counts = state in (None, State.COMPLETED, State.UNKNOWN)
        return self._outputs.read(task, id_, kind) if counts else ()

    def _error(self, task: object) -> Failure | None:
        said = self._find["error"].first(task, values.failure)
        code = self._find["error_code"].first(task, values.word) or (said.code if said else None)
        message = self._find["error_message"].first(task, values.sentence) or (said.message if said else None)
        return Failure(code=code, message=message or code or "") if message or code else None

    def _cost(self, task: object) -> Cost | None:
        estimated = self._find["cost_estimated"].first(task, values.number)
        final = self._find["cost_final"].first(task, values.number)
        return None if estimated is None and final is None else Cost(estimated=estimated, final=final, unit=self._unit)

    def _document(self, answer: Answer, *, submits: bool) -> object | Problem:
        document = decoded(answer.body)
        return self._problems.problem(answer, document, submits=submits) or document


def _place(value: object) -> dict[str, object] | list[object] | None:
    return value if isinstance(value, list) or (isinstance(value, dict) and value) else None


def _inner(document: object) -> Iterator[object]:
    if isinstance(document, dict):
        yield from (document[name] for name in ("data", "task") if isinstance(document.get(name), dict))


def _hollow(value: object) -> bool:
    """Whether a value is nothing, or an object that lacks one of its members."""
    return value in (None, "") or (isinstance(value, dict) and any(_hollow(member) for member in value.values()))
