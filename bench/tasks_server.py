"""A provider for measurements: many tasks that end at random moments, served by a bare asyncio protocol.

Speaks ePhone's query (`GET /v1/task/{id}`). `GET /stats` tells how many requests it saw. Run it in a process of its
own, so that what it costs is not counted with what is measured.
"""

import asyncio
import json
import random
import sys
import time


class Tasks:
    """The tasks, and when each ends; ends are drawn once, from a seed."""

    def __init__(self, count: int, shortest: float, longest: float, seed: int) -> None:
        chance = random.Random(seed)
        self.ends = {f"task_{number:06d}": chance.uniform(shortest, longest) for number in range(count)}
        self.began: float | None = None
        self.requests = 0
        self.told: dict[str, float] = {}

    def answer(self, id_: str) -> dict[str, object] | None:
        """What a query of this task says now; the clock starts with the first one."""
        now = time.time()
        self.began = self.began or now
        self.requests += 1
        if id_ not in self.ends:
            return None
        created = int(self.began)
        if now - self.began < self.ends[id_]:
            return {"id": id_, "status": "in_progress", "created_at": created}
        self.told.setdefault(id_, now)
        outputs = [f"https://media.example/{id_}.mp4"]
        return {"id": id_, "status": "completed", "created_at": created, "completed_at": int(now), "outputs": outputs}

    def late(self) -> list[float]:
        """How long after its end each task was first asked for, in seconds, sorted."""
        began = self.began or 0.0
        return sorted(told - began - self.ends[id_] for id_, told in self.told.items())


class Connection(asyncio.Protocol):
    """One connection; requests are small."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self._transport.write(self._answer(path))  # type: ignore[attr-defined]  # a TCP transport

    def _answer(self, path: str) -> bytes:
        if path == "/stats":
            body: object = {"requests": self._tasks.requests, "late": self._tasks.late()}
        else:
            body = self._tasks.answer(path.rpartition("/")[2]) or {"error": {"code": "task_not_found", "message": "?"}}
        text = json.dumps(body).encode()
        status = b"404 Not Found" if isinstance(body, dict) and "error" in body else b"200 OK"
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(text))
        return head + text


async def serve(count: int, shortest: float, longest: float, seed: int) -> None:
    """Serve until killed; the first line of stdout is the port."""
    tasks = Tasks(count, shortest, longest, seed)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tasks), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
