"""Tells what an answer means that is not a task: no key, no money, no such task, too busy, no."""

from fnmatch import fnmatchcase

from taskctl.dialects import patience, values
from taskctl.dialects.expressions import Expression, Finder
from taskctl.dialects.format import ProblemFields
from taskctl.dialects.messages import Answer, Problem, Trouble

_ASKED = (
    Trouble.NOT_FOUND,
    Trouble.CREDENTIALS,
    Trouble.PAYMENT,
    Trouble.CONFLICT,
    Trouble.BUSY,
    Trouble.UNAVAILABLE,
    Trouble.REFUSED,
)
"""The lists of `[problem]`, in the order in which they are asked."""
_RESET = "X-RateLimit-Reset"
"""Where the end of a limit stands unless the dialect says otherwise."""
_HEADING = 200
"""Bytes of an answer without words of its own that a message shows."""


class ProblemReader:
    """Reads problems by the `[problem]` table of a dialect."""

    def __init__(self, fields: ProblemFields) -> None:
        self._fields = fields
        self._ok = Expression(fields.ok) if fields.ok else None
        self._message = Finder(fields.message)
        self._code = Finder(fields.code)
        self._globs = [(trouble, [glob.casefold() for glob in getattr(fields, trouble.value)]) for trouble in _ASKED]

    def problem(self, answer: Answer, document: object, *, submits: bool) -> Problem | None:
        """The problem that this answer tells; None where it tells none."""
        refused = self._ok is not None and self._ok.read(document) is False
        if 200 <= answer.status < 300 and not refused:
            return self.unreadable(answer, document) if document is None else None
        meant = Trouble.REFUSED if 200 <= answer.status < 300 else by_status(answer.status)
        if meant is Trouble.CONFLICT and not submits:
            meant = Trouble.REFUSED  # 409 to a submit is about its key, to anything else about the task's state
        if meant is Trouble.NOT_FOUND and document is None and answer.body.strip():
            meant = Trouble.UNREADABLE  # a proxy's page says nothing about our task
        return self._problem(answer, document, meant)

    def unreadable(self, answer: Answer, document: object) -> Problem:
        """The problem that an answer is which holds nothing of what was asked for."""
        return self._problem(answer, document, Trouble.UNREADABLE)

    def _problem(self, answer: Answer, document: object, otherwise: Trouble) -> Problem:
        code = self._code.first(document, values.word)
        message = self._message.first(document, values.sentence)
        trouble = self._meant(code, message) or otherwise
        wait = patience.retry_after(answer.headers, now=answer.at)
        if wait is None and trouble is Trouble.BUSY:
            reset, left = self._fields.reset or _RESET, self._fields.remaining
            wait = patience.until_reset(answer.headers, reset, remaining=left, now=answer.at)
        return Problem(
            trouble=trouble,
            status=answer.status,
            code=code,
            message=message or heading(answer),
            retry_after=wait,
        )

    def _meant(self, code: str | None, message: str | None) -> Trouble | None:
        """What the dialect says that this code or message means."""
        said = [text.casefold() for text in (code, message) if text]
        for trouble, globs in self._globs:
            if any(fnmatchcase(text, glob) for glob in globs for text in said):
                return trouble
        return None


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
        case _ if status == 408 or status >= 500:
            return Trouble.UNAVAILABLE
        case _ if status >= 300:
            return Trouble.REFUSED
        case _:
            return Trouble.UNREADABLE


def heading(answer: Answer) -> str:
    """What there is to say about an answer that has no words of its own."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:_HEADING]
    what = f"HTTP {answer.status}" + (f", {kind}" if kind else "")
    target = answer.headers.get("location", "").partition("?")[0][:_HEADING]
    if 300 <= answer.status < 400 and target:
        return f"{what}: it points to {target}, and no request is sent there"
    start = " ".join(answer.body[:_HEADING].decode("utf-8", errors="replace").split())
    return f"{what}: {start}" if start else what
