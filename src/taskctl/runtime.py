"""What one invocation works with: profiles, history, clock, the listener, and providers opened on first use."""

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from taskctl.clock import Clock
from taskctl.errors import ConfigurationError, HistoryError
from taskctl.model import Task
from taskctl.profiles import LOCAL, Profile, Profiles
from taskctl.store.history import History

if TYPE_CHECKING:
    import httpx2

    from taskctl.net.pace import Estimate
    from taskctl.net.provider import Provider
    from taskctl.net.transfer import Progress
    from taskctl.net.watched import Seen
    from taskctl.store.submission import Submission

T = TypeVar("T")


class Listener(Protocol):
    """Whoever tells people what goes on."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def warn(self, text: str) -> None:
        """Something that may need doing."""

    def watching(
        self, tasks: Sequence[Task], timeout: float, estimates: "Mapping[tuple[str, str | None], Estimate]"
    ) -> None:
        """A watch begins; by their identities, how long tasks are expected to take."""

    def seen(self, news: "Sequence[Seen]") -> None:
        """Something happened to tasks under watch, all of it at once."""

    def unwatch(self) -> None:
        """The watch is over."""

    def transferring(self, progress: "list[Progress]") -> None:
        """Files are on their way."""

    def transferred(self) -> None:
        """All files are here or given up."""


@dataclass(kw_only=True)
class Runtime:
    """The hands of one invocation. Opened with `with`; asynchronous work goes through `run`."""

    profiles: Profiles
    history: History
    clock: Clock
    listener: Listener
    environ: Mapping[str, str]
    sandbox_folder: Path
    transport: "httpx2.AsyncBaseTransport | None" = None
    """Instead of the network, in tests."""
    sending: "Submission | None" = None
    """What may have been accepted, and has no answer yet."""
    accepted: Task | None = None
    """The task of the latest submission that has one."""
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _opened: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)
    _providers: dict[tuple[str, str], "Provider"] = field(default_factory=dict, init=False)
    _sandbox_url: str | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.history.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What this asynchronous work returns.

        Raises:
            KeyboardInterrupt: a signal told us to stop; the work was cancelled and has tidied up.
        """
        import asyncio

        from taskctl.interrupts import Interrupts

        interrupts = Interrupts()
        self.sending = self.accepted = None

        async def opened() -> T:
            if (task := asyncio.current_task()) is not None:
                interrupts.cancel(task)
            try:
                async with AsyncExitStack() as self._opened:
                    return await work
            finally:
                work.close()
                self._providers.clear()

        with interrupts.held():
            try:
                done = asyncio.run(opened())
            except asyncio.CancelledError:
                interrupts.take_effect()
                raise
        interrupts.take_effect()
        return done

    async def provider(self, profile: Profile) -> "Provider":
        """The provider of this profile, connected on first use.

        Raises:
            CredentialsError: it needs a key and there is none.
        """
        from taskctl.dialects.site import Site
        from taskctl.net.provider import Provider
        from taskctl.net.wire import Wire

        identity = (profile.name, profile.base_url)
        if identity not in self._providers:
            key = profile.key(self.environ)
            address = self.address(profile.base_url)
            wire = Wire(address, self.clock, transport=self.transport)
            provider = Provider(profile, Site(profile.dialect, address), wire, key)
            self._providers[identity] = await self._opened.enter_async_context(provider)
        return self._providers[identity]

    async def provider_of(self, task: Task) -> "Provider":
        """The provider of a known task, at the address it was recorded with."""
        return await self.provider(self.profiles.of(task))

    def address(self, base_url: str) -> str:
        """Where this base URL really is: the built-in sandbox is started when somebody asks for it."""
        return base_url.replace(LOCAL, self._sandbox(), 1) if base_url.startswith(LOCAL) else base_url

    def recorded(self, url: str, provider: "Provider") -> str:
        """A URL as the history has it: with the recorded address in place of the one of the moment."""
        return url.replace(provider.site.base_url, provider.profile.base_url, 1)

    def remember(self, task: Task) -> Task:
        """The task as the history has it now; where it cannot be written, a warning was given once."""
        return self.remember_all([task])[0]

    def remember_all(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks as the history has them now, all of them written at once."""
        return self.history.record_all(tasks) if tasks and self.history.writable else list(tasks)

    def need_history(self) -> None:
        """Refuse to go on where nothing could be remembered.

        Raises:
            HistoryError: the history cannot be written.
        """
        if not self.history.writable:
            raise HistoryError(
                f"the history {self.history.path} cannot be written: {self.history.problem}",
                hint="without it a paid task could be lost, so nothing was sent; set TASKCTL_HISTORY to another file",
            )

    def _sandbox(self) -> str:
        if self._sandbox_url is None:
            try:
                from taskctl.sandbox.server import Sandbox
            except ImportError as problem:
                raise ConfigurationError(
                    f"the sandbox needs the package {problem.name}, which is not installed",
                    hint="pip install 'taskctl[sandbox]'",
                ) from problem
            try:
                self._sandbox_url = self._stack.enter_context(Sandbox(self.sandbox_folder)).url
            except OSError as problem:
                raise ConfigurationError(
                    f"the sandbox cannot keep its tasks in {self.sandbox_folder}: {problem.strerror or problem}",
                    hint="it stays beside the history; set TASKCTL_HISTORY to a file in a folder of yours",
                ) from problem
        return self._sandbox_url
