"""A pool of connections to one provider: single connections, each with a transport of its own, taken and given back.

httpx2's shared pool looks at all its connections for every request; at a hundred of them that costs more than the
request. `bench/wait.py` shows the figures.
"""

import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import httpx2

_ONE = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30.0)


class Connections(httpx2.AsyncBaseTransport):
    """A transport that sends each request over a connection that nobody else uses."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._idle: list[httpx2.AsyncHTTPTransport] = []
        self._all: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer; its connection is free again once the body is read or closed."""
        connection = self._idle.pop() if self._idle else self._opened()
        response = None
        try:
            response = await connection.handle_async_request(request)
        finally:
            if response is None:
                self._idle.append(connection)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101  # what an asynchronous transport gives
        body = _Body(response.stream, connection, self._idle)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Close every connection."""
        for connection in self._all:
            await connection.__aexit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """Open nothing yet."""
        return self

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in self._all:
            await connection.aclose()

    def _opened(self) -> httpx2.AsyncHTTPTransport:
        connection = httpx2.AsyncHTTPTransport(verify=self._trust, limits=_ONE)
        self._all.append(connection)
        return connection


class _Body(httpx2.AsyncByteStream):
    """A body that gives its connection back when it is done."""

    def __init__(
        self, body: httpx2.AsyncByteStream, connection: httpx2.AsyncHTTPTransport, idle: list[httpx2.AsyncHTTPTransport]
    ) -> None:
        self._body = body
        self._connection = connection
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk

    async def aclose(self) -> None:
        """Close the body; whoever asks next may have the connection."""
        await self._body.aclose()
        self._idle.append(self._connection)
