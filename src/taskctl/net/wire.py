"""Sends one request and reads its answer whole: bounded, in time, without redirects, foreign errors made ours."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

import httpx2

from taskctl import __version__
from taskctl.clock import Clock
from taskctl.dialects.messages import Answer, FileRequest, Request
from taskctl.errors import ConfigurationError, FileError, NoAnswer
from taskctl.net.connections import Connections
from taskctl.net.proxies import named_for

USER_AGENT = f"taskctl/{__version__}"
LARGEST = 8 * 1024 * 1024
"""Bytes of an answer, decoded; no description of a task is larger."""
TOTAL = 60.0
"""Seconds that one exchange may take in all; httpx2's own limits are per read."""
_PATIENCE = {"timeout": httpx2.Timeout(connect=10.0, read=30.0, write=30.0, pool=30.0).as_dict()}
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)
_REACH = "is the network up, and is this the right address?"
_LATER = "try again later"
_LONGEST = 200
"""Characters of a reason; some quote what they could not read."""


class NotSent(NoAnswer):
    """The request provably never reached the provider."""


class Untrusted(NotSent):
    """The provider's certificate does not hold; asking again will not help."""


class Wire:
    """A connection pool to one provider. Redirects are answers, not orders."""

    def __init__(self, base_url: str, clock: Clock, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        parts = urlsplit(base_url)
        self._host = parts.netloc
        self._clock = clock
        proxied = named_for(parts.scheme, parts.hostname or "") is not None
        try:
            trust = _trust(parts.scheme if transport is None else "handed in")
            self._client = httpx2.AsyncClient(verify=trust, trust_env=True) if proxied and not transport else None
            self._transport = transport or Connections(trust)
        except (ImportError, OSError, ValueError, httpx2.InvalidURL) as problem:
            raise ConfigurationError(
                f"the proxy or the certificates that the environment names cannot be used: {problem}",
                hint="see HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            ) from problem

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()
        if self._client is not None:
            await self._client.aclose()

    async def send(self, request: Request, key_headers: dict[str, str], *, about: str) -> Answer:
        """The answer to this request, whatever its status.

        Raises:
            NotSent: it never reached the provider. NoAnswer: it may have, and nothing readable came back.
        """
        with our_errors(about, self._host):
            async with asyncio.timeout(TOTAL), self._opened(request, key_headers) as response:
                body = bytearray()
                async for chunk in _chunks(response):
                    body += chunk
                    if len(body) > LARGEST:
                        raise NoAnswer(f"{about}: {self._host} sent more than {LARGEST >> 20} MiB", hint=_LATER)
                return _answer(response, bytes(body), self._clock.now())

    @asynccontextmanager
    async def events(self, request: Request, key_headers: dict[str, str], *, about: str) -> AsyncIterator["Stream"]:
        """An open stream of server-sent events; its answer tells whether the provider has one."""
        with our_errors(about, self._host):
            async with self._opened(request, key_headers) as response:
                yield Stream(response)

    @asynccontextmanager
    async def _opened(self, request: Request, key_headers: dict[str, str]) -> AsyncIterator[httpx2.Response]:
        headers = {**_HEADERS, **request.headers, **key_headers}
        if isinstance(request, FileRequest):
            with _opened_file(request.path) as file:
                parts = {request.part: (Path(request.path).name, file)}
                async with self._exchanged(request, headers, files=parts) as response:
                    yield response
            return
        async with self._exchanged(request, headers, content=request.body) as response:
            yield response

    @asynccontextmanager
    async def _exchanged(
        self,
        request: Request,
        headers: dict[str, str],
        *,
        content: bytes | None = None,
        files: dict[str, tuple[str, BinaryIO]] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """The answer, its body still to come. httpx2's client does nothing for us but find a proxy."""
        sent = httpx2.Request(
            request.method, request.url, headers=headers, content=content, files=files, extensions=_PATIENCE
        )
        if self._client is not None:
            response = await self._client.send(sent, stream=True, follow_redirects=False)
        else:
            response = await self._transport.handle_async_request(sent)
            response.request = sent
        try:
            yield response
        finally:
            await response.aclose()


class Stream:
    """Server-sent events of one task."""

    def __init__(self, response: httpx2.Response) -> None:
        self.answer = _answer(response, b"")
        self._response = response

    @property
    def offered(self) -> bool:
        """Whether the provider streams this task."""
        kind = self.answer.headers.get("content-type", "")
        return self.answer.status == 200 and kind.startswith("text/event-stream")

    async def data(self) -> AsyncIterator[str]:
        """The data of each event, until the provider closes the stream."""
        async for event in httpx2.EventSource(self._response):
            if event.data and event.event != "error":
                yield event.data


class our_errors:  # noqa: N801  # reads as the statement that it is: `with our_errors(...)`
    """Turns httpx2's errors into ours, and keeps the cause."""

    def __init__(self, about: str, host: str) -> None:
        self._about = about
        self._host = host

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        where = f"{self._about}: {self._host}"
        match error:
            case httpx2.ConnectError() if (reason := _certificate_problem(error)) is not None:
                hint = "is this the right address, and does a proxy stand between?"
                raise Untrusted(f"{where}: its certificate does not hold: {reason}", hint=hint) from error
            case httpx2.ConnectTimeout():
                raise NotSent(f"{where} does not answer", hint=_REACH) from error
            case _ if isinstance(error, _NEVER_SENT):
                raise NotSent(f"{where} cannot be reached: {_reason(error)}", hint=_REACH) from error
            case TimeoutError() | httpx2.TimeoutException():
                raise NoAnswer(f"{where} did not answer in time", hint=_LATER) from error
            case httpx2.HTTPError() | httpx2.StreamError() | ssl.SSLError() | OSError():
                raise NoAnswer(f"{where}: the connection broke: {_reason(error)}", hint=_LATER) from error


def _opened_file(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as problem:
        raise FileError(f"{path} cannot be read: {problem.strerror}") from problem


def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body, decompressed within bounds where it is compressed."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101  # what an asynchronous transport gives
    return aiter(response.stream)


def _answer(response: httpx2.Response, body: bytes, at: datetime | None = None) -> Answer:
    return Answer(status=response.status_code, headers=dict(response.headers.items()), body=body, at=at)


def _trust(scheme: str) -> ssl.SSLContext:
    """The system's certificates for https; else a context that trusts nobody, since loading them takes 45 ms."""
    return httpx2.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _certificate_problem(error: BaseException) -> str | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message or str(cause)
        if isinstance(cause, ssl.SSLError):
            return str(cause.reason or cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:_LONGEST]
