"""HTTP/1.1 connections to one provider: each is taken for one exchange, and given back when its answer is read.

httpx2's own transport looks at all its connections for every request, and puts two layers of streams under each; at a
hundred connections that costs more than all the rest of a look. `bench/wait.py` shows the figures. This one is h11 on
an asyncio protocol, beneath httpx2's client.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import h11
import httpx2

IDLE = 30.0
"""Seconds after which a connection that nobody used is not trusted any more."""
LARGEST_HEAD = 100 * 1024
"""Bytes of an answer's status line and headers."""
_EYEBALLS = 0.25
"""Seconds after which a second address of a host is tried beside the first (RFC 8305)."""
_PORTS = {"http": 80, "https": 443}


class Connections(httpx2.AsyncBaseTransport):
    """A transport that sends each request over a connection that nobody else uses meanwhile."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer; its connection is free again once the body is read."""
        patience = request.extensions["timeout"]
        connection = self._taken() or await self._opened(request, patience["connect"])
        head = None
        try:
            head = await connection.exchange(request, patience)
        finally:
            if head is None:
                self._drop(connection)
        return httpx2.Response(
            head.status_code,
            headers=list(head.headers),
            stream=_Body(self, connection, patience["read"]),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in list(self._all):
            self._drop(connection)

    def give_back(self, connection: "Connection") -> None:
        """Let others have this connection where it can be used again."""
        if connection.park():
            self._idle.append(connection)
        else:
            self._drop(connection)

    def _taken(self) -> "Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.unpark():
                return connection
            self._drop(connection)
        return None

    async def _opened(self, request: httpx2.Request, patience: float | None) -> "Connection":
        url = request.url
        if url.scheme not in _PORTS:
            raise httpx2.UnsupportedProtocol(f"{url.scheme}:// is not HTTP", request=request)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience):
                _, connection = await loop.create_connection(
                    Connection,
                    url.raw_host.decode(),
                    url.port or _PORTS[url.scheme],
                    ssl=self._trust if url.scheme == "https" else None,
                    happy_eyeballs_delay=_EYEBALLS,
                )
        except TimeoutError as problem:
            raise httpx2.ConnectTimeout("", request=request) from problem
        except OSError as problem:
            raise httpx2.ConnectError(problem.strerror or str(problem), request=request) from problem
        self._all.add(connection)
        return connection

    def _drop(self, connection: "Connection") -> None:
        self._all.discard(connection)
        connection.abort()


class Connection(asyncio.Protocol):
    """One connection and where it stands in its exchange."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        self._transport: Any = None
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Future[None] | None = None
        """What a reader waits for."""
        self._room: asyncio.Future[None] | None = None
        """What a writer waits for."""
        self._error: Exception | None = None
        self._parked_at: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what requests are written to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came; more than the reader asked for has to wait in the socket."""
        if self._parked_at is not None:  # nobody asked: whatever this is, it is not the answer to the next request
            self.abort()
            return
        self._http.receive_data(data)
        if self._news is None:
            self._transport.pause_reading()
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; what came before it can still be read."""
        self._error = exc
        if exc is None:
            self._http.receive_data(b"")
        self._tell()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Make the writer wait."""
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let the writer go on."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    async def exchange(self, request: httpx2.Request, patience: dict[str, float | None]) -> h11.Response:
        """Send a request; the head of its answer."""
        try:
            await self._send(request, patience["write"])
            while True:
                event = await self.event(patience["read"])
                if isinstance(event, h11.Response):
                    return event
        except h11.LocalProtocolError as problem:
            raise httpx2.LocalProtocolError(str(problem), request=request) from problem

    async def event(self, patience: float | None) -> object:
        """What comes next of an answer: its head, a part of its body, or its end."""
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                if self._error is not None:
                    raise httpx2.ReadError(str(self._error)) from self._error
                self._news = self._loop.create_future()
                self._transport.resume_reading()
                async with asyncio.timeout(patience):
                    await self._news
        except TimeoutError as problem:
            raise httpx2.ReadTimeout("") from problem
        except h11.RemoteProtocolError as problem:
            raise httpx2.RemoteProtocolError(_said(problem, self._http)) from problem
        finally:
            self._news = None
        return event

    def park(self) -> bool:
        """Wait for the next exchange; False where there can be none."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        if self._http.trailing_data[0] or self._transport.is_closing():
            return False
        self._http.start_next_cycle()
        self._transport.resume_reading()
        self._parked_at = self._loop.time()
        return True

    def unpark(self) -> bool:
        """Begin the next exchange; False where the connection has gone or grown old meanwhile."""
        since, self._parked_at = self._parked_at, None
        return since is not None and self._loop.time() - since < IDLE and not self._transport.is_closing()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    async def _send(self, request: httpx2.Request, patience: float | None) -> None:
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        self._write(head)
        assert isinstance(request.stream, httpx2.AsyncByteStream)  # noqa: S101  # what an asynchronous client gives
        async for chunk in request.stream:
            if self._transport.is_closing():  # refused in the middle of the body: the answer may say why
                return
            self._write(h11.Data(data=chunk))
            if self._room is not None:
                try:
                    async with asyncio.timeout(patience):
                        await self._room
                except TimeoutError as problem:
                    raise httpx2.WriteTimeout("") from problem
        self._write(h11.EndOfMessage())

    def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._transport.write(data)

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, which gives its connection back when it is closed."""

    def __init__(self, home: Connections, connection: Connection, patience: float | None) -> None:
        self._home = home
        self._connection = connection
        self._patience = patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._connection.event(self._patience), h11.Data):
            yield bytes(event.data)

    async def aclose(self) -> None:
        """Give the connection back."""
        self._home.give_back(self._connection)


def _said(problem: h11.RemoteProtocolError, http: h11.Connection) -> str:
    """What the server did wrong."""
    nothing_came = http.trailing_data == (b"", True) and "ConnectionClosed" in str(problem)
    return "it closed the connection without an answer" if nothing_came else str(problem)
