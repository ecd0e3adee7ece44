"""Where a download may connect to: the scheme and address policy, checked on what is really connected."""

import http.client
import ipaddress
import re
import select
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from taskctl.errors import FileError

CONNECT = 10.0
"""Seconds for a connection."""
READ = 30.0
"""Seconds without a byte after which a transfer is stalled."""
_HOST = re.compile(r"[\w.-]+(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
_PRIVATE_NAME = re.compile(r"(?i)[^.]*|.*\.(localhost|local|internal|intranet|lan|home\.arpa)")
"""Names that no public server has: those of one part, and those set aside."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""NAT64: the last four bytes are the IPv4 address that is meant."""
_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is given out of IPv6; Python counts more of it as global."""
_RELAYED = ipaddress.ip_network("2002::/16")
_ASSIGNMENTS = ipaddress.ip_network("192.0.0.0/24")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutOfReach(FileError):
    """The policy forbids this address; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What is allowed: plain http and private addresses only where the provider itself is so."""

    http: bool = False
    private: bool = False

    @classmethod
    def of(cls, base_url: str) -> "Reach":
        """The reach of downloads from a provider at this address."""
        parts = urlsplit(base_url)
        return cls(http=parts.scheme == "http", private=_names_private(parts.hostname or ""))

    def checked(self, url: str) -> SplitResult:
        """The parts of a URL that may be asked.

        Raises:
            OutOfReach: its scheme or its form is not allowed.
        """
        try:
            parts = urlsplit(url)
            _ = parts.port, url.encode()
        except ValueError as problem:
            raise OutOfReach(f"the result's link is no URL: {problem}") from problem
        shown = f"{parts.scheme}://{parts.hostname or ''}"
        if parts.scheme not in ("http", "https"):
            raise OutOfReach(f"the result's link is no web address: {shown}")
        if parts.scheme == "http" and not self.http:
            raise OutOfReach(
                f"the result's link is not encrypted: {shown}", hint="only https is fetched from an https provider"
            )
        if "@" in parts.netloc:
            raise OutOfReach(f"the result's link holds a password: {shown}")
        if not _HOST.fullmatch(parts.netloc):
            raise OutOfReach(f"the result's link names no host: {shown}")
        return parts

    def check_name(self, host: str) -> None:
        """Refuse a host whose name tells that it is private, where somebody else connects to it for us.

        Raises:
            OutOfReach: it does.
        """
        if self.private:
            return
        try:
            private = is_private(socket.inet_ntoa(socket.inet_aton(host)))  # also 127.1, 0x7f000001, 2130706433
        except OSError:
            private = is_private(host) if ":" in host else bool(_PRIVATE_NAME.fullmatch(host.rstrip(".")))
        if private:
            raise OutOfReach(f"{host} is a private address", hint="results are fetched from public hosts alone")

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to this host, at an address that is allowed.

        Raises:
            OutOfReach: every address of it is forbidden. OSError: it cannot be reached.
        """
        last: OSError | None = None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as problem:
            raise OutOfReach(f"{host} is no host's name") from problem
        allowed = [entry for entry in found if self.private or not is_private(str(entry[4][0]))]
        if not allowed:
            raise OutOfReach(
                f"{host} is a private address ({found[0][4][0]})", hint="results are fetched from public hosts alone"
            )
        for family, kind, protocol, _, address in allowed:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(CONNECT)
                connection.connect(address)
                connection.settimeout(READ)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as problem:
                connection.close()
                last = problem
            else:
                return connection
        raise last or OSError(f"{host} cannot be reached")


class PlainConnection(http.client.HTTPConnection):
    """A connection that goes where the policy lets it."""

    def __init__(self, reach: Reach, host: str, port: int) -> None:
        super().__init__(host, port)
        self._reach = reach

    def connect(self) -> None:
        """Connect to an allowed address."""
        self.sock = self._reach.connect(self.host, self.port)


class SecureConnection(http.client.HTTPSConnection):
    """The same, encrypted and with the host's certificate checked."""

    def __init__(self, reach: Reach, host: str, port: int, trust: ssl.SSLContext) -> None:
        super().__init__(host, port, context=trust)
        self._reach = reach
        self._trust = trust

    def connect(self) -> None:
        """Connect to an allowed address and check the certificate."""
        self.sock = self._trust.wrap_socket(self._reach.connect(self.host, self.port), server_hostname=self.host)


class Idle:
    """Connections that have done their work and can do more; each was checked when it was made."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, int], list[http.client.HTTPConnection]] = {}

    def take(self, origin: tuple[str, str, int]) -> http.client.HTTPConnection | None:
        """A connection to this scheme, host and port, which may have died meanwhile; None where there is none."""
        waiting = self._waiting.get(origin, [])
        while waiting:
            try:
                connection = waiting.pop()
            except IndexError:  # another thread was faster
                break
            if not _is_waiting(connection.sock):  # a farewell, or more than was announced
                return connection
            connection.close()
        return None

    def give(self, origin: tuple[str, str, int], connection: http.client.HTTPConnection) -> None:
        """Keep a connection for whoever comes next."""
        self._waiting.setdefault(origin, []).append(connection)

    def close(self) -> None:
        """Close them all."""
        for waiting in self._waiting.values():
            while waiting:
                waiting.pop().close()


def _is_waiting(connection: socket.socket) -> bool:
    """Whether something has come that nobody has read yet, be it the end."""
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return True
    try:
        return bool(select.select([connection], [], [], 0)[0])
    except (OSError, ValueError):  # closed already; or one of very many, which select cannot look at
        return True


def is_private(address: str) -> bool:
    """Whether an address is not one of the public internet, whatever it is wrapped in."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif parsed in _TRANSLATED:
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        elif parsed not in _UNICAST or parsed in _RELAYED:
            return True
    return not parsed.is_global or parsed.is_multicast or parsed in _ASSIGNMENTS


def _names_private(host: str) -> bool:
    """Whether the provider's own host is a private one: by its address, or because it resolves to one."""
    try:
        return all(is_private(str(entry[4][0])) for entry in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return False
