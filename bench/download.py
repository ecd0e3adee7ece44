"""What downloads cost: taskctl beside curl, aria2c, wget and a plain httpx2 stream, in one run.

    python bench/download.py [--big 1024] [--small 500]

nginx serves one file of so many MiB, over http and https, and so many files of 2 MB, on loopback; it serves the answers
of a provider too, as files, so that the whole of taskctl counts: it asks about the tasks, checks what comes, works out
each SHA-256, writes to disk and records it; beside curl alone stands curl followed by sha256sum, and what the sum alone
takes with the code that taskctl uses for it. Before each, what the last one wrote is on the disk. Printed are wall
seconds, CPU seconds per GB, peak memory, and both times as ratios to the first line. Needs nginx and curl; aria2c and
wget where they are there.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

TASKCTL = Path(sys.executable).parent / "taskctl"
SMALL = 2_000_000
PIECE = 1 << 20
HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
"""What an MP4 begins with."""
HTTPX2 = """
import asyncio, sys
import httpx2
async def main():
    slots = asyncio.Semaphore(8)
    limits = httpx2.Limits(max_connections=8)
    async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=True) as client:
        async def fetch(url):
            async with slots, client.stream("GET", url) as response:
                with open(url.rsplit("/", 1)[1], "wb") as file:
                    async for chunk in response.aiter_raw():
                        file.write(chunk)
        await asyncio.gather(*(fetch(line.strip()) for line in sys.stdin))
asyncio.run(main())
"""
SUM = """
import hashlib, os, sys
os.link(sys.argv[1], "summed.mp4")
with open("summed.mp4", "rb") as file:
    print(hashlib.file_digest(file, "sha256").hexdigest())
"""
NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    types {{ video/mp4 mp4; }}
    default_type application/json;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    root {folder}/root;
    server {{ listen 127.0.0.1:{plain}; }}
    server {{
        listen 127.0.0.1:{secure} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
    }}
}}
"""


@dataclass(frozen=True)
class Cost:
    """What one contender took: seconds and bytes."""

    wall: float
    cpu: float
    memory: int
    code: int
    fetched: int


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Two addresses of nginx, plain and encrypted."""
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(folder / "key.pem")]
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["openssl", "req", "-x509", *key, "-out", str(folder / "cert.pem"), *named]
    subprocess.run(made, check=True, capture_output=True)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, plain=ports[0], secure=ports[1]))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([nginx, "-c", str(config), "-e", "/dev/null"])
    try:
        plain, secure = f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}"
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", ports[1])) == 0:
                    break
            time.sleep(0.05)
        yield plain, secure
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def prepare(root: Path, big: int, small: int) -> None:
    """The files, and the provider's answers about them, with addresses that are relative to wherever they are asked."""
    (root / "v1" / "task").mkdir(parents=True)
    piece = os.urandom(PIECE)
    with (root / "big.mp4").open("wb") as file:
        for _ in range(big):
            file.write(HEAD + piece[len(HEAD) :])
    for number in range(small):
        (root / f"small-{number:03}.mp4").write_bytes(HEAD + os.urandom(SMALL - len(HEAD)))
    for id_, names in (("big", ["big"]), ("small", [f"small-{number:03}" for number in range(small)])):
        answer = {"id": id_, "status": "completed", "outputs": [f"/{name}.mp4" for name in names]}
        (root / "v1" / "task" / id_).write_text(json.dumps(answer))


