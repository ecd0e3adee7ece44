"""The proxy that the environment names, for downloads: nothing of it reaches the server that a file comes from."""

import base64
import http.client
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from taskctl.errors import ConfigurationError
from taskctl.net.reach import CONNECT, READ

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is, and what it wants to know before it lets one through."""

    host: str
    port: int
    headers: dict[str, str]

    def connection(self, scheme: str, host: str, port: int, trust: ssl.SSLContext | None) -> http.client.HTTPConnection:
        """A connection to this server through the proxy: a tunnel where it is encrypted."""
        if scheme == "http":
            return Relay(self, host, port)
        return Tunnel(self, host, port, trust)


class Relay(http.client.HTTPConnection):
    """A connection to a proxy that passes on requests to one server."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        super().__init__(proxy.host, proxy.port, timeout=CONNECT)
        self._server = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._headers = proxy.headers

    def connect(self) -> None:
        """Connect to the proxy."""
        super().connect()
        self.sock.settimeout(READ)

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:  # noqa: FBT001, FBT002  # as it is declared
        """Begin a request, with what the proxy has to know."""
        super().putrequest(method, self._server + url, skip_host, skip_accept_encoding)
        for name, value in self._headers.items():
            self.putheader(name, value)


class Tunnel(http.client.HTTPSConnection):
    """An encrypted connection to a server through a proxy, which sees no more of it than its name."""

    def __init__(self, proxy: Proxy, host: str, port: int, trust: ssl.SSLContext | None) -> None:
        super().__init__(proxy.host, proxy.port, context=trust, timeout=CONNECT)
        self.set_tunnel(host, port, proxy.headers)

    def connect(self) -> None:
        """Connect to the proxy, through it to the server, and check the server's certificate."""
        super().connect()
        self.sock.settimeout(READ)


def named_for(scheme: str, host: str) -> str | None:
    """What the environment calls the proxy for this host; this machine needs none."""
    known = getproxies()
    named = known.get(scheme) or known.get("all")
    return named if named and host not in _LOOPBACK and not proxy_bypass(host) else None


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """The proxy that the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY) or the system wants for this host.

    Raises:
        ConfigurationError: it names one that is no HTTP proxy.
    """
    named = named_for(scheme, host)
    if named is None:
        return None
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        port = parts.port or 80
    except ValueError as problem:
        raise ConfigurationError(f"the proxy that the environment names is no address: {problem}") from problem
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError(
            f"files cannot be fetched through a proxy that is {parts.scheme}://",
            hint="set HTTPS_PROXY to an http:// proxy, or NO_PROXY to the hosts that need none",
        )
    headers = {}
    if parts.username is not None:
        known_as = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(known_as).decode()}"
    return Proxy(parts.hostname, port, headers)
