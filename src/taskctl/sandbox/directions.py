"""What a prompt asks the sandbox to do: `[takes 3s]`, `[fails]` and the other words in square brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WORDS", "Directions", "End", "Stuck", "directions_of"]


class End(Enum):
    """How a task ends once its time is over."""

    COMPLETED = "completed"
    FAILED = "failed"
    MODERATED = "moderated"
    CANCELLED = "cancelled"
    FORGOTTEN = "forgotten"


class Stuck(Enum):
    """Where a task stays for ever."""

    QUEUED = "queued"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Directions:
    """What a prompt asks for; without a word all goes well and takes two seconds."""

    takes: float = 2.0
    end: End = End.COMPLETED
    reason: str | None = None
    stuck: Stuck | None = None
    outputs: int | None = None
    rate_limited: int = 0
    refused: bool = False
    no_credit: bool = False
    loses_answer: bool = False
    answers: int | None = None
    late: bool = False
    flaky: int = 0
    links_expire: float | None = None
    html: bool = False
    no_stream: bool = False
    stream_breaks: bool = False


@dataclass(frozen=True, kw_only=True)
class Word:
    """One thing that a prompt can ask for: how it is written, what it does, and what it changes."""

    example: str
    does: str
    pattern: str
    changes: Callable[[re.Match[str]], dict[str, Any]]


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|s|m|h)?"
_COUNT = r"(\d{1,3})"


def _seconds(match: re.Match[str]) -> float:
    return float(match[1]) * _UNITS[(match[2] or "s").lower()]


def _word(
    example: str,
    does: str,
    pattern: str = "",
    changes: Callable[[re.Match[str]], dict[str, Any]] | None = None,
    **to: Any,
) -> Word:
    return Word(example=example, does=does, pattern=pattern or re.escape(example), changes=changes or (lambda _: to))


WORDS = (
    _word("takes 3s", "takes so long (500ms, 1m; 2s unless told)", f"takes {_TIME}", lambda m: {"takes": _seconds(m)}),
    _word(
        "fails: the reason",
        "fails at its end; [fails] leaves the reason to the provider",
        r"fails(?:: ?(.+))?",
        lambda m: {"end": End.FAILED, "reason": m[1]},
    ),
    _word("moderated", "fails at its end as a refused prompt does", end=End.MODERATED),
    _word("cancelled", "is cancelled by the provider at its end, where it has such a state", end=End.CANCELLED),
    _word("forgotten", "is unknown (404) once its time is over", end=End.FORGOTTEN),
    _word("stays queued", "waits for ever", stuck=Stuck.QUEUED),
    _word("stays running", "runs for ever, from half-way on without progress", stuck=Stuck.RUNNING),
    _word("unknown state", "shows a state that nobody documents, for ever", stuck=Stuck.UNKNOWN),
    _word("outputs 3", "has so many outputs", f"outputs {_COUNT}", lambda m: {"outputs": int(m[1])}),
    _word("no outputs", "completes without an output", outputs=0),
    _word(
        "rate limited 2",
        "the first submits of this prompt answer 429",
        f"rate limited(?: {_COUNT})?",
        lambda m: {"rate_limited": int(m[1] or 1)},
    ),
    _word("refused", "the submit is refused (400)", refused=True),
    _word("no credit", "the submit is refused for want of credit", no_credit=True),
    _word("loses answer", "the submit is accepted, and the connection closed without a byte", loses_answer=True),
    _word(
        "answers 503",
        "the submit is accepted, and answered with this status",
        r"answers (20[0-2]|[45]\d\d)",
        lambda m: {"answers": int(m[1])},
    ),
    _word("late", "the first look after the submit answers 404", late=True),
    _word(
        "flaky 2", "the first looks answer 502 with a page of HTML", f"flaky {_COUNT}", lambda m: {"flaky": int(m[1])}
    ),
    _word(
        "links expire 2s",
        "links are good for so long after the answer that gave them",
        f"links expire {_TIME}",
        lambda m: {"links_expire": _seconds(m)},
    ),
    _word("html", "links answer 200 with a page of HTML", html=True),
    _word("no stream", "has no event stream (404)", no_stream=True),
    _word("stream breaks", "the event stream closes after its first frame, without a verdict", stream_breaks=True),
)

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def directions_of(prompt: str) -> Directions:
    """What the words in brackets ask for; of two that contradict each other the later one counts."""
    directions = Directions()
    for brackets in _BRACKETS.finditer(prompt):
        said = " ".join(brackets[1].split())
        for word in WORDS:
            if match := re.fullmatch(word.pattern, said, re.IGNORECASE):
                directions = replace(directions, **word.changes(match))
    return directions