def measure(command: list[str], stdin: str, address: str, ca: Path) -> Cost:
    """Run one contender in an empty folder."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home, "SSL_CERT_FILE": str(ca), "CURL_CA_BUNDLE": str(ca)}
        env |= {"TASKCTL_BASE_URL": address, "TASKCTL_API_KEY": "key-of-the-bench"}
        files = Path(home) / "files"
        files.mkdir()
        os.sync()
        began = time.monotonic()
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, env=env, cwd=files)
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        process.stdin.write(stdin.encode())
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        fetched = sum(file.stat().st_size for file in files.rglob("*.mp4"))
        cpu, code = usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status)
        return Cost(wall, cpu, usage.ru_maxrss, code, fetched)


def for_one(url: str, ca: Path, file: Path) -> dict[str, tuple[list[str], str]]:
    """The commands that fetch one large file, and what they read."""
    return {
        "curl": (["curl", "-s", "-O", url], ""),
        "curl, sha256sum": (["sh", "-c", 'curl -s -O "$0" && sha256sum *.mp4', url], ""),
        "taskctl": ([str(TASKCTL), "download", "-P", "ephone", "big", "-q"], ""),
        "SHA-256 alone": ([sys.executable, "-c", SUM, str(file)], ""),
        "wget": (["wget", "-q", "--ca-certificate", str(ca), url], ""),
        "aria2c": (["aria2c", "-q", "--ca-certificate", str(ca), "-x1", "--file-allocation=none", url], ""),
        "httpx2 stream": ([sys.executable, "-c", HTTPX2], url),
    }


def for_many(urls: list[str], ca: Path, config: Path) -> dict[str, tuple[list[str], str]]:
    """The commands that fetch many small files, and what they read."""
    config.write_text("".join(f'url = "{url}"\nremote-name\n' for url in urls))
    listed = "".join(f"{url}\n" for url in urls)
    parallel = ["-s", "--parallel", "--parallel-max", "8"]
    eight = ["--ca-certificate", str(ca), "-j8", "--file-allocation=none", "-i", "-"]
    return {
        "curl --parallel": (["curl", *parallel, "-K", str(config)], ""),
        "…, sha256sum": (["sh", "-c", 'curl "$@" && sha256sum *.mp4', "sh", *parallel, "-K", str(config)], ""),
        "taskctl": ([str(TASKCTL), "download", "-P", "ephone", "small", "-q", "--jobs", "8"], ""),
        "wget": (["wget", "-q", "--ca-certificate", str(ca), "-i", "-"], listed),
        "aria2c": (["aria2c", "-q", *eight], listed),
        "xargs -P8 curl": (["xargs", "-P8", "-n1", "curl", "-s", "-O"], listed),
        "httpx2 stream": ([sys.executable, "-c", HTTPX2], listed),
    }


def compare(title: str, contenders: dict[str, tuple[list[str], str]], address: str, ca: Path, expected: int) -> None:
    """Run all of them and print their table."""
    print(f"\n{title}\n{'':16} {'wall':>8} {'ratio':>6} {'CPU s/GB':>9} {'ratio':>6} {'memory':>8}")
    base: Cost | None = None
    for name, (command, stdin) in contenders.items():
        if shutil.which(command[0]) is None:
            continue
        cost = measure(command, stdin, address, ca)
        base = base or cost
        whole = "" if (cost.code, cost.fetched) == (0, expected) else f"   exit {cost.code}, {cost.fetched} bytes"
        cpu = f"{cost.cpu / expected * 1e9:9.2f} {cost.cpu / base.cpu:6.2f}"
        wall = f"{cost.wall:7.2f}s {cost.wall / base.wall:6.2f}"
        print(f"{name:16} {wall} {cpu} {cost.memory / 1024:5.0f} MB{whole}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--big", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--small", type=int, default=500, help="how many small files")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        prepare(folder / "root", options.big, options.small)
        with serving(folder) as addresses:
            ca = folder / "cert.pem"
            for address in addresses:
                title = f"one file of {options.big} MiB over {address.partition(':')[0]}"
                contenders = for_one(f"{address}/big.mp4", ca, folder / "root" / "big.mp4")
                compare(title, contenders, address, ca, options.big * PIECE)
            plain = addresses[0]
            urls = [f"{plain}/small-{number:03}.mp4" for number in range(options.small)]
            contenders = for_many(urls, ca, folder / "curl.conf")
            compare(f"{options.small} files of 2 MB", contenders, plain, ca, options.small * SMALL)


if __name__ == "__main__":
    main()
