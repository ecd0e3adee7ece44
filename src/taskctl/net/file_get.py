"""Asks for a file over a checked connection, again where a resting one had died, and after redirects, each checked."""

import contextlib
import http.client
import socket
import ssl
import string
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urljoin

from taskctl.errors import FileError, NoAnswer
from taskctl.net.plan import Partial
from taskctl.net.proxies import proxy_for
from taskctl.net.reach import Idle, OutOfReach, PlainConnection, Reach, SecureConnection
from taskctl.net.wire import USER_AGENT

HOPS = 5
HEAD = 60.0
"""Seconds until an answer has begun."""
TOTAL = 24 * 3600.0
"""Seconds for one file; no link lives longer."""
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)


class Broken(NoAnswer):
    """The transfer stopped half-way; what arrived is kept, and the next attempt goes on from there."""


@dataclass(slots=True, kw_only=True)
class FileGet:
    """A request for one file, whole or from where an earlier attempt ended."""

    what: str
    """How messages call the file."""
    task: str | None
    reach: Reach
    trust: Callable[[], ssl.SSLContext]
    key_headers: Callable[[str], Mapping[str, str]]
    """The headers that hold the key, for a URL; empty for nearly all."""
    idle: Idle
    monotonic: Callable[[], float] = time.monotonic
    _socket: socket.socket | None = field(default=None, init=False, repr=False)
    _asked_at: float | None = field(default=None, init=False, repr=False)
    """When a request was sent that has no answer yet."""
    _began: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._began = self.monotonic()

    @property
    def connected(self) -> socket.socket:
        """The connection over which an answer is coming."""
        if self._socket is None:
            raise Broken(f"fetching {self.what}: the connection is closed", task=self.task)
        return self._socket

    def check(self) -> None:
        """End the exchange, from another thread, where it takes longer than any honest one."""
        now = self.monotonic()
        if now - self._began > TOTAL or (self._asked_at is not None and now - self._asked_at > HEAD):
            self.abort()

    def abort(self) -> None:
        """End the exchange, from another thread, also where nothing arrives."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def answer(self, url: str, partial: Partial) -> Iterator[http.client.HTTPResponse]:
        """The answer to a request for the file, after up to five redirects, each checked like the first URL."""
        hops = 0
        while hops <= HOPS:
            parts = self.reach.checked(url)
            origin = parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]
            connection = self.idle.take(origin)
            used = connection is not None
            connection = connection or self._connection(origin)
            kept = False
            try:
                if not used:
                    self._connect(connection)
                self._socket, self._asked_at = connection.sock, self.monotonic()
                try:
                    connection.request("GET", _path(parts), headers=self._headers(url, partial))
                    response = connection.getresponse()
                except (OSError, http.client.HTTPException):
                    if used:  # it had died meanwhile: that says nothing about the file
                        continue
                    raise
                self._asked_at = None
                with response:
                    location = response.getheader("Location")
                    if response.status in _REDIRECTS and location:
                        url, hops = _joined(url, location), hops + 1
                        continue
                    yield response
                    kept = (response.isclosed() or response.length == 0) and not response.will_close
            except ssl.SSLCertVerificationError as problem:
                reason = f"its certificate does not hold: {problem.verify_message}"
                raise NoAnswer(f"fetching {self.what} from {parts.hostname}: {reason}", task=self.task) from problem
            except (OSError, http.client.HTTPException) as problem:
                reason = str(problem) or type(problem).__name__
                raise Broken(f"fetching {self.what} from {parts.hostname}: {reason}", task=self.task) from problem
            else:
                return
            finally:
                self._socket = self._asked_at = None
                if kept:
                    self.idle.give(origin, connection)
                else:
                    connection.close()
        raise FileError(f"fetching {self.what}: more than {HOPS} redirects", task=self.task)

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        """Connect; a server that speaks no TLS which is safe will not do so in a second either."""
        try:
            connection.connect()
        except (ssl.SSLCertVerificationError, ssl.SSLEOFError):
            raise
        except ssl.SSLError as problem:
            reason = f"it speaks no TLS that is safe: {problem.reason or problem}"
            raise NoAnswer(f"fetching {self.what} from {connection.host}: {reason}", task=self.task) from problem

    def _connection(self, origin: tuple[str, str, int]) -> http.client.HTTPConnection:
        scheme, host, port = origin
        proxy = proxy_for(scheme, host)
        if proxy is not None:
            self.reach.check_name(host)
            return proxy.connection(scheme, host, port, self.trust() if scheme == "https" else None)
        if scheme == "https":
            return SecureConnection(self.reach, host, port, self.trust())
        return PlainConnection(self.reach, host, port)

    def _headers(self, url: str, partial: Partial) -> dict[str, str]:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **self.key_headers(url)}
        if partial.resumable and partial.etag is not None:
            headers |= {"Range": f"bytes={partial.have}-", "If-Range": partial.etag}
        return headers


def _path(parts: SplitResult) -> str:
    """What is asked of the host: the URL's own characters, but for those that a request cannot hold."""
    asked = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(asked, safe=string.punctuation)


def _joined(url: str, location: str) -> str:
    """Where a redirect leads; headers come as Latin-1, whatever they are in."""
    try:
        return urljoin(url, quote(location.encode("latin-1"), safe=string.punctuation))
    except ValueError as problem:
        raise OutOfReach(f"the result's link leads to what is no URL: {problem}") from problem
