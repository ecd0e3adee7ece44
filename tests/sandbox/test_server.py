import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from taskctl.sandbox.server import Sandbox

SERVE = """
import sys
from pathlib import Path
from taskctl.sandbox.server import serve
serve(Path(sys.argv[1]), host="127.0.0.1", port=0, on_ready=lambda url: print(url, flush=True))
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client() as client:
        yield client


def submitted(client: httpx2.Client, url: str, prompt: str, **more: str) -> str:
    body = {"input": {"prompt": prompt}, **more}
    return str(client.post(f"{url}/sandbox/v1/tasks", json=body).json()["id"])


def test_it_serves_as_long_as_the_block_lasts(tmp_path: Path, client: httpx2.Client) -> None:
    with Sandbox(tmp_path) as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert client.get(sandbox.url).status_code == 200
    with pytest.raises(httpx2.ConnectError):
        client.get(sandbox.url)


def test_a_busy_port_is_an_error_at_once(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), Sandbox(tmp_path, port=port):
            pass
    with Sandbox(tmp_path, port=port) as again:
        assert again.url == sandbox.url


def test_a_lost_answer_is_a_closed_connection_and_the_key_finds_the_task(tmp_path: Path, client: httpx2.Client) -> None:
    body = b'{"input": {"prompt": "a dog [loses answer]"}, "key": "k"}'
    with Sandbox(tmp_path) as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /sandbox/v1/tasks HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert connection.recv(1) == b""
        (task,) = client.get(f"{sandbox.url}/_sandbox/tasks").json()
        again = client.post(f"{sandbox.url}/sandbox/v1/tasks", json=json.loads(body))
        assert (again.status_code, again.json()["id"]) == (200, task["id"])
        lost = {"model": "m", "input": {"prompt": "[loses answer]"}}
        with pytest.raises(httpx2.RemoteProtocolError):
            client.post(f"{sandbox.url}/ephone/v1/task/submit", json=lost, headers={"Authorization": "Bearer k"})


def test_what_one_process_took_another_can_follow(tmp_path: Path, client: httpx2.Client) -> None:
    with Sandbox(tmp_path) as one:
        task = submitted(client, one.url, "a dog [takes 0s]", key="k")
        with Sandbox(tmp_path) as other:
            seen = client.get(f"{other.url}/sandbox/v1/tasks/{task}").json()
            assert submitted(client, other.url, "a dog [takes 0s]", key="k") == task
    with Sandbox(tmp_path) as later:
        output = client.get(f"{later.url}{seen['outputs'][0]['url']}")
        assert len(output.content) == seen["outputs"][0]["bytes"]


def test_the_stream_arrives_as_things_happen(tmp_path: Path, client: httpx2.Client) -> None:
    with Sandbox(tmp_path) as sandbox:
        task = submitted(client, sandbox.url, "a dog [takes 600ms]")
        with client.stream("GET", f"{sandbox.url}/sandbox/v1/tasks/{task}/events") as stream:
            lines = [line for line in stream.iter_lines() if line.startswith("data: ")]
    states = [json.loads(line.removeprefix("data: "))["state"] for line in lines]
    assert states[-1] == "completed"
    assert "running" in states


def test_it_stops_at_once_whoever_is_still_connected(tmp_path: Path, client: httpx2.Client) -> None:
    with ExitStack() as serving:
        url = serving.enter_context(Sandbox(tmp_path)).url
        task = submitted(client, url, "[stays running]")
        client.get(url)  # stays connected
        with client.stream("GET", f"{url}/sandbox/v1/tasks/{task}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": heartbeat"
            began = time.perf_counter()
            serving.close()
            assert time.perf_counter() - began < 1
            with pytest.raises(httpx2.RemoteProtocolError):
                list(lines)


def test_a_part_of_a_file_can_be_fetched(tmp_path: Path, client: httpx2.Client) -> None:
    with Sandbox(tmp_path) as sandbox:
        task = submitted(client, sandbox.url, "a dog [takes 0s]")
        url = sandbox.url + client.get(f"{sandbox.url}/sandbox/v1/tasks/{task}").json()["outputs"][0]["url"]
        whole = client.get(url)
        rest = client.get(url, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
        assert (rest.status_code, whole.content[:1000] + rest.content) == (206, whole.content)
        assert client.head(url).headers["content-length"] == str(len(whole.content))


def test_it_has_its_time_from_the_clock_it_is_given(tmp_path: Path, client: httpx2.Client) -> None:
    with Sandbox(tmp_path, now=lambda: 1_790_000_000.0) as sandbox:
        task = submitted(client, sandbox.url, "a dog")
        seen = client.get(f"{sandbox.url}/sandbox/v1/tasks/{task}").json()
        assert seen["created_at"] == "2026-09-21T14:13:20Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_serves_until_a_signal_comes(
    tmp_path: Path, client: httpx2.Client, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert client.get(f"{url}/ephone/nowhere").status_code == 404
        with pytest.raises(httpx2.RemoteProtocolError):
            submitted(client, url, "[loses answer]")
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "done\n", "")
