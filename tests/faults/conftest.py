"""Fixtures of the fault tests: the console script with a canary for a key, and servers that misbehave."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.faults.console import CANARY, Console, leaks
from tests.faults.server import Ephone, Script, Server

Serve = Callable[..., Server]


class Play:
    """A provider with its own server, which alone may see the key."""

    def __init__(self, ephone: Ephone, server: Server) -> None:
        self.ephone = ephone
        self.server = server

    @property
    def looks(self) -> int:
        return sum(asked.path.startswith("/v1/task/") for asked in self.server.asked)


@pytest.fixture
def strangers() -> list[Server]:
    """The servers that must never see the key."""
    return []


@pytest.fixture
def serve(strangers: list[Server]) -> Iterator[Serve]:
    with ExitStack() as stack:

        def serving(script: Script, *, tls: ssl.SSLContext | None = None, trusted: bool = False) -> Server:
            server = stack.enter_context(Server(script, tls=tls))
            if not trusted:
                strangers.append(server)
            return server

        yield serving


@pytest.fixture
def taskctl(tmp_path: Path, strangers: list[Server]) -> Iterator[Console]:
    """The console script; after the test its key is nowhere but where it was sent on purpose."""
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    console = Console(home, cwd, {"TASKCTL_API_KEY": CANARY, "TASKCTL_PROFILE": "ephone"})
    yield console
    console.end()
    assert leaks(CANARY, [tmp_path], console.said, strangers) == []


@pytest.fixture
def play(taskctl: Console, serve: Serve) -> Play:
    """A provider of the dialect `ephone` on loopback, which the console script talks to."""
    ephone = Ephone()
    server = serve(ephone, trusted=True)
    taskctl.environ["TASKCTL_BASE_URL"] = server.url
    return Play(ephone, server)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, taskctl: Console, tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """Makes the console script trust our authority, and gives servers certificates of it."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    taskctl.environ["SSL_CERT_FILE"] = str(path)

    def context(*hosts: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*hosts).configure_cert(made)
        return made

    return context
