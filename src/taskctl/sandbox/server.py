"""The sandbox on a port: in a thread beside the caller, or in the foreground until a signal comes."""

from __future__ import annotations

import asyncio
import queue
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from taskctl.sandbox.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType, TracebackType

    from starlette.applications import Starlette

__all__ = ["Sandbox", "serve"]


class _Protocol(H11Protocol):
    """HTTP whose application may cut the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Hand every request of this connection the means to cut it."""
        self.app_state = {**self.app_state, "abort": transport.abort}
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits for an ACK, 40 ms
        super().connection_made(transport)


class Sandbox:
    """A sandbox that serves as long as the `with` block lasts."""

    def __init__(
        self, folder: Path, *, host: str = "127.0.0.1", port: int = 0, now: Callable[[], float] = time.time
    ) -> None:
        self._app = create_app(folder, now=now)
        self._host, self._port = host, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self.url = ""

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.create_server((self._host, self._port), family=family, backlog=128)
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{listener.getsockname()[1]}"
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listener, ready))
        finally:
            ready.set()
            listener.close()

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda *_: None)  # not a word on stderr
        state, config = ServerState(), _config(self._app)
        server = await self._loop.create_server(lambda: _Protocol(config, state, {}), sock=listener)
        ready.set()
        await self._stop.wait()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()


def _config(app: Starlette) -> Config:
    config = Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config


def serve(
    folder: Path, *, host: str, port: int, on_ready: Callable[[str], None], now: Callable[[], float] = time.time
) -> None:
    """Serve until SIGINT or SIGTERM comes."""
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # may be filled from within a signal handler

    def stop(number: int, _: FrameType | None) -> None:
        signals.put(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Sandbox(folder, host=host, port=port, now=now) as sandbox:
            on_ready(sandbox.url)
            signals.get()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
