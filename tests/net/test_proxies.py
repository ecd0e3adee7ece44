import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
import trustme

from taskctl.errors import ConfigurationError
from taskctl.net.file_get import Broken, FileGet
from taskctl.net.plan import Partial
from taskctl.net.proxies import proxy_for
from taskctl.net.reach import Idle, OutOfReach, Reach

FILE = b"\x00\x00\x00\x20ftypisom" + bytes(600)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(FILE) + FILE


@dataclass
class Heard:
    """What reached the proxy, and what came out of its tunnel."""

    proxy: list[str] = field(default_factory=list)
    server: list[str] = field(default_factory=list)


class Proxy(ThreadingTCPServer):
    """A proxy that is the server behind it, too, whatever the server's name."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.heard = Heard()
        self.tls = tls
        self.refuses = False
        super().__init__(("127.0.0.1", 0), Passing)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what is tested."""


class Passing(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        said = _head(self.request)
        self.server.heard.proxy.append(said)
        if self.server.refuses:
            self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif said.startswith("CONNECT"):
            self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            with contextlib.closing(self.server.tls.wrap_socket(self.request, server_side=True)) as inner:
                self.server.heard.server.append(_head(inner))
                inner.sendall(OK)
        else:
            self.request.sendall(OK)


def _head(connection: socket.socket) -> str:
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        said += connection.recv(1)
    return said.decode()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def proxy(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("files.example").configure_cert(context)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with Proxy(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        address = f"http://me:sec%20ret@127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("HTTP_PROXY", address)
        yield server
        server.shutdown()
        thread.join()


def fetched(url: str, authority: trustme.CA, reach: Reach | None = None) -> bytes:
    trust, idle = ssl.create_default_context(), Idle()
    authority.configure_trust(trust)
    get = FileGet(
        what="video 0 of x",
        task="x",
        reach=reach or Reach(),
        trust=lambda: trust,
        key_headers=lambda _: {"Authorization": "Bearer of-the-provider"},
        idle=idle,
    )
    with contextlib.closing(idle), get.answer(url, Partial()) as response:
        return response.read()


def test_a_file_comes_through_a_tunnel_that_the_server_knows_nothing_of(proxy: Proxy, authority: trustme.CA) -> None:
    assert fetched("https://files.example/a.mp4?signature=1", authority) == FILE
    (asked,) = proxy.heard.proxy
    assert asked.startswith("CONNECT files.example:443 ")
    assert "Proxy-Authorization: Basic bWU6c2VjIHJldA==" in asked
    assert "signature" not in asked
    assert "of-the-provider" not in asked
    (got,) = proxy.heard.server
    assert got.startswith("GET /a.mp4?signature=1 ")
    assert "proxy" not in got.lower()


def test_a_file_in_the_clear_is_passed_on_by_the_proxy(proxy: Proxy, authority: trustme.CA) -> None:
    assert fetched("http://files.example:8080/a.mp4", authority, Reach(http=True)) == FILE
    (asked,) = proxy.heard.proxy
    assert asked.startswith("GET http://files.example:8080/a.mp4 ")
    assert "Host: files.example:8080\r\n" in asked
    assert "Proxy-Authorization: Basic " in asked


def test_a_proxy_that_refuses_is_an_error_of_the_network(proxy: Proxy, authority: trustme.CA) -> None:
    proxy.refuses = True
    with pytest.raises(Broken, match="407"):
        fetched("https://files.example/a.mp4", authority)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "10.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "metadata",
        "metadata.google.internal",
        "metadata.google.internal.",
        "printer.local",
        "a.localhost",
    ],
)
def test_where_a_proxy_connects_names_and_addresses_are_what_is_checked(
    proxy: Proxy, authority: trustme.CA, host: str
) -> None:
    with pytest.raises(OutOfReach, match="private address"):
        fetched(f"https://{host}/a.mp4", authority)
    assert proxy.heard.proxy == []


def test_a_private_provider_may_be_behind_a_proxy(proxy: Proxy, authority: trustme.CA) -> None:
    assert fetched("http://10.0.0.1/a.mp4", authority, Reach(http=True, private=True)) == FILE
    assert proxy.heard.proxy[0].startswith("GET http://10.0.0.1:80/a.mp4 ")


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_some_hosts_need_no_proxy(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "files.example,.other.example")
    assert proxy_for("https", "files.example") is None
    assert proxy_for("https", "a.other.example") is None
    assert proxy_for("https", "third.example") is not None
    assert proxy.heard.proxy == []


def test_this_machine_is_not_asked_for_through_a_proxy(proxy: Proxy) -> None:
    assert proxy_for("http", "127.0.0.1") is None
    assert proxy_for("http", "localhost") is None
    assert proxy.heard.proxy == []


@pytest.mark.parametrize("named", ["socks5://127.0.0.1:1080", "https://127.0.0.1:8443", "http://", "http://a:b:c"])
def test_a_proxy_of_another_kind_is_named_as_what_is_wrong(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("https_proxy", named)
    with pytest.raises(ConfigurationError, match="proxy"):
        proxy_for("https", "files.example")


def test_a_proxy_without_a_scheme_is_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    found = proxy_for("https", "files.example")
    assert found is not None
    assert (found.host, found.port, found.headers) == ("proxy.example", 3128, {})
