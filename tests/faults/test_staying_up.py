"""R2 to R8: whatever a server sends, or does not send, ends in time, in little memory and with a clear word."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import json
import ssl
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
import trustme

from taskctl.flow import courier
from taskctl.net import file_get, submitting, wire
from tests.faults.conftest import Play, Serve
from tests.faults.console import Console
from tests.faults.server import Asked, Ephone, File, Hold, Pause, Script, Server, Step, answer, json_answer, redirect
from tests.faults.test_bombs import peak
from tests.faults.words import FULL, impatient, quick

FILE = File(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(5000))
SUBMIT = ("submit", "-m", "m", "prompt=a dog")
LOOK = ("status", "task-1")
MEMORY = 100 * 1024
"""KiB that a run may need in all."""
MOST = 300 << 20
"""Bytes after which the server gives up sending: by then the memory is full."""


def endless(piece: bytes, head: bytes = b"", kind: str = "application/json") -> Iterator[Step]:
    """An answer of a length that is announced as a gigabyte, or as nothing."""
    yield answer(200, headers={"Content-Length": None, "Content-Type": kind}) + head
    block = piece * (1 + (1 << 20) // len(piece))
    for _ in range(MOST // len(block)):
        yield block
    yield Hold(Event())


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b'{"id": "', b"x"),
        (b'{"id": "task-1", "a": [', b"{},"),
        (b"", b"["),
        (b"", b" "),
        (b'{"status": "failed", "error": "', b"no "),
    ],
    ids=["one text", "many objects", "brackets", "white space", "an error"],
)
def test_R2_an_answer_without_an_end_fills_no_memory(taskctl: Console, play: Play, head: bytes, piece: bytes) -> None:
    play.server.script = lambda _: endless(piece, head)
    wanted = {SUBMIT: 9, LOOK: 6} if b"id" in head else {LOOK: 6}
    for arguments, wanted_code in wanted.items():
        code, most = peak(taskctl, *arguments)
        assert (code, most < MEMORY) == (wanted_code, True), f"{most} KiB"
        assert "more than 8 MiB" in taskctl.said[-1]
    assert len(play.server.asked) == len(wanted)


def test_R2_a_gigabyte_that_is_announced_is_not_read(taskctl: Console, play: Play) -> None:
    head = answer(200, headers={"Content-Length": 1 << 30, "Content-Type": "application/json"})
    block = b" " * (1 << 20)
    play.server.script = lambda _: iter([head, *([block] * (MOST >> 20))])
    code, most = peak(taskctl, *LOOK)
    assert (code, most < MEMORY) == (6, True), f"{most} KiB"


@pytest.mark.parametrize("piece", [b"{},", b"0,"])
def test_R2_a_dense_answer_of_the_largest_size_fills_no_memory(taskctl: Console, play: Play, piece: bytes) -> None:
    dense = b'{"id": "task-1", "status": "completed", "a": [' + piece * ((8 << 20) // len(piece) - 99) + b"0]}"
    play.server.script = lambda _: answer(200, dense, {"Content-Type": "application/json"})
    code, most = peak(taskctl, *LOOK)
    assert (code in (0, 5, 6), most < MEMORY) == (True, True), f"exit code {code}, {most} KiB"


@pytest.mark.parametrize("piece", [b"x", b"data: x\n", b"\n"], ids=["one line", "one event", "lines"])
def test_R2_a_stream_without_an_end_fills_no_memory(taskctl: Console, serve: Serve, piece: bytes) -> None:
    def script(asked: Asked) -> bytes | Iterable[Step]:
        if "stream" in asked.path:
            return endless(piece, b"data: ", "text/event-stream")
        return json_answer({"task_id": "task-1", "status": "completed", "output": []})

    taskctl.environ["TASKCTL_BASE_URL"] = serve(script, trusted=True).url
    code, most = peak(taskctl, "wait", "-P", "bytespike", "task-1", "--timeout", "1")
    assert (code in (0, 6, 8), most < MEMORY) == (True, True), f"exit code {code}, {most} KiB"


ODD = {
    "NaN": b'{"id": "task-1", "status": "queued", "eta": NaN, "created_at": Infinity, "cost": -Infinity}',
    "1e999": b'{"id": "task-1", "status": "queued", "created_at": 1e999, "completed_at": -1e999}',
    "an int of 5,000 digits": b'{"id": "task-1", "status": "queued", "created_at": ' + b"9" * 5000 + b"}",
    "an int beyond SQLite": b'{"id": "task-1", "status": "queued", "created_at": 99999999999999999999999999}',
    "lone surrogates": b'{"id": "task-1", "status": "queued", "model": "\\ud800", "error": "\\udfff"}',
    "a NUL": b'{"id": "task-1", "status": "queued", "message": "a\\u0000b", "model": "\\u0000"}',
    "keys twice": b'{"id": "other", "id": "task-1", "status": "odd", "status": "queued"}',
    "a BOM": b'\xef\xbb\xbf{"id": "task-1", "status": "queued"}',
    "no UTF-8": b'{"id": "task-1", "status": "queued", "message": "\xff\xfe\x80"}',
    "a look of JSON5": b'{"id": "task-1", "status": "queued"}  \n\n\t ',
}
"""Read as well as can be: the task is there."""
NONE = {
    "nested lists": b"[" * 100_000,
    "nested lists that end": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nested beside a task": b'{"id": "task-1", "status": "queued", "a": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a NUL in the id": b'{"id": "task\\u00001", "status": 5e400}',
    "a surrogate in the id": b'{"id": "task\\ud8001", "status": NaN}',
    "an id of a megabyte": b'{"id": "' + b"x" * (1 << 20) + b'"}',
    "an id of 5,000 digits": b'{"id": ' + b"1" * 5000 + b"}",
    "NaN": b"NaN",
    "a number": b"5",
    "a text": b'"task-1"',
    "null": b"null",
    "nothing": b"",
    "two documents": b'{"id": "task-1"}{"id": "task-2"}',
    "UTF-16": '{"id": "task-1", "status": "queued"}'.encode("utf-16"),
    "half": b'{"id": "task-1", "status": "que',
    "a page": b"<!DOCTYPE html><title>Welcome</title>",
    "zeros": bytes(5000),
}
"""No task can be read of these."""


@pytest.mark.parametrize("odd", ODD)
def test_R3_odd_numbers_and_texts_hide_no_task(taskctl: Console, play: Play, odd: str) -> None:
    inside = quick(taskctl)
    play.server.script = lambda _: answer(200, ODD[odd], {"Content-Type": "application/json"})
    assert inside(*SUBMIT).lines == ["task-1"]
    for arguments in ((*LOOK, "-o", "json"), (*LOOK, "--raw"), ("list", "-o", "json")):
        done = inside(*arguments)
        (task,) = done.json()["tasks"]
        assert (done.code, task["id"], task["state"]) == (0, "task-1", "queued"), done
        assert "NaN" not in done.out
        assert "Infinity" not in done.out
    with impatient():
        assert inside("wait", "task-1", "--timeout", "0.05").code == 8
    assert inside("list").code == 0


@pytest.mark.parametrize("odd", NONE)
def test_R3_what_is_no_task_is_never_taken_for_one(taskctl: Console, play: Play, odd: str) -> None:
    inside = quick(taskctl)
    play.server.script = lambda _: answer(200, NONE[odd], {"Content-Type": "application/json"})
    began = time.monotonic()
    done = inside(*SUBMIT, "-o", "json")
    assert (done.code, done.json()["errors"][0]["code"]) == (9, "unconfirmed"), done
    assert len(done.err) < 5000
    done = inside(*LOOK, "-o", "json")
    assert done.code == 5, done
    assert done.json()["tasks"][0]["state"] == "unknown"
    assert time.monotonic() - began < 5
    assert len(play.server.asked) == 2


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every patience of the wire is short: what it does at its end is the same."""
    monkeypatch.setattr(wire, "TOTAL", 0.6)
    monkeypatch.setattr(file_get, "HEAD", 0.6)
    monkeypatch.setattr(submitting, "CONNECT_PATIENCE", 0.5)
    monkeypatch.setattr(courier, "ATTEMPTS", 1)


