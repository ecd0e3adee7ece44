"""One provider, reached: every operation in our words, whatever its API is like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from taskctl.dialects.answers import Page
from taskctl.dialects.dialect import CompiledCall
from taskctl.dialects.expressions import Expression
from taskctl.dialects.format import Upload
from taskctl.dialects.messages import Answer, Problem, Request, Trouble
from taskctl.dialects.site import Order, Site
from taskctl.durations import words
from taskctl.errors import (
    Busy,
    CredentialsError,
    FileError,
    KeyConflict,
    PaymentRequired,
    Refused,
    TaskctlError,
    TaskNotFound,
    Unavailable,
    Unreadable,
    Unsupported,
)
from taskctl.model import Kind, Report
from taskctl.net.wire import Wire
from taskctl.profiles import Profile
from taskctl.secret import Secret

_MOST_PAGES = 1000


class Provider:
    """A profile with a wire. Every method raises our errors alone."""

    def __init__(self, profile: Profile, site: Site, wire: Wire, key: Secret | None) -> None:
        self.profile = profile
        self.site = site
        self.name = profile.dialect.name
        self._wire = wire
        self._key = key

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.__aexit__(kind, error, trace)

    @property
    def account(self) -> tuple[str, str]:
        """Who asks where: requests of one account share one budget."""
        return self.site.base_url, self._key.reveal() if self._key else ""

    async def submit(self, request: Request, order: Order) -> Report | Problem:
        """The task that the provider made of this request, or its problem. Sends exactly once.

        Raises:
            NotSent: it never arrived. NoAnswer: the answer was lost.
        """
        answer = await self._send(request, "submitting")
        told = self._read(answer, acknowledges=order)
        if (
            isinstance(told, Problem) and told.trouble is Trouble.NOT_FOUND
        ):  # there is no task yet that could be missing
            return replace(told, trouble=Trouble.REFUSED)
        return told

    async def look(self, id_: str, *, operation: str | None = None) -> Report:
        """What the provider says about this task now; the operation tells what its outputs are by default."""
        about = f"asking about {id_}"
        answer = await self._send(self.site.query(id_), about)
        return self._told(self._read(answer, asked=id_, kind=self._kind(operation)), about, id_)

    async def find(self, key: str) -> Report:
        """The task that was submitted with this key.

        Raises:
            TaskNotFound: there is none. Unsupported: the provider cannot tell.
        """
        about = f"looking for key {key}"
        answer = await self._send(self.site.query_by_key(key), about)
        told = self.site.dialect.reader.by_key(answer, self.site.dialect.wire_key(key))
        return self._told(told if isinstance(told, Problem) else self.site.resolved(told), about, key)

    async def look_at_many(self, ids: list[str]) -> dict[str, Report]:
        """What the provider says about these tasks; those it does not mention are missing."""
        about = f"asking about {len(ids)} tasks"
        batch = self.site.dialect.form.batch
        if batch is None:
            raise Unsupported(f"{self.name} cannot look at many tasks at once")
        answer = await self._send(self.site.batch(ids), about)
        page = self._page(answer, Expression(batch.items), about)
        return {report.id: self.site.resolved(report) for report in page.reports if report.id}

    async def cancel(self, id_: str | None, key: str | None) -> Report | None:
        """Ask the provider to stop a task; the task where the answer tells of it."""
        about = f"cancelling {id_ or key}"
        answer = await self._send(self.site.cancel(id_, key), about)
        told = self._read(answer, asked=id_)
        if isinstance(told, Problem) and told.trouble is Trouble.UNREADABLE and told.status < 300:
            return None
        return self._told(told, about, id_)

    async def delete(self, id_: str) -> None:
        """Remove a task and its files at the provider."""
        about = f"deleting {id_}"
        answer = await self._send(self.site.delete(id_), about)
        problem = self.site.dialect.reader.accepted(answer)
        if problem is not None:
            raise self.complaint(problem, about, id_)

    async def tasks(self, limit: int | None) -> AsyncIterator[Report]:
        """The tasks that the provider lists, page after page."""
        about = f"listing tasks of {self.profile.name}"
        form = self.site.dialect.form.listing
        if form is None:
            raise Unsupported(f"{self.name} cannot list its tasks")
        items = Expression(form.items)
        total = Expression(form.total) if form.total else None
        following = Expression(form.next) if form.next else None
        seen: set[str] = set()
        cursor: str | None = None
        for number in range(form.first_page, form.first_page + _MOST_PAGES):
            answer = await self._send(self.site.listing(number, cursor), about)
            page = self._page(answer, items, about, total=total, cursor=following)
            fresh = [report for report in page.reports if report.id and report.id not in seen]
            for report in fresh:
                yield self.site.resolved(report) if form.outputs else without_outputs(report)
                seen.add(report.id or "")
                if limit is not None and len(seen) >= limit:
                    return
            cursor = page.cursor
            done = page.total is not None and len(seen) >= page.total
            if done or not fresh or (following is not None and cursor is None):
                return

    async def upload(self, upload: Upload, call: CompiledCall, path: str) -> object:
        """What stands for this file in the input, once the provider has it."""
        about = f"uploading {path}"
        size = _size(path)
        if upload.max_bytes is not None and size > upload.max_bytes:
            raise Unsupported(
                f"{self.name} takes files of {upload.max_bytes} bytes at most; {path} has {size}",
                hint="host it elsewhere, and give its URL",
            )
        answer = await self._send(self.site.upload(call, upload.part, path), about)
        value = self.site.dialect.reader.value(answer, Expression(upload.value))
        if isinstance(value, Problem):
            raise self.complaint(value, about, None)
        return value

    async def check(self) -> Answer:
        """The answer to the cheapest request that proves the key.

        Raises:
            CredentialsError: the key was refused. TaskctlError: whatever else is wrong.
        """
        about = f"checking {self.profile.name}"
        answer = await self._send(self.site.check(), about)
        problem = self.site.dialect.reader.accepted(answer)
        if problem is not None:
            raise self.complaint(problem, about, None)
        return answer

    def read(self, answer: Answer, expression: Expression) -> object:
        """What an expression finds in an answer; None where it finds nothing."""
        found = self.site.dialect.reader.value(answer, expression)
        return None if isinstance(found, Problem) else found

    @asynccontextmanager
    async def stream(self, id_: str) -> AsyncIterator[AsyncIterator[Report] | None]:
        """Reports pushed by the provider until it closes the stream; None where it does not stream this task."""
        request = self.site.stream(id_)
        async with self._wire.events(request, self.key_headers(request.url), about=f"following {id_}") as stream:
            yield self._reports(stream.data(), id_) if stream.offered else None

    async def _reports(self, events: AsyncIterator[str], id_: str) -> AsyncIterator[Report]:
        async for data in events:
            report = self.site.dialect.reader.event(data)
            if report is not None and report.id in (None, id_):
                yield self.site.resolved(report)

    async def _send(self, request: Request, about: str) -> Answer:
        return await self._wire.send(request, self.key_headers(request.url), about=about)

    def key_headers(self, url: str) -> dict[str, str]:
        """The headers that hold the key, for a URL on a host that may have it; none for any other."""
        return self.site.key_headers(url, self._key)

    def _kind(self, operation: str | None) -> Kind | None:
        known = self.site.dialect.operations.get(operation or "")
        return known.kind if known else None

    def _read(
        self, answer: Answer, *, asked: str | None = None, acknowledges: Order | None = None, kind: Kind | None = None
    ) -> Report | Problem:
        finder = acknowledges.operation.acknowledges if acknowledges else None
        told = self.site.dialect.reader.task(answer, asked=asked, acknowledges=finder, kind=kind)
        return told if isinstance(told, Problem) else self.site.resolved(told)

    def _told(self, told: Report | Problem, about: str, task: str | None) -> Report:
        if isinstance(told, Problem):
            raise self.complaint(told, about, task)
        return told

    def _page(
        self,
        answer: Answer,
        items: Expression,
        about: str,
        *,
        total: Expression | None = None,
        cursor: Expression | None = None,
    ) -> Page:
        page = self.site.dialect.reader.page(answer, items, total=total, cursor=cursor)
        if isinstance(page, Problem):
            raise self.complaint(page, about, None)
        return page

    def complaint(self, problem: Problem, about: str, task: str | None) -> TaskctlError:
        """The error that this problem is for whoever asked."""
        said = f"{about}: {self.profile.name} says: {problem.message}" + (f" ({problem.code})" if problem.code else "")
        match problem.trouble:
            case Trouble.CREDENTIALS:
                hint = f"check the key: taskctl profile check {self.profile.name}"
                return CredentialsError(said, hint=hint, task=task)
            case Trouble.PAYMENT:
                return PaymentRequired(said, hint="top up the account; nothing was started", task=task)
            case Trouble.NOT_FOUND:
                return TaskNotFound(
                    said, hint=f"does the id belong to {self.profile.name}? name another with -P", task=task
                )
            case Trouble.CONFLICT:
                return KeyConflict(said, hint="choose another key, or give the request as it was", task=task)
            case Trouble.BUSY | Trouble.UNAVAILABLE:
                later = "later" if problem.retry_after is None else f"in {words(problem.retry_after)}"
                unavailable = Busy if problem.trouble is Trouble.BUSY else Unavailable
                return unavailable(said, hint=f"try again {later}", task=task, retry_after=problem.retry_after)
            case Trouble.UNREADABLE:
                return Unreadable(said, hint=f"is {self.site.base_url} the right address?", task=task)
            case Trouble.REFUSED:
                docs = self.site.dialect.form.docs
                hint = f"what it takes is written at {docs}" if docs else f"see: taskctl dialect show {self.name}"
                return Refused(said, hint=hint, task=task)


def without_outputs(report: Report) -> Report:
    """The report of a list whose items do not tell outputs as a query does."""
    return replace(report, outputs=())


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError as problem:
        raise FileError(f"{path} cannot be read: {problem.strerror}") from problem
