"""One exchange after another over our own HTTP/1.1 connections, against a server that plays a script."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

import httpx2
import pytest
import trustme

from taskctl.net.connections import IDLE, LARGEST_HEAD, Connections

pytestmark = pytest.mark.anyio
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE = httpx2.Timeout(5.0)
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def asked(reader: asyncio.StreamReader) -> bytes:
    """A request's head; its body is left alone."""
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes) -> Script:
    """Each request on a connection gets the next answer; then the connection closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await asked(reader)
            writer.write(answer)
            await writer.drain()

    return script


class Server:
    """Plays one script for each connection, the last one for all that follow."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self.connections = 0
        self.gone = asyncio.Event()
        """Somebody has left."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._play, "127.0.0.1", 0, ssl=self._tls)
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/x"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        script = self._scripts[min(self.connections, len(self._scripts)) - 1]
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.gone.set()


@asynccontextmanager
async def client(
    trust: ssl.SSLContext | None = None, patience: httpx2.Timeout = PATIENCE
) -> AsyncIterator[httpx2.AsyncClient]:
    connections = Connections(trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    async with httpx2.AsyncClient(transport=connections, timeout=patience) as opened:
        yield opened


async def texts(server: Server, count: int) -> list[str]:
    async with client() as http:
        return [(await http.get(server.url)).text for _ in range(count)]


async def test_exchanges_share_a_connection() -> None:
    async with Server(answering(OK, OK, OK)) as server:
        assert await texts(server, 3) == ["ok"] * 3
        assert server.connections == 1


async def test_exchanges_at_once_have_a_connection_each_and_leave_them_for_later() -> None:
    met = asyncio.Barrier(5)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        await met.wait()
        writer.write(OK)
        await answering(OK)(reader, writer)

    async with Server(script) as server, client() as http:
        assert [found.text for found in await asyncio.gather(*(http.get(server.url) for _ in range(5)))] == ["ok"] * 5
        assert [found.text for found in await asyncio.gather(*(http.get(server.url) for _ in range(5)))] == ["ok"] * 5
        assert server.connections == 5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["close", "HTTP/1.0", "more than was asked for"],
)
async def test_a_connection_that_cannot_be_used_again_is_not(answer: bytes) -> None:
    async with Server(answering(answer, OK)) as server:
        assert await texts(server, 2) == ["ok", "ok"]
        assert server.connections == 2


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async with Server(answering(b"HTTP/1.1 200 OK\r\n\r\nok")) as server:
        assert await texts(server, 2) == ["ok", "ok"]
        assert server.connections == 2


@pytest.mark.parametrize("unasked", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
async def test_what_comes_while_nobody_asks_answers_nothing(unasked: bytes) -> None:
    """A server that closes idle connections, with or without a word, costs nobody an answer."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(OK)(reader, writer)
        await read.wait()
        writer.write(unasked)

    read = asyncio.Event()
    async with Server(script, answering(OK)) as server, client() as http:
        assert (await http.get(server.url)).text == "ok"
        read.set()
        await server.gone.wait()
        for _ in range(10):
            await asyncio.sleep(0)  # the loop hears what the kernel has
        assert (await http.get(server.url)).text == "ok"
        assert server.connections == 2


async def test_a_connection_that_rested_for_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    async with Server(answering(OK, OK, OK)) as server, client() as http:
        await http.get(server.url)
        start = loop.time
        monkeypatch.setattr(loop, "time", lambda: start() + IDLE - 1)
        await http.get(server.url)
        assert server.connections == 1
        monkeypatch.setattr(loop, "time", lambda: start() + 2 * IDLE)
        await http.get(server.url)
        assert server.connections == 2


