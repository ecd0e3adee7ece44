"""A server on loopback that answers with exactly the bytes and the misbehaviour that a script asks for."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import unquote

PATIENCE = 20.0
"""Seconds after which a test that waits for something has failed."""


@dataclass(frozen=True)
class Asked:
    """A request that arrived, its headers as they were sent."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    @property
    def names(self) -> set[str]:
        """The names of its headers, in lower case."""
        return {name.lower() for name, _ in self.headers}

    @property
    def start(self) -> int | None:
        """Where the range that it asks for begins."""
        found = self.header("Range")
        return int(found.removeprefix("bytes=").removesuffix("-")) if found else None

    @property
    def raw(self) -> bytes:
        """All of it, to be searched."""
        lines = [f"{self.method} {self.path}", *(f"{name}: {value}" for name, value in self.headers), ""]
        return "\r\n".join(lines).encode("latin-1") + self.body

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Hold:
    """Send nothing until the event is set, or the server closes."""

    until: threading.Event


@dataclass(frozen=True)
class Pause:
    """Send nothing for so many seconds: for servers that are slow, not for tests that are impatient."""

    seconds: float


@dataclass(frozen=True)
class Reset:
    """Break the connection with RST instead of FIN."""


@dataclass(frozen=True)
class Taken:
    """Go on once the client has taken from its system all that was sent; only Linux tells when that is."""


@dataclass(frozen=True)
class Keep:
    """Take another request on this connection; without it each answer ends with a close."""


@dataclass(frozen=True)
class Secure:
    """Speak TLS from here on: what a proxy's tunnel leads to. Another request follows."""

    context: ssl.SSLContext


Step = bytes | Hold | Pause | Reset | Taken | Keep | Secure
Script = Callable[[Asked], bytes | Iterable[Step]]
"""What to do with a request: bytes to send, or steps, where a generator may look at the world between them."""


class Server:
    """Runs its script for each request and remembers everything that arrived."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.connections = 0
        self.body_limit: int | None = None
        """Bytes of a request's body that are read before the script acts; the rest stays unread."""
        self._tls = tls
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._held: set[threading.Event] = set()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with self._news:
            for event in self._held:
                event.set()
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()  # wakes the thread that accepts
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def to(self, path: str) -> list[Asked]:
        """The requests for this path, whatever their queries."""
        return [asked for asked in self.asked if asked.path.partition("?")[0] == path]

    def wait_for(self, number: int) -> None:
        """Return once so many requests have arrived."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.asked) >= number, PATIENCE), f"{len(self.asked)} requests came"

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._register(connection)
            while (after := self._exchange(connection)) is not None:
                connection = self._secured(connection, after)
        except OSError:
            pass  # clients that go away are part of the game
        finally:  # also where a script is wrong: the client is not to wait for it
            with self._news:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            connection.close()

    def _register(self, connection: socket.socket) -> None:
        with self._news:
            self._open.add(connection)

    def _secured(self, connection: socket.socket, after: Keep | Secure) -> socket.socket:
        if isinstance(after, Keep):
            return connection
        with self._news:
            self._open.discard(connection)
        secured = after.context.wrap_socket(connection, server_side=True)
        self._register(secured)
        return secured

    def _exchange(self, connection: socket.socket) -> Keep | Secure | None:
        """Serve one request; what the connection goes on with, or None where it ends."""
        with connection.makefile("rb", buffering=0) as unbuffered:
            asked = _read(unbuffered, self.body_limit)
        if asked is None:
            return None
        with self._news:
            self.asked.append(asked)
            self._news.notify_all()
        said = self.script(asked)
        after: Keep | Secure | None = None
        for step in [said] if isinstance(said, bytes) else said:
            if self._closing.is_set():
                return None
            match step:
                case bytes():
                    connection.sendall(step)
                case Hold():
                    self._hold(step.until)
                case Pause():
                    self._closing.wait(step.seconds)
                case Reset():
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
                    return None
                case Taken():
                    while _under_way(connection) and not self._closing.is_set():
                        self._closing.wait(0.003)
                case Keep() | Secure():
                    after = step
        return after

    def _hold(self, until: threading.Event) -> None:
        with self._news:
            self._held.add(until)
            if self._closing.is_set():
                return
        until.wait()


def _under_way(connection: socket.socket) -> int:
    """Bytes that we have sent and that the client has not taken yet."""
    (_, ours), (_, theirs) = connection.getsockname(), connection.getpeername()
    waiting = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        ports = int(local[-4:], 16), int(remote[-4:], 16)
        to_send, to_take = (int(queue, 16) for queue in queues.split(":"))
        waiting += {(ours, theirs): to_send, (theirs, ours): to_take}.get(ports, 0)
    return waiting


def _read(stream: Any, limit: int | None) -> Asked | None:
    """The next request of a connection, byte for byte; None at its end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = stream.read(1)  # unbuffered, so that nothing of what follows (TLS, another request) is taken
        if not piece:
            return None
        head += piece
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    asked = Asked(method, path, headers, b"")
    if (asked.header("Transfer-Encoding") or "").lower() == "chunked":
        return Asked(method, path, headers, b"".join(_chunks(stream)))
    length = int(asked.header("Content-Length") or 0)
    return Asked(method, path, headers, _exactly(stream, length if limit is None else min(length, limit)))


