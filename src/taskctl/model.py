"""The words of the domain: task, state, output, and how a task changes by what a provider says about it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where a task stands, whatever the provider calls it."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """The provider used a word that its dialect does not map: the task goes on."""
    UNCONFIRMED = "unconfirmed"
    """Sent, and the answer was lost: the provider may have accepted it."""

    @property
    def ended(self) -> bool:
        """Whether the provider will never change this task again."""
        return self in ENDED


ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED})
FORGOTTEN = "forgotten"
"""The error code of a task that the provider knew once and knows no more."""


class Kind(StrEnum):
    """What an output is."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    TEXT = "text"
    FILE = "file"


class Role(StrEnum):
    """Whether an output is what was ordered or came along with it (cover art, intermediate files)."""

    RESULT = "result"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result of a task: a URL or a text, and the local file once it is fetched."""

    index: int
    kind: Kind
    role: Role = Role.RESULT
    url: str | None = None
    text: str | None = None
    content_type: str | None = None
    duration_seconds: float | None = None
    expires_at: datetime | None = None
    file: str | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a task failed, in the provider's words; the code is None where it gave no reason."""

    code: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a task costs, in the unit of its provider."""

    estimated: float | None = None
    final: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one answer of a provider says about a task; None is what it does not say."""

    id: str | None = None
    key: str | None = None
    state: State | None = None
    provider_state: str | None = None
    progress: int | None = None
    can_cancel: bool | None = None
    message: str | None = None
    model: str | None = None
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    eta_seconds: float | None = None
    poll_after: float | None = None
    """Seconds until the next look, as the provider wishes."""
    outputs: tuple[Output, ...] = ()
    error: Failure | None = None
    cost: Cost | None = None
    links_live: timedelta | None = None
    """How long the provider's result links last after the end of a task."""
    raw: object = None
    """The answer as it was, for `status --raw`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One generation job, normalised. Its identity is the base URL and the id."""

    id: str | None
    key: str | None
    profile: str
    dialect: str
    base_url: str
    operation: str | None = None
    model: str | None = None
    state: State = State.QUEUED
    provider_state: str | None = None
    progress: int | None = None
    can_cancel: bool | None = None
    message: str | None = None
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None
    """When it ended; where the provider does not say, when its end was first seen."""
    took_seconds: float | None = None
    """From its submission to its end, where that is known within a minute."""
    eta_seconds: float | None = None
    outputs: tuple[Output, ...] = ()
    error: Failure | None = None
    cost: Cost | None = None
    tags: tuple[str, ...] = ()
    input: dict[str, object] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str | None]:
        """What no other task has: the provider's base URL and the id, or the key while there is none."""
        return self.base_url, self.id or self.key

    def expiring(self, now: datetime) -> bool:
        """Whether links to results that nobody has fetched are still alive, and will die."""
        return self.links_end is not None and self.links_end > now

    @property
    def links_end(self) -> datetime | None:
        """When the first link to a result dies that nobody has fetched; None where none will, or nobody knows."""
        return min((out.expires_at for out in self.results if out.expires_at and out.file is None), default=None)

    @property
    def name(self) -> str:
        """How messages call this task: its id, or its key while it has none."""
        return self.id or self.key or "?"

    @property
    def prompt(self) -> str:
        """What was asked for, in words: the input's `prompt`, or its longest text where it has none."""
        said = self.input.get("prompt")
        if isinstance(said, str):
            return said
        return max((text for text in self.input.values() if isinstance(text, str)), key=len, default="")

    @property
    def results(self) -> tuple[Output, ...]:
        """The outputs that were ordered, without what came along."""
        return tuple(output for output in self.outputs if output.role is Role.RESULT)

    def told(self, report: Report, *, now: datetime) -> "Task":
        """The task after this answer: itself, where that is nothing new.

        An ended task never goes back, and progress never falls.
        """
        facts: dict[str, object] = {
            "id": self.id or report.id,
            "key": self.key or report.key,
            "model": self.model or report.model,
            "message": report.message or self.message,
            "submitted_at": self.submitted_at or report.submitted_at,  # whatever the provider's clock shows
            "cost": _cost(self.cost, report.cost),
        }
        if self.state.ended and not _revived(self, report):
            facts |= {"can_cancel": False, "outputs": _dated(self, report, self.state, self.finished_at)}
            return self._with(facts)
        state = report.state or (State.QUEUED if self.state is State.UNCONFIRMED else self.state)
        cancellable = report.can_cancel if report.can_cancel is not None or self.state.ended else self.can_cancel
        finished_at = (report.finished_at or now) if state.ended else None
        facts |= {
            "state": state,
            "provider_state": report.provider_state or self.provider_state,
            "progress": _progress(self.progress, report.progress, state),
            "eta_seconds": _eta(self, report, state),
            "error": _failure(state, report.error),
            "can_cancel": False if state.ended else cancellable,
            "finished_at": finished_at,
            "outputs": _dated(self, report, state, finished_at),
        }
        task = self._with(facts)
        return self if task is self else replace(task, updated_at=now)

    def forgotten(self, *, now: datetime) -> "Task":
        """The task after the provider has said for good that it does not know it; what had ended stays as it was."""
        if self.state.ended:
            return self
        error = Failure(code=FORGOTTEN, message="the provider no longer knows this task")
        return replace(
            self, state=State.EXPIRED, error=error, can_cancel=False, finished_at=now, updated_at=now, eta_seconds=None
        )

    def _with(self, facts: dict[str, object]) -> "Task":
        """The task with these facts: itself, where they are not new."""
        new = {name: fact for name, fact in facts.items() if getattr(self, name) != fact}
        return replace(self, **new) if new else self  # type: ignore[arg-type]  # fields of a task, each of its type


def _revived(task: Task, report: Report) -> bool:
    """Whether the provider remembers a task that it had forgotten."""
    return task.error is not None and task.error.code == FORGOTTEN and report.state is not None


def _progress(before: int | None, said: int | None, state: State) -> int | None:
    """Progress is never invented, never goes back, and stays where it was when a task fails."""
    if said is None or (state.ended and state is not State.COMPLETED):
        return before
    return said if before is None else max(before, said)


def _eta(task: Task, report: Report, state: State) -> float | None:
    if state.ended:
        return None
    return task.eta_seconds if report.eta_seconds is None else report.eta_seconds


def _failure(state: State, said: Failure | None) -> Failure | None:
    match state:
        case State.FAILED | State.EXPIRED:
            return said or Failure(code=None, message="the provider gave no reason")
        case State.CANCELLED:
            return said
        case _:
            return None


def _cost(before: Cost | None, said: Cost | None) -> Cost | None:
    if before is None or said is None:
        return said or before
    return Cost(
        estimated=before.estimated if said.estimated is None else said.estimated,
        final=before.final if said.final is None else said.final,
        unit=said.unit or before.unit,
    )


def _dated(task: Task, report: Report, state: State, finished_at: datetime | None) -> tuple[Output, ...]:
    """The outputs after an answer: fresh links, known expiry, and the files already fetched."""
    if not report.outputs or state is not State.COMPLETED:
        return task.outputs
    dies = finished_at + report.links_live if finished_at and report.links_live else None
    known = {output.index: output for output in task.outputs}
    return tuple(
        replace(
            output,
            expires_at=output.expires_at or (dies if output.url else None),
            file=known[output.index].file if output.index in known else None,
            bytes=known[output.index].bytes if output.index in known else None,
            sha256=known[output.index].sha256 if output.index in known else None,
        )
        for output in report.outputs
    )