def drip(content: bytes, pause: float) -> Iterator[Step]:
    """One byte after the other."""
    for place in range(len(content)):
        yield content[place : place + 1]
        yield Pause(pause)


SLOW = json_answer({"id": "task-1", "status": "completed", "outputs": [], "note": "x" * 500})


@pytest.mark.parametrize("from_", ["the status line", "the headers", "the body"])
def test_R4_a_byte_now_and_then_does_not_prolong_an_exchange(
    taskctl: Console, play: Play, monkeypatch: pytest.MonkeyPatch, from_: str
) -> None:
    hurried(monkeypatch)
    start = {"the status line": 0, "the headers": 20, "the body": SLOW.index(b"\r\n\r\n") + 4}[from_]
    play.server.script = lambda _: iter([SLOW[:start], *drip(SLOW[start:], 0.1)])
    for arguments, code in ((SUBMIT, 9), (LOOK, 6), (("wait", "task-1", "--timeout", "0.3"), 6)):
        began = time.monotonic()
        with impatient():
            done = quick(taskctl)(*arguments)
        assert (done.code, time.monotonic() - began < 4) == (code, True), done
        assert "did not answer in time" in done.err or arguments[0] == "wait"


def test_R4_a_server_that_reads_nothing_ends_at_the_deadline(
    taskctl: Console, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch)
    play.server.body_limit = 10
    play.server.script = lambda _: iter([Hold(Event())])
    (taskctl.cwd / "input.json").write_text(json.dumps({"prompt": "x" * (12 << 20)}))
    began = time.monotonic()
    done = quick(taskctl)("submit", "-m", "m", "-i", "input.json")
    assert (done.code, time.monotonic() - began < 8) == (9, True), done.err[:2000]


