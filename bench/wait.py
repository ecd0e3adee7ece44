"""What waiting costs: taskctl beside a plain httpx2 loop, an aiohttp loop, and `xargs -P curl`, in one run.

    python bench/wait.py [--tasks 1,100,1000,10000] [--rate N]

A server in a process of its own holds the tasks, which end at random moments. Each contender is a process that asks
about every task until it has ended, over up to 100 connections. Printed are requests sent, requests a second, CPU
seconds per 1,000 looks (the whole process, its start included), peak memory, and how long after a task's end the
contender asked and so could say so (median and 99th percentile). aiohttp is not among the project's dependencies:
`pip install aiohttp` to have it in the comparison.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
TASKCTL = Path(sys.executable).parent / "taskctl"
PLAIN = """
import asyncio, json, sys, time
{imports}
url, interval = sys.argv[1], float(sys.argv[2])
left = [line.strip() for line in sys.stdin]

async def main():
    async with {client} as client:
        async def worker(queue):
            while not queue.empty():
                due, id_ = await queue.get()
                await asyncio.sleep(max(0, due - time.monotonic()))
                {get}
                if answer["status"] != "completed":
                    queue.put_nowait((time.monotonic() + interval, id_))
        queue = asyncio.PriorityQueue()
        for id_ in left:
            queue.put_nowait((0, id_))
        await asyncio.gather(*(worker(queue) for _ in range(min(100, len(left)))))

asyncio.run(main())
"""
HTTPX2 = PLAIN.format(
    imports="import httpx2",
    client="httpx2.AsyncClient(verify=False, limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100))",
    get='answer = (await client.get(f"{url}/v1/task/{id_}")).json()',
)
AIOHTTP = PLAIN.format(
    imports="import aiohttp",
    client="aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))",
    get='answer = await (await client.get(f"{url}/v1/task/{id_}")).json()',
)
CURL = """
until curl -s "$0/v1/task/$2" | grep -q '"completed"'; do sleep "$1"; done
"""


@dataclass(frozen=True)
class Cost:
    """What one contender took."""

    wall: float
    cpu: float
    memory: int
    requests: int
    late: list[float]
    code: int


@contextmanager
def server(count: int, longest: float) -> Iterator[str]:
    """A server with so many tasks; its address."""
    command = [sys.executable, str(HERE / "tasks_server.py"), str(count), "1", str(longest), "7"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def measure(command: list[str], count: int, longest: float, stdin: str) -> Cost:
    """Run one contender against a fresh server."""
    with server(count, longest) as url, tempfile.TemporaryDirectory() as home:
        told = [url if word == "URL" else word for word in command]
        env = {**os.environ, "HOME": home, "TASKCTL_BASE_URL": url, "TASKCTL_API_KEY": "key-of-the-bench"}
        began = time.monotonic()
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(told, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, env=env)
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        process.stdin.write(stdin.encode())
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        with urllib.request.urlopen(f"{url}/stats") as answer:  # noqa: S310  # our own server on loopback
            stats = json.load(answer)
        cpu, code = usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status)
        return Cost(wall, cpu, usage.ru_maxrss, stats["requests"], stats["late"], code)


def contenders(rate: float, interval: float) -> dict[str, list[str]]:
    """The commands, by name."""
    wait = ["wait", "-P", "ephone", "-", "--rate", str(rate), "--interval", str(interval), "-q", "-o", "ids"]
    found = {"taskctl": [str(TASKCTL), *wait], "httpx2 loop": [sys.executable, "-c", HTTPX2, "URL", str(interval)]}
    if _has("aiohttp"):
        found["aiohttp loop"] = [sys.executable, "-c", AIOHTTP, "URL", str(interval)]
    return found


def _has(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def report(name: str, cost: Cost, base: Cost | None) -> None:
    """One line of the table."""
    late = cost.late or [0.0]
    per_look = cost.cpu / cost.requests * 1000
    ratio = f"{per_look / (base.cpu / base.requests * 1000):5.2f}" if base else "     "
    sent = f"{cost.requests:8} {cost.requests / cost.wall:9.0f}"
    delay = f"{late[len(late) // 2]:8.2f} s {late[int(len(late) * 0.99)]:8.2f} s"
    print(f"{name:14} {sent} {per_look:12.2f} {ratio} {cost.memory / 1024:8.0f} MB {delay}   exit {cost.code}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="1,100,1000,10000")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second that taskctl may send")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}")
    for count in map(int, options.tasks.split(",")):
        longest, interval = (8.0, 1.0) if count <= 1000 else (30.0, 5.0)
        ids = "".join(f"task_{number:06d}\n" for number in range(count))
        print(f"\n{count} tasks that end after 1 to {longest:.0f} s, a look every {interval:.0f} s")
        print(" " * 15 + "requests  a second  CPU s/1,000 ratio      memory     median       99th")
        costs: dict[str, Cost] = {}
        for name, command in contenders(options.rate, interval).items():
            costs[name] = measure(command, count, longest, ids)
        if count <= 100:
            curl = ["xargs", "-P16", "-I{}", "sh", "-c", CURL, "URL", str(interval), "{}"]
            costs["xargs curl"] = measure(curl, count, longest, ids)
        for name, cost in costs.items():
            report(name, cost, costs.get("httpx2 loop"))


if __name__ == "__main__":
    main()