def _exactly(stream: BinaryIO, length: int) -> bytes:
    body = b""
    while len(body) < length and (piece := stream.read(length - len(body))):
        body += piece
    return body


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while size := int(stream.readline().partition(b";")[0] or b"0", 16):
        yield _exactly(stream, size)
        stream.readline()
    stream.readline()


def answer(status: int, body: bytes = b"", headers: Mapping[str, object] | None = None) -> bytes:
    """An answer; headers that are None are left out, also the length that it has by itself."""
    said: dict[str, object] = {"Content-Length": len(body), "Connection": "close", **(headers or {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in said.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_answer(value: object, status: int = 200) -> bytes:
    """An answer of JSON."""
    return answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def redirect(to: str, status: int = 302, **headers: str) -> bytes:
    """An answer that leads elsewhere."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(status, headers={"Location": to, **named})


def cut(said: bytes, after: int) -> bytes:
    """An answer up to so many bytes of its body."""
    return said[: said.index(b"\r\n\r\n") + 4 + after]


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks, without the last chunk that says that this is all."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def in_turn(*answers: bytes | Sequence[Step]) -> Script:
    """Give these answers in turn; the last one stays."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@dataclass
class File:
    """A file as a good server serves it: whole, or from where it is asked to go on."""

    body: bytes
    etag: str | None = '"v1"'
    content_type: str = "video/mp4"

    def __call__(self, asked: Asked) -> bytes:
        if asked.start is None or self.etag is None or asked.header("If-Range") != self.etag:
            return self.whole()
        return self.rest(asked.start) if asked.start < len(self.body) else self.unsatisfiable()

    def whole(self, **headers: object) -> bytes:
        """All of it."""
        return answer(200, self.body, {"Content-Type": self.content_type, "ETag": self.etag, **_named(headers)})

    def rest(self, start: int, *, said: str | None = None) -> bytes:
        """What comes from there on; `said` is the range that is claimed instead of the true one."""
        claimed = said or f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        return answer(206, self.body[start:], {"ETag": self.etag, "Content-Range": claimed})

    def unsatisfiable(self) -> bytes:
        """There is nothing from there on."""
        return answer(416, headers={"ETag": self.etag, "Content-Range": f"bytes */{len(self.body)}"})


def _named(headers: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Ephone:
    """Plays a provider of the dialect `ephone`: submits are accepted, every task has completed, the rest are files."""

    id: str = "task-1"
    """What the next submit is answered with."""
    links: Callable[[str], Sequence[str]] = lambda id_: [f"/files/{id_}.mp4"]
    """The results of a task."""
    files: Script = field(default=lambda _: answer(404))
    headers: dict[str, str] = field(default_factory=dict)
    """Sent along with every look."""

    def __call__(self, asked: Asked) -> bytes | Iterable[Step]:
        path = unquote(asked.path.partition("?")[0])
        if asked.method == "POST" and path == "/v1/task/submit":
            return json_answer({"id": self.id, "status": "queued"})
        if not path.startswith("/v1/task/"):
            return self.files(asked)
        id_ = path.removeprefix("/v1/task/")
        told = {"id": id_, "status": "completed", "outputs": list(self.links(id_))}
        body = json.dumps(told).encode()
        return answer(200, body, {"Content-Type": "application/json", **self.headers})