async def test_a_body_in_pieces_and_words_before_the_answer_are_read() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        for byte in b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + chunks:
            writer.write(bytes([byte]))
            await writer.drain()
        await answering(OK)(reader, writer)

    async with Server(script) as server:
        assert await texts(server, 2) == ["ok", "ok"]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"", httpx2.RemoteProtocolError, "without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", httpx2.RemoteProtocolError, "unexpectedly closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", httpx2.RemoteProtocolError, "complete message body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", httpx2.RemoteProtocolError, "complete"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", httpx2.RemoteProtocolError, "status line"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * LARGEST_HEAD, httpx2.RemoteProtocolError, "too long"),
    ],
)
async def test_half_an_answer_is_none(answer: bytes, error: type[Exception], said: str) -> None:
    async with Server(answering(answer), answering(OK)) as server, client() as http:
        with pytest.raises(error, match=said):
            await http.get(server.url)
        assert (await http.get(server.url)).text == "ok"


async def test_a_reset_is_a_broken_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    async with Server(script) as server, client() as http:
        with pytest.raises(httpx2.ReadError, match="reset"):
            await http.get(server.url)


async def test_an_answer_that_comes_before_the_body_is_sent_is_read() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        await reader.read()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65536

    async with Server(script, answering(OK)) as server, client() as http:
        refused = await http.post(server.url, content=body())
        assert (refused.status_code, refused.text) == (413, "no")
        assert (await http.get(server.url)).text == "ok"


async def test_a_server_that_reads_slowly_holds_the_sender_back() -> None:
    yielded, total = 0, 2000

    async def body() -> AsyncIterator[bytes]:
        nonlocal yielded
        for _ in range(total):
            yielded += 1
            yield b"x" * 65536

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await held.wait()
        assert yielded < total
        while await reader.read(1 << 20) and yielded < total:
            pass
        writer.write(OK)

    held = asyncio.Event()
    async with Server(script) as server, client() as http:
        assert (await http.post(server.url, content=body())).text == "ok"
    assert yielded == total


async def test_a_reader_that_takes_its_time_holds_the_server_back() -> None:
    total = 64 << 20

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(total >> 16):
            writer.write(b"x" * 65536)
            await writer.drain()
        sent.set()

    sent = asyncio.Event()
    async with Server(script) as server, client() as http, http.stream("GET", server.url) as response:
        chunks = response.aiter_raw()
        size = len(await anext(chunks))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await sent.wait()
        async for chunk in chunks:
            size += len(chunk)
    assert size == total


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"", httpx2.ReadTimeout), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", httpx2.ReadTimeout)],
)
async def test_silence_ends_an_exchange_and_its_connection(answer: bytes, error: type[Exception]) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(answer)
        assert await reader.read() == b""

    async with Server(script) as server, client(patience=httpx2.Timeout(5.0, read=0.05)) as http:
        with pytest.raises(error):
            await http.get(server.url)
        await server.gone.wait()


async def test_who_gives_up_leaves_no_connection_behind() -> None:
    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await asked(reader)
        heard.set()
        assert await reader.read() == b""

    heard = asyncio.Event()
    async with Server(script) as server, client() as http:
        asking = asyncio.create_task(http.get(server.url))
        await heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.gone.wait()


async def test_a_body_left_half_read_closes_its_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        assert await reader.read() == b""

    async with Server(script, answering(OK)) as server, client() as http:
        async with http.stream("GET", server.url) as response:
            assert response.status_code == 200
        await server.gone.wait()
        assert (await http.get(server.url)).text == "ok"


async def test_closing_the_client_closes_what_rests() -> None:
    async with Server(answering(OK, OK)) as server:
        assert await texts(server, 1) == ["ok"]
        await server.gone.wait()


async def test_nobody_there_is_a_failed_connect() -> None:
    async with Server(answering(OK)) as server:
        pass
    async with client() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(server.url)
        with pytest.raises(httpx2.ConnectError):
            await http.get("http://no-such-host.invalid/")


async def test_encrypted_connections_are_checked_and_shared() -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    trust, distrust = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trust)
    stranger.configure_trust(distrust)
    async with Server(answering(OK, OK), tls=served) as server:
        async with client(trust) as http:
            assert [(await http.get(server.url)).text for _ in range(2)] == ["ok", "ok"]
        assert server.connections == 1
        async with client(distrust) as http:
            with pytest.raises(httpx2.ConnectError) as refused:
                await http.get(server.url)
        assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
        async with client(trust) as http:
            with pytest.raises(httpx2.ConnectError):
                await http.get(server.url.replace("127.0.0.1", "localhost"))
