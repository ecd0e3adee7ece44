"""What tests run against: the console script in a home of its own, and a provider that does as it is told."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCRIPT = shutil.which("taskctl", path=str(Path(sys.executable).parent)) or "taskctl"


@dataclass(frozen=True)
class Done:
    """How a run of the console script ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Taskctl:
    """The console script, in a home of its own."""

    home: Path
    cwd: Path
    environ: dict[str, str] = field(default_factory=dict)

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR")}
        return {**kept, "HOME": str(self.home), "TERM": "xterm", "NO_COLOR": "1", **self.environ, **more}

    def __call__(self, *arguments: str, stdin: str | bytes = b"", cwd: Path | None = None, **more: str) -> Done:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        ended = subprocess.run(
            [SCRIPT, *arguments],
            input=given,
            capture_output=True,
            cwd=cwd or self.cwd,
            env=self.env(**more),
            timeout=90,
            check=False,
        )
        done = Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in done.err, done.err
        return done

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [SCRIPT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            cwd=self.cwd,
            env=self.env(**more),
        )


@dataclass(frozen=True)
class Asked:
    """A request that reached the provider."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer to give; `cut` closes the connection after so many bytes of it, 0 being no answer at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


Answering = Callable[[Asked], Reply]


class FakeProvider:
    """A provider on loopback that answers as its script says and remembers what it was asked."""

    def __init__(self, answer: Answering) -> None:
        self.asked: list[Asked] = []
        self.answer = answer
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
                pass

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(length))
                provider.asked.append(asked)
                provider.give(self, provider.answer(asked))

            do_POST = do_DELETE = do_PUT = do_HEAD = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def give(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        body = (
            reply.body
            if isinstance(reply.body, bytes)
            else json.dumps(reply.body).encode()
            if reply.body is not None
            else b""
        )
        if reply.cut == 0:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
        head = f"HTTP/1.1 {reply.status} Whatever\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()
        )
        whole = f"{head}\r\n".encode() + (b"" if handler.command == "HEAD" else body)
        handler.wfile.write(whole[: reply.cut])
        if reply.cut is not None:
            handler.close_connection = True

    def posts(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "POST"]

    @contextmanager
    def serving(self) -> Iterator["FakeProvider"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