def test_R4_pings_of_a_stream_do_not_prolong_a_wait(taskctl: Console, serve: Serve) -> None:
    def script(asked: Asked) -> bytes | Iterable[Step]:
        if "stream" in asked.path:
            kind = {"Content-Type": "text/event-stream", "Content-Length": None}
            pings: list[Step] = [b": ping\n\n", Pause(0.1)]
            return iter([answer(200, headers=kind), *(pings * 200)])
        return json_answer({"task_id": "task-1", "status": "running"})

    taskctl.environ["TASKCTL_BASE_URL"] = serve(script, trusted=True).url
    for more, code in ((("--timeout", "0.5"), 6), (("--timeout", "20", "--stall", "0.5"), 8)):
        began = time.monotonic()
        with impatient():
            done = quick(taskctl)("wait", "-P", "bytespike", "task-1", *more)
        assert (done.code, time.monotonic() - began < 6) == (code, True), done


@pytest.mark.parametrize("how", ["drips", "is announced for ever"])
def test_R4_a_result_whose_head_takes_too_long_is_given_up(
    taskctl: Console, play: Play, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    hurried(monkeypatch)
    announced = flood(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    play.ephone.files = lambda _: drip(FILE.whole(), 0.05) if how == "drips" else announced()
    began = time.monotonic()
    done = quick(taskctl)("download", "task-1")
    assert (done.code, time.monotonic() - began < 8) == (6, True), done


@pytest.mark.parametrize(
    "arguments", [SUBMIT, LOOK, ("wait", "task-1", "--timeout", "0.5")], ids=lambda words: words[0]
)
def test_R5_a_server_that_says_nothing_is_given_up(
    taskctl: Console, play: Play, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setitem(wire._PATIENCE["timeout"], "read", 0.4)
    play.server.script = lambda _: [Hold(Event())]
    began = time.monotonic()
    with impatient():
        done = quick(taskctl)(*arguments)
    assert (done.code, time.monotonic() - began < 4) == (9 if arguments == SUBMIT else 6, True), done
    assert len(play.server.asked) == 1 or arguments[0] == "wait"


def test_R5_a_server_that_never_shakes_hands_is_given_up(
    taskctl: Console, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch)
    monkeypatch.setitem(wire._PATIENCE["timeout"], "connect", 0.3)
    server = serve(lambda _: [Hold(Event())], trusted=True)  # it waits for a request, and we for its certificate
    taskctl.environ["TASKCTL_BASE_URL"] = server.url.replace("http:", "https:")
    for arguments in (SUBMIT, LOOK):
        began = time.monotonic()
        with impatient():
            done = quick(taskctl)(*arguments)
        assert (done.code, time.monotonic() - began < 6) == (6, True), done
    assert server.asked == []


def test_R5_every_patience_is_finite_and_as_documented() -> None:
    limits = wire._PATIENCE["timeout"]
    assert {name: value is not None and 0 < value <= 30 for name, value in limits.items()} == dict.fromkeys(
        limits, True
    )
    assert limits["connect"] == 10
    assert (wire.TOTAL, file_get.HEAD) == (60, 60)


@pytest.mark.skipif(not FULL, reason="takes minutes; set TASKCTL_FAULTS=full")
@pytest.mark.parametrize(("script", "least", "most"), [("drips", 55, 70), ("hangs", 25, 35)])
def test_R4_R5_the_real_patience_ends(taskctl: Console, play: Play, script: str, least: float, most: float) -> None:
    play.server.script = lambda _: drip(SLOW, 1) if script == "drips" else [Hold(Event())]
    for arguments, code in ((SUBMIT, 9), (LOOK, 6)):
        began = time.monotonic()
        done = taskctl(*arguments)
        assert (done.code, least < time.monotonic() - began < most) == (code, True), done


@pytest.mark.parametrize("loop", ["itself", "two", "ever new", "relative"])
def test_R6_a_loop_of_redirects_ends_after_six_requests(taskctl: Console, play: Play, loop: str) -> None:
    numbers = iter(range(10**6))

    def files(asked: Asked) -> bytes:
        to = {"itself": asked.path, "two": "/b.mp4" if "a.mp4" in asked.path else "/a.mp4", "relative": "?again"}
        return redirect(to.get(loop, f"/{next(numbers)}.mp4"))

    play.ephone.files = files
    inside = quick(taskctl)
    done = inside("download", "task-1")
    assert (done.code, "redirects" in done.err) == (10, True), done
    assert len(play.server.asked) - play.looks <= 6
    play.server.script = lambda asked: redirect(asked.path, 307)
    before = len(play.server.asked)
    assert (inside(*SUBMIT).code, inside("status", "task-2").code) == (5, 5)
    assert len(play.server.asked) == before + 2


def flood(line: bytes, begin: bytes = b"HTTP/1.1 200 OK\r\n") -> Callable[[], Iterator[Step]]:
    """A hundred megabytes of this."""

    def sending() -> Iterator[Step]:
        yield begin
        block = line * (1 + (1 << 20) // len(line))
        for _ in range(100):
            yield block
        yield Hold(Event())

    return sending


def one(said: bytes) -> Callable[[], Iterator[Step]]:
    """An answer of these bytes."""
    return lambda: iter((said,))


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TASK = b'{"id": "task-1", "status": "completed", "outputs": []}'
BROKEN: dict[str, Callable[[], Iterator[Step]]] = {
    "endless headers": flood(b"X-Header: y\r\n"),
    "an endless header": flood(b"x", b"HTTP/1.1 200 OK\r\nX-Header: "),
    "an endless status line": flood(b"x", b"HTTP/1.1 200 "),
    "an endless folded header": flood(b" x\r\n", b"HTTP/1.1 200 OK\r\nX-Header: y\r\n"),
    **{
        name: one(said)
        for name, said in {
            "no status": b"HTTP/1.1 OK\r\n\r\n",
            "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
            "a status below any": b"HTTP/1.1 099 OK\r\n\r\n",
            "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
            "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "TLS": b"\x15\x03\x01\x00\x02\x02\x28",
            "bytes": bytes(range(256)),
            "an empty line": b"\r\n\r\n",
            "a header without a name": OK + b": x\r\nContent-Length: 2\r\n\r\n{}",
            "a header with a NUL": OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
            "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 99\r\n\r\n" + TASK,
            "a length below zero": OK + b"Content-Length: -5\r\n\r\n" + TASK,
            "a length that is no number": OK + b"Content-Length: many\r\n\r\n" + TASK,
            "a length of 5,000 digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + TASK,
            "too short": OK + b"Content-Length: 9999\r\n\r\n" + TASK,
            "a chunk that is no number": CHUNKED + b"zz\r\n" + TASK + b"\r\n0\r\n\r\n",
            "a chunk below zero": CHUNKED + b"-5\r\n" + TASK + b"\r\n0\r\n\r\n",
            "a chunk of exabytes": CHUNKED + b"ffffffffffffffff\r\n" + TASK,
            "a chunk of 5,000 digits": CHUNKED + b"f" * 5000 + b"\r\n" + TASK,
            "a chunk that ends early": CHUNKED + b"5\r\n" + TASK + b"\r\n0\r\n\r\n",
            "no last chunk": CHUNKED + b"%x\r\n" % len(TASK) + TASK + b"\r\n",
            "an unknown transfer encoding": OK + b"Transfer-Encoding: brotli\r\n\r\n" + TASK,
            "an unknown content encoding": OK + b"Content-Encoding: zip\r\nContent-Length: 4\r\n\r\nPK\x03\x04",
            "no gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
            "a switch of protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
        }.items()
    },
}


def broken(how: str) -> Script:
    return lambda _: BROKEN[how]()


@pytest.mark.parametrize("how", BROKEN)
def test_R7_an_answer_that_is_no_http_is_a_clean_error(taskctl: Console, play: Play, how: str) -> None:
    inside = quick(taskctl)
    play.server.script = broken(how)
    unknown = how == "an unknown content encoding"  # of which a proxy may have known: it came, and is no JSON
    for arguments, code in ((SUBMIT, 9), (LOOK, 5 if unknown else 6)):
        began = time.monotonic()
        done = inside(*arguments)
        assert (done.code, time.monotonic() - began < 5) == (code, True), done
        assert len(done.err) < 3000
    assert len(play.server.asked) == 2


def test_R7_endless_headers_fill_no_memory(taskctl: Console, play: Play) -> None:
    for how in ("endless headers", "an endless header"):
        play.server.script = broken(how)
        code, most = peak(taskctl, *LOOK)
        assert (code, most < MEMORY) == (6, True), f"{most} KiB"


def test_R7_answers_that_only_announce_an_answer_end(
    taskctl: Console, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch)
    play.server.script = lambda _: flood(b"HTTP/1.1 100 Continue\r\n\r\n", b"")()
    began = time.monotonic()
    done = quick(taskctl)(*LOOK)
    assert (done.code, time.monotonic() - began < 10) == (6, True), done


@pytest.mark.parametrize("how", ["no status", "bytes", "two lengths", "a chunk that is no number", "endless headers"])
def test_R7_a_result_that_is_no_http_leaves_no_file(taskctl: Console, play: Play, how: str) -> None:
    times = iter([True, False])
    play.ephone.files = lambda asked: BROKEN[how]() if next(times, False) else FILE(asked)
    done = quick(taskctl)("download", "task-1")
    files = [path for path in taskctl.cwd.iterdir() if not path.name.endswith((".part", ".json"))]
    assert (done.code, [path.read_bytes() for path in files]) in ((0, [FILE.body]), (6, []), (10, [])), done


class Authority:
    """Contexts of servers that nobody should trust."""

    def __init__(self, authority: trustme.CA) -> None:
        self._authority = authority
        self._past = datetime(2020, 1, 1, tzinfo=UTC)

    def context(self, how: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer, host, until = self._authority, "127.0.0.1", None
        match how:
            case "expired":
                until = self._past
            case "another host":
                host = "provider.example"
            case "an unknown authority":
                issuer = trustme.CA()
            case "old":
                made.set_ciphers("ALL:@SECLEVEL=0")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
                    made.minimum_version = ssl.TLSVersion.TLSv1
                    made.maximum_version = ssl.TLSVersion.TLSv1_1
        issuer.issue_cert(host, not_after=until).configure_cert(made)
        return made


DISTRUSTED = ("expired", "another host", "an unknown authority", "old")


@pytest.fixture
def untrusted(authority: trustme.CA, taskctl: Console, tmp_path: Path) -> Authority:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    taskctl.environ["SSL_CERT_FILE"] = str(path)
    return Authority(authority)


def secured(serve: Serve, taskctl: Console, context: ssl.SSLContext) -> Server:
    server = serve(Ephone(), tls=context)
    taskctl.environ["TASKCTL_BASE_URL"] = server.url
    return server


@pytest.mark.parametrize("how", [*DISTRUSTED, "trusted"])
def test_R8_a_server_that_cannot_be_trusted_sees_no_request(
    taskctl: Console, serve: Serve, untrusted: Authority, how: str, strangers: list[Server]
) -> None:
    server = secured(serve, taskctl, untrusted.context(how))
    for arguments in (SUBMIT, LOOK, ("wait", "task-1"), ("reconcile", "--key", "x")):
        before, began = server.connections, time.monotonic()
        done = taskctl(*arguments) if arguments == SUBMIT else quick(taskctl)(*arguments)
        if how == "trusted":
            assert done.code == (9 if arguments[0] == "reconcile" else 0), done
            continue
        if arguments[0] == "reconcile":
            assert done.code == 9, "ephone finds nothing by a key: nobody is asked"
            continue
        assert (done.code, server.asked) == (6, []), done
        assert server.connections == before + 1, "it will not become better by asking again"
        assert time.monotonic() - began < 4
        assert "127.0.0.1" in done.err
        assert "certificate" in done.err
    if how == "trusted":
        strangers.remove(server)
    assert quick(taskctl)("list").out.count("unconfirmed") == 0


@pytest.mark.parametrize("how", DISTRUSTED)
def test_R8_a_result_from_a_server_that_cannot_be_trusted_is_not_fetched(
    taskctl: Console, serve: Serve, untrusted: Authority, how: str, strangers: list[Server]
) -> None:
    cdn = serve(FILE, tls=untrusted.context(how))
    server = secured(serve, taskctl, untrusted.context("trusted"))
    strangers.remove(server)
    server.script = Ephone(links=lambda _: [f"{cdn.url}/a.mp4"])
    began = time.monotonic()
    done = quick(taskctl)("download", "task-1")
    assert (done.code in (6, 10), cdn.asked, cdn.connections) == (True, [], 1), done
    assert time.monotonic() - began < 4
    assert list(taskctl.cwd.iterdir()) == []
