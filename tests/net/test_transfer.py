import contextlib
import errno
import hashlib
import json
import os
import socket
import ssl
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
import trustme

from taskctl.errors import FileError, NoAnswer, UsageError
from taskctl.model import Kind, Output, Task
from taskctl.net.digest import ALONE
from taskctl.net.file_get import HOPS, Broken
from taskctl.net.landing import Landing
from taskctl.net.names import part_name
from taskctl.net.reach import Idle, OutOfReach, Reach
from taskctl.net.transfer import IF_EXISTS, Fetched, LinkExpired, Progress, Stopped, Target, Transfer

HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"
BODY = HEAD + bytes(range(256)) * 40
OTHER = HEAD + bytes(reversed(range(256))) * 40
TASK = Task(id="01K5", key=None, profile="p", dialect="d", base_url="http://127.0.0.1")
PAGE = b"<!DOCTYPE html><title>Sign in</title>"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@dataclass(frozen=True)
class Asked:
    """A request for a file."""

    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int | None:
        found = self.headers.get("range")
        return int(found.removeprefix("bytes=").removesuffix("-")) if found else None


Script = Callable[[Asked], bytes | Iterator[bytes]]


class Server(ThreadingTCPServer):
    """Sends for each request exactly the bytes that its script makes, and closes, unless it keeps connections."""

    daemon_threads = True
    script: Script

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.tls = tls
        self.keeps = False
        self.connections = 0
        super().__init__(("127.0.0.1", 0), Answering)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what is tested."""

    def says(self, *answers: bytes) -> None:
        """Give these answers in turn; the last one stays."""
        left = list(answers)
        self.script = lambda _: left.pop(0) if len(left) > 1 else left[0]


class Answering(StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        self.answer()
        while self.server.keeps and self.rfile.peek(1):  # type: ignore[attr-defined]  # it is buffered
            self.answer()

    def answer(self) -> None:
        first = self.rfile.readline().decode("latin-1").split(" ")
        lines = iter(lambda: self.rfile.readline().decode("latin-1").strip(), "")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        asked = Asked(first[1], headers)
        self.server.asked.append(asked)
        said = self.server.script(asked)
        for piece in [said] if isinstance(said, bytes) else said:
            self.wfile.write(piece)


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    shared.asked.clear()
    shared.says(whole(BODY))
    shared.keeps, shared.connections = False, 0
    return shared


def answer(status: int, body: bytes = b"", **headers: object) -> bytes:
    said = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def whole(body: bytes = BODY, etag: str | None = '"v1"', **headers: object) -> bytes:
    named = {"Content_Length": len(body), "Content_Type": "video/mp4", "ETag": etag}
    return answer(200, body, **{**named, **headers})


def rest(body: bytes, start: int, etag: str | None = '"v1"', **headers: object) -> bytes:
    ranged = f"bytes {start}-{len(body) - 1}/{len(body)}"
    named = {"Content_Range": ranged, "Content_Length": len(body) - start, "ETag": etag}
    return answer(206, body[start:], **{**named, **headers})


def honest(asked: Asked, body: bytes = BODY, etag: str = '"v1"') -> bytes:
    """What a good server answers."""
    if asked.start is None or asked.headers.get("if-range") != etag:
        return whole(body, etag)
    if asked.start >= len(body):
        return answer(416, Content_Range=f"bytes */{len(body)}", Content_Length=0, ETag=etag)
    return rest(body, asked.start, etag)


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def cut(said: bytes, after: int) -> bytes:
    """The answer up to so many bytes of its body."""
    return said[: said.index(b"\r\n\r\n") + 4 + after]


@dataclass
class Folder:
    """Where files land, and what makes a transfer there."""

    path: Path
    server: Server
    made: list[Transfer] = field(default_factory=list)

    def transfer(self, path: str = "/a", *, kind: Kind = Kind.VIDEO, text: str | None = None, **given: Any) -> Transfer:
        url = None if text is not None else path if "://" in path else self.server.url + path
        target = {name: given.pop(name) for name in ("template", "if_exists") if name in given}
        settings: dict[str, Any] = {
            "task": TASK,
            "output": Output(index=0, kind=kind, url=url, text=text),
            "target": Target(folder=self.path, **target),
            "reach": Reach(http=True, private=True),
            "trust": ssl.create_default_context,
            "key_headers": lambda _: {},
            "progress": Progress("x"),
        }
        self.made.append(Transfer(**{**settings, **given}))
        return self.made[-1]

    def run(self, *path: str, **given: Any) -> Fetched:
        return self.transfer(*path, **given).run()

    @property
    def part(self) -> Path:
        return self.path / part_name(TASK, Output(index=0, kind=Kind.VIDEO))

    @property
    def notes(self) -> Path:
        return self.path / f"{self.part.name}.json"

    @property
    def names(self) -> list[str]:
        return sorted(found.name for found in self.path.iterdir())

    def leave_half(self, body: bytes = BODY, etag: str | None = '"v1"', have: int = 5000) -> None:
        """An attempt that was cut half-way."""
        self.server.says(cut(whole(body, etag), have))
        with pytest.raises(Broken, match=f"{have} of {len(body)} bytes arrived"):
            self.run()
        self.server.asked.clear()


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Iterator[Folder]:
    (tmp_path / "files").mkdir()
    made = Folder(tmp_path / "files", server)
    yield made
    for transfer in made.made:
        transfer.idle.close()


class TestConnections:
    def fetched(self, folder: Folder, idle: Idle, number: int) -> bytes:
        output = Output(index=number, kind=Kind.VIDEO, url=f"{folder.server.url}/{number}")
        return folder.transfer(output=output, idle=idle).run().path.read_bytes()

    def test_files_of_one_server_share_a_connection(self, folder: Folder) -> None:
        folder.server.keeps, idle = True, Idle()
        assert [self.fetched(folder, idle, number) for number in range(4)] == [BODY] * 4
        assert (len(folder.server.asked), folder.server.connections) == (4, 1)
        idle.close()

    def test_a_connection_that_died_meanwhile_costs_no_file(self, folder: Folder) -> None:
        idle = Idle()
        assert [self.fetched(folder, idle, number) for number in range(3)] == [BODY] * 3
        assert folder.server.connections == 3

    def test_a_connection_with_something_left_on_it_is_not_used_again(self, folder: Folder) -> None:
        folder.server.keeps, idle = True, Idle()
        folder.server.says(whole(BODY) + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", whole(BODY))
        assert [self.fetched(folder, idle, number) for number in range(2)] == [BODY] * 2
        idle.close()

    def test_who_closes_is_believed(self, folder: Folder) -> None:
        folder.server.keeps, idle = True, Idle()
        folder.server.says(whole(BODY, Connection="close"))
        assert [self.fetched(folder, idle, number) for number in range(2)] == [BODY] * 2
        assert folder.server.connections == 2
        idle.close()

    def test_a_refused_file_leaves_no_half_read_connection(self, folder: Folder) -> None:
        folder.server.keeps, idle = True, Idle()
        folder.server.says(answer(404, b"x" * 100_000, Content_Length=100_000), whole(BODY))
        with pytest.raises(LinkExpired):
            self.fetched(folder, idle, 0)
        assert self.fetched(folder, idle, 1) == BODY
        assert folder.server.connections == 2
        idle.close()

    @pytest.mark.parametrize("size", [ALONE - 1, ALONE, ALONE + 1, 3 * ALONE + 12345])
    def test_a_large_file_has_the_sum_of_its_bytes(self, folder: Folder, size: int) -> None:
        body = BODY[:12] + bytes(size - 12)
        folder.server.says(whole(body))
        fetched = folder.run()
        assert (fetched.bytes, fetched.sha256) == (size, hashlib.sha256(body).hexdigest())


class TestWholeFiles:
    def test_a_file_is_whole_checked_and_alone(self, folder: Folder) -> None:
        fetched = folder.run()
        assert fetched == Fetched(
            path=folder.path / "01K5-0.mp4",
            bytes=len(BODY),
            sha256=hashlib.sha256(BODY).hexdigest(),
            content_type="video/mp4",
        )
        assert fetched.path.read_bytes() == BODY
        assert folder.names == ["01K5-0.mp4"]
        assert folder.made[0].progress == Progress("x", done=len(BODY), total=len(BODY))

    def test_the_request_says_no_more_than_it_must(self, folder: Folder) -> None:
        folder.run("/a.mp4?sig=1#part")
        (asked,) = folder.server.asked
        assert asked.path == "/a.mp4?sig=1"
        assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert asked.headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize(
        ("path", "asked"),
        [
            ("", "/"),
            ("?x=1", "/?x=1"),
            ("//x//y", "//x//y"),
            ("/a b.mp4", "/a%20b.mp4"),
            ("/видео.mp4?имя=1", "/%D0%B2%D0%B8%D0%B4%D0%B5%D0%BE.mp4?%D0%B8%D0%BC%D1%8F=1"),
            ("/a%20b%2Fc?x=%2B+", "/a%20b%2Fc?x=%2B+"),
            ("/a;b=1,2(3)[4]|{5}?q=\"'<>", "/a;b=1,2(3)[4]|{5}?q=\"'<>"),
            ("/a\udcffb", None),
        ],
    )
    def test_a_url_is_asked_for_as_it_is_written(self, folder: Folder, path: str, asked: str | None) -> None:
        if asked is None:
            with pytest.raises(FileError):
                folder.run(path)
            return
        folder.run(path)
        assert folder.server.asked[0].path == asked

    def test_a_body_without_a_length_is_taken_to_its_end(self, folder: Folder) -> None:
        folder.server.says(answer(200, BODY))
        assert folder.run().path.read_bytes() == BODY

    def test_a_chunked_body_is_put_together(self, folder: Folder) -> None:
        pieces = [BODY[start : start + 100] for start in range(0, len(BODY), 100)]
        folder.server.says(answer(200, chunked(*pieces, b""), Transfer_Encoding="chunked"))
        assert folder.run().path.read_bytes() == BODY

    def test_bytes_beyond_the_announced_length_are_not_read(self, folder: Folder) -> None:
        folder.server.says(whole(BODY) + b"GARBAGE" * 100)
        assert folder.run().path.read_bytes() == BODY

    def test_a_whole_file_sent_as_a_part_will_do(self, folder: Folder) -> None:
        folder.server.says(rest(BODY, 0))
        assert folder.run().path.read_bytes() == BODY

    @pytest.mark.parametrize("body", [b"x", HEAD, HEAD + b"\0" * (3 << 20)])
    def test_files_of_any_size_arrive(self, folder: Folder, body: bytes) -> None:
        folder.server.says(whole(body))
        assert folder.run().path.read_bytes() == body

    def test_the_extension_is_what_the_bytes_are(self, folder: Folder) -> None:
        folder.server.says(whole(b"\x89PNG\r\n\x1a\n" + b"\0" * 100))
        assert folder.run().path.name == "01K5-0.png"

    def test_the_folder_is_made(self, folder: Folder) -> None:
        folder.path = folder.path / "deep" / "er"
        assert folder.run().path.read_bytes() == BODY


class TestResuming:
    def test_a_cut_file_goes_on_where_it_stopped(self, folder: Folder) -> None:
        folder.leave_half()
        assert folder.names == [folder.part.name, folder.notes.name]
        assert folder.part.read_bytes() == BODY[:5000]
        folder.server.script = honest
        assert folder.run().path.read_bytes() == BODY
        (asked,) = folder.server.asked
        assert (asked.start, asked.headers["if-range"]) == (5000, '"v1"')
        assert folder.names == ["01K5-0.mp4"]
        assert folder.made[-1].progress.done == len(BODY)

    def test_a_file_that_is_cut_again_and_again_is_whole_in_the_end(self, folder: Folder) -> None:
        folder.server.script = lambda asked: cut(honest(asked), 1000)
        for _ in range(len(BODY) // 1000):
            with pytest.raises(Broken):
                folder.run()
        assert folder.run().path.read_bytes() == BODY
        assert len(folder.server.asked) == len(BODY) // 1000 + 1

    @pytest.mark.parametrize("after", [0, 1, 11, 12, 511, 512, 513, 5000, len(BODY) - 1])
    def test_wherever_it_is_cut_the_next_attempt_makes_it_whole(self, folder: Folder, after: int) -> None:
        for said in (cut(whole(BODY), after), cut(answer(200, chunked(BODY), Transfer_Encoding="chunked"), after)):
            folder.server.says(said)
            with pytest.raises(Broken):
                folder.run()
            assert not (folder.path / "01K5-0.mp4").exists()
            folder.server.script = honest
            fetched = folder.run()
            assert fetched.path.read_bytes() == BODY
            fetched.path.unlink()

    @pytest.mark.parametrize("after", range(0, len(whole(b"")), 11))
    def test_an_answer_that_is_cut_before_its_body_leaves_nothing(self, folder: Folder, after: int) -> None:
        folder.server.says(whole(BODY)[:after])
        with pytest.raises(Broken):
            folder.run()
        assert folder.names == []

    @pytest.mark.parametrize("etag", ["ours", "theirs", None, "weak"])
    @pytest.mark.parametrize("oddity", ["right", "start", "total", "whole", "unsatisfiable"])
    def test_old_and_new_bytes_are_never_mixed(self, folder: Folder, etag: str | None, oddity: str) -> None:
        written = {"ours": '"v1"', "theirs": '"v2"', "weak": 'W/"v1"', None: None}[etag]
        body = BODY if etag == "ours" else OTHER
        folder.leave_half(BODY, '"v1"')
        odd = {
            "right": rest(body, 5000, written),
            "start": rest(body, 4000, written),
            "total": rest(body + b"more", 5000, written),
            "whole": whole(body, written),
            "unsatisfiable": answer(416, Content_Range=f"bytes */{len(body)}", Content_Length=0, ETag=written),
        }[oddity]
        folder.server.says(odd, whole(body, written))
        assert folder.run().path.read_bytes() == body
        assert folder.names == ["01K5-0.mp4"]
        assert len(folder.server.asked) == (1 if oddity == "whole" or (etag, oddity) == ("ours", "right") else 2)

    @pytest.mark.parametrize("etag", [None, 'W/"v1"', "v1", '""'])
    def test_without_a_strong_validator_one_starts_again(self, folder: Folder, etag: str | None) -> None:
        folder.leave_half(BODY, etag)
        assert folder.names == [folder.part.name]
        folder.server.script = lambda _: whole(OTHER, etag)
        assert folder.run().path.read_bytes() == OTHER
        assert folder.server.asked[0].start is None

    def test_a_server_that_ignores_ranges_sends_all_of_it_again(self, folder: Folder) -> None:
        folder.leave_half()
        assert folder.server.asked == []
        folder.server.says(whole(BODY))
        assert folder.run().path.read_bytes() == BODY

    def test_a_file_that_changed_is_fetched_anew(self, folder: Folder) -> None:
        folder.leave_half()
        folder.server.script = lambda asked: honest(asked, OTHER, '"v2"')
        assert folder.run().path.read_bytes() == OTHER
        assert len(folder.server.asked) == 1

    def test_a_file_that_arrived_whole_and_got_no_name_is_not_fetched_again(self, folder: Folder) -> None:
        folder.part.write_bytes(BODY)
        folder.notes.write_text(json.dumps({"etag": '"v1"', "total": len(BODY)}))
        folder.server.script = honest
        fetched = folder.run()
        assert fetched.path.read_bytes() == BODY
        assert [asked.start for asked in folder.server.asked] == [len(BODY)]

    def test_a_server_that_never_makes_sense_is_given_up(self, folder: Folder) -> None:
        folder.server.says(rest(BODY, 4000))
        with pytest.raises(FileError, match="do not fit together"):
            folder.run()
        assert len(folder.server.asked) == 2
        assert folder.names == []

    def test_what_did_not_fit_is_gone_where_the_whole_does_not_come_either(self, folder: Folder) -> None:
        folder.leave_half()
        folder.server.says(rest(BODY, 4000), answer(503))
        with pytest.raises(Broken, match="HTTP 503"):
            folder.run()
        assert folder.names == []

    def test_a_rest_that_is_longer_than_promised_is_thrown_away(self, folder: Folder) -> None:
        folder.leave_half()
        folder.server.says(rest(BODY, 5000, Content_Length=len(BODY)) + b"x" * 5000)
        with pytest.raises(Broken, match="more than the"):
            folder.run()
        assert folder.names == []

    def test_a_rest_that_is_cut_is_kept_as_far_as_it_came(self, folder: Folder) -> None:
        folder.leave_half()
        folder.server.script = lambda asked: cut(honest(asked), 1000)
        with pytest.raises(Broken, match=f"6000 of {len(BODY)} bytes arrived"):
            folder.run()
        assert folder.part.read_bytes() == BODY[:6000]

    @pytest.mark.parametrize(
        "notes", ["", "{", "[]", "null", '{"etag": 1}', '{"etag": "v1"}', '{"etag": "W/\\"v1\\""}', "[" * 100_000,
                  '{"etag": "\\"v1\\"\\r\\nX: y"}', '{"etag": "\\"\\u65e5\\""}']
    )  # fmt: skip
    def test_notes_that_make_no_sense_are_no_reason_to_go_on(self, folder: Folder, notes: str) -> None:
        folder.part.write_bytes(b"garbage")
        folder.notes.write_text(notes)
        assert folder.run().path.read_bytes() == BODY
        assert folder.server.asked[0].start is None

    def test_notes_without_a_file_are_no_reason_to_go_on(self, folder: Folder) -> None:
        folder.notes.write_text('{"etag": "\\"v1\\"", "total": 5}')
        assert folder.run().path.read_bytes() == BODY
        assert folder.names == ["01K5-0.mp4"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("said", "error", "words"),
        [
            *((answer(status, b"x"), LinkExpired, f"dead.*{status}") for status in (401, 403, 404, 410)),
            *((answer(status, b"x"), Broken, f"HTTP {status}") for status in (408, 425, 429, 500, 503)),
            *((answer(status, b"x"), FileError, f"HTTP {status}") for status in (201, 304, 400, 402)),
            (answer(204), FileError, "HTTP 204"),
            (answer(302), FileError, "HTTP 302"),
            (whole(BODY, Content_Encoding="gzip"), FileError, "encoded as gzip"),
            (whole(b""), FileError, "is empty"),
            (answer(200), Broken, "0 of some bytes"),
            (answer(200, chunked(b""), Transfer_Encoding="chunked"), Broken, "0 of some bytes"),
            (whole(PAGE), LinkExpired, "gives a page.*Sign in"),
            (whole(PAGE, Content_Type="text/html"), LinkExpired, "gives a page"),
            (whole(b'{"error": "expired"}'), LinkExpired, "gives a page"),
            (whole(b"Access denied", Content_Type="text/plain"), LinkExpired, "Access denied"),
            (answer(200, chunked(*(b"%c" % byte for byte in PAGE), b""), Transfer_Encoding="chunked"), LinkExpired,
             "gives a page"),
            (answer(200, chunked(BODY)[:-2], Transfer_Encoding="chunked"), Broken, "fetching"),
            (answer(200, b"nonsense\r\nxyz", Transfer_Encoding="chunked"), Broken, "fetching"),
            (answer(200, b"x", **{f"X_{n}": n for n in range(200)}), Broken, "more than 100 headers"),
            (answer(200, b"x", X="y" * 100_000), Broken, "header line"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Broken, "fetching"),
            (b"", Broken, "closed connection without response"),
            (b"\x16\x03\x01\x00", Broken, "fetching"),
            (whole(HEAD, Content_Length=10**15), FileError, "has room for"),
        ],
    )  # fmt: skip
    def test_an_answer_that_is_not_the_file_says_why_and_leaves_no_file(
        self, folder: Folder, said: bytes, error: type[Exception], words: str
    ) -> None:
        folder.server.says(said)
        with pytest.raises(error, match=words) as caught:
            folder.run()
        assert type(caught.value) is error
        assert "01K5" in str(caught.value) or "bytes are to come" in str(caught.value)
        assert not [name for name in folder.names if name != folder.part.name]

    @pytest.mark.parametrize("length", ["-1", "x", "9" * 5000, ""])
    def test_a_length_that_is_none_is_ignored(self, folder: Folder, length: str) -> None:
        folder.server.says(whole(BODY, Content_Length=length))
        assert folder.run().path.read_bytes() == BODY

    @pytest.mark.parametrize(("kind", "ext"), [(Kind.FILE, ".bin"), (Kind.TEXT, ".txt")])
    def test_a_page_that_was_ordered_is_a_result(self, folder: Folder, kind: Kind, ext: str) -> None:
        folder.server.says(whole(PAGE, Content_Type="text/html"))
        fetched = folder.run(kind=kind)
        assert (fetched.path.read_bytes(), fetched.path.suffix) == (PAGE, ext)

    def test_what_arrived_is_kept_where_the_server_is_merely_down(self, folder: Folder) -> None:
        folder.leave_half()
        for said in (answer(503), answer(403), b""):
            folder.server.says(said)
            with pytest.raises((Broken, LinkExpired)):
                folder.run()
            assert folder.part.read_bytes() == BODY[:5000]
            assert folder.notes.exists()

    def test_a_trickle_is_a_broken_connection(self, folder: Folder) -> None:
        ticking = count(step=61.0)
        with pytest.raises(Broken, match=r"bytes in \d+ s"):
            folder.run(monotonic=lambda: next(ticking))

    def test_a_server_that_is_not_there_is_tried_later(self, folder: Folder) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with pytest.raises(Broken, match=r"127\.0\.0\.1"):
            folder.run(f"http://127.0.0.1:{port}/a?signature=canary")
        assert folder.names == []

    def test_no_message_holds_the_query_of_a_link(self, folder: Folder) -> None:
        for said in (answer(403), answer(503), answer(400), b"", whole(b""), answer(302, Location="file:///x?canary")):
            folder.server.says(said)
            with pytest.raises((NoAnswer, FileError)) as caught:
                folder.run("/a?signature=canary")
            assert "canary" not in f"{caught.value.message}{caught.value.hint}"


class TestRedirects:
    def hops(self, server: Server, number: int, location: str = "{}/hop{}") -> None:
        def script(asked: Asked) -> bytes:
            hop = int(asked.path.removeprefix("/hop") or 0) if asked.path.startswith("/hop") else 0
            if hop >= number:
                return whole(BODY)
            return answer(302, Location=location.format(server.url, hop + 1), Content_Length=0)

        server.script = script

    @pytest.mark.parametrize("location", ["{}/hop{}", "/hop{1}", "hop{1}", "?/hop{1}"])
    def test_up_to_five_are_followed(self, folder: Folder, location: str) -> None:
        number = 1 if location.startswith("?") else HOPS
        self.hops(folder.server, number, location)
        if location.startswith("?"):
            folder.server.script = lambda asked: whole(BODY) if "?" in asked.path else answer(307, Location="?again=1")
        assert folder.run().path.read_bytes() == BODY
        assert len(folder.server.asked) == number + 1

    def test_a_sixth_is_not(self, folder: Folder) -> None:
        self.hops(folder.server, HOPS + 1)
        with pytest.raises(FileError, match="more than 5 redirects"):
            folder.run()
        assert len(folder.server.asked) == HOPS + 1

    def test_a_loop_ends(self, folder: Folder) -> None:
        folder.server.says(answer(301, Location="/a"))
        with pytest.raises(FileError, match="more than 5 redirects"):
            folder.run()
        assert len(folder.server.asked) == HOPS + 1
        assert folder.names == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_every_kind_is_followed(self, folder: Folder, status: int) -> None:
        folder.server.script = lambda asked: whole(BODY) if asked.path == "/b" else answer(status, Location="/b")
        assert folder.run().path.read_bytes() == BODY

    @pytest.mark.parametrize(
        "location",
        [
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "data:video/mp4;base64,AAAA",
            "http://user:pw@127.0.0.1/x",
            "http://[",
            "http://127.0.0.1:99999/",
            "javascript:alert(1)",
        ],
    )
    def test_where_one_may_not_go_one_does_not_go(self, folder: Folder, location: str) -> None:
        folder.server.says(answer(302, Location=location))
        with pytest.raises(OutOfReach):
            folder.run()
        assert len(folder.server.asked) == 1
        assert folder.names == []

    @pytest.mark.parametrize(
        ("location", "asked"),
        [("/a b", "/a%20b"), ("/\xd0\xb2", "/%D0%B2"), ("/x?q=\xe9", "/x?q=%E9"), ("/a%20b#c", "/a%20b")],
    )
    def test_odd_characters_in_a_location_survive(self, folder: Folder, location: str, asked: str) -> None:
        folder.server.script = lambda got: answer(302, Location=location) if got.path == "/a" else whole(BODY)
        folder.run()
        assert folder.server.asked[1].path == asked

    def test_the_rest_of_a_file_is_asked_for_at_every_hop(self, folder: Folder) -> None:
        folder.leave_half()
        folder.server.script = lambda asked: honest(asked) if asked.path == "/b" else answer(302, Location="/b")
        assert folder.run().path.read_bytes() == BODY
        assert [asked.start for asked in folder.server.asked] == [5000, 5000]

    def test_a_key_goes_where_it_belongs_and_not_where_a_redirect_leads(self, folder: Folder) -> None:
        folder.server.script = lambda asked: whole(BODY) if asked.path == "/cdn" else answer(302, Location="/cdn")
        ours = f"{folder.server.url}/files"
        folder.run("/files", key_headers=lambda url: {"Authorization": "Bearer canary"} if url == ours else {})
        assert [asked.headers.get("authorization") for asked in folder.server.asked] == ["Bearer canary", None]


class TestReach:
    def test_a_public_provider_does_not_send_us_home(self, folder: Folder) -> None:
        with pytest.raises(OutOfReach, match="private address"):
            folder.run(reach=Reach(http=True, private=False))
        assert folder.server.asked == []
        assert folder.names == []

    def test_an_encrypted_provider_does_not_send_us_in_the_clear(self, folder: Folder) -> None:
        with pytest.raises(OutOfReach, match="not encrypted"):
            folder.run(reach=Reach(http=False, private=True))
        assert folder.server.asked == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(Server(context)) as server:
        yield server


class TestTls:
    def trusting(self, authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def test_a_file_comes_encrypted(self, folder: Folder, secure: Server, authority: trustme.CA) -> None:
        secure.says(whole(BODY))
        fetched = folder.run(f"{secure.url}/a", trust=lambda: self.trusting(authority), reach=Reach(private=True))
        assert fetched.path.read_bytes() == BODY

    def test_a_certificate_that_does_not_hold_ends_it_at_once(self, folder: Folder, secure: Server) -> None:
        secure.asked.clear()
        with pytest.raises(NoAnswer, match="certificate does not hold") as caught:
            folder.run(f"{secure.url}/a", reach=Reach(private=True))
        assert not isinstance(caught.value, Broken)
        assert secure.asked == []

    def test_a_redirect_does_not_lead_out_of_encryption(
        self, folder: Folder, secure: Server, authority: trustme.CA
    ) -> None:
        secure.says(answer(302, Location=f"{folder.server.url}/a"))
        with pytest.raises(OutOfReach, match="not encrypted"):
            folder.run(f"{secure.url}/a", trust=lambda: self.trusting(authority), reach=Reach(private=True))
        assert folder.server.asked == []


class TestExistingFiles:
    @pytest.fixture(params=["links", "no links"])
    def disk(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if request.param == "no links":

            def refuse(*_: object, **__: object) -> None:
                raise OSError(errno.EPERM, "no hard links here")

            monkeypatch.setattr(os, "link", refuse)

    @pytest.mark.usefixtures("disk")
    @pytest.mark.parametrize("if_exists", IF_EXISTS)
    @pytest.mark.parametrize("there", [BODY, OTHER, b""])
    def test_nothing_is_overwritten_unasked(self, folder: Folder, if_exists: str, there: bytes) -> None:
        first = folder.path / "01K5-0.mp4"
        first.write_bytes(there)
        match if_exists, there == BODY:
            case ("skip", True):
                fetched = folder.run(if_exists=if_exists)
                assert (fetched.path, fetched.skipped, folder.names) == (first, True, ["01K5-0.mp4"])
            case ("skip", False) | ("error", _):
                with pytest.raises(FileError, match="exists"):
                    folder.run(if_exists=if_exists)
                assert first.read_bytes() == there
                assert folder.part.read_bytes() == BODY
            case ("rename", _):
                fetched = folder.run(if_exists=if_exists)
                assert fetched.path.name == "01K5-0 (2).mp4"
                assert (first.read_bytes(), fetched.path.read_bytes()) == (there, BODY)
                assert folder.run(if_exists=if_exists).path.name == "01K5-0 (3).mp4"
            case _:
                fetched = folder.run(if_exists=if_exists)
                assert (fetched.path, fetched.skipped, first.read_bytes()) == (first, False, BODY)
                assert folder.names == ["01K5-0.mp4"]

    def test_what_was_fetched_for_a_name_that_was_taken_is_not_fetched_again(self, folder: Folder) -> None:
        (folder.path / "01K5-0.mp4").write_bytes(OTHER)
        folder.server.script = honest
        with pytest.raises(FileError, match="exists with other content") as caught:
            folder.run()
        assert "--if-exists" in str(caught.value.hint)
        assert folder.run(if_exists="rename").path.read_bytes() == BODY
        assert [asked.start for asked in folder.server.asked] == [None, len(BODY)]

    @posix
    @pytest.mark.usefixtures("disk")
    @pytest.mark.parametrize("if_exists", IF_EXISTS)
    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_planted_under_the_final_name_is_not_followed(
        self, folder: Folder, tmp_path: Path, if_exists: str, there: bool
    ) -> None:
        victim, planted = tmp_path / "victim", folder.path / "01K5-0.mp4"
        if there:
            victim.write_bytes(BODY)
        planted.symlink_to(victim)
        if if_exists in ("skip", "error"):
            with pytest.raises(FileError, match="exists"):
                folder.run(if_exists=if_exists)
            assert planted.is_symlink()
        else:
            fetched = folder.run(if_exists=if_exists)
            assert fetched.path.name == ("01K5-0 (2).mp4" if if_exists == "rename" else "01K5-0.mp4")
            assert not fetched.path.is_symlink()
            assert fetched.path.read_bytes() == BODY
        assert victim.exists() is there
        if there:
            assert victim.read_bytes() == BODY

    @posix
    @pytest.mark.parametrize("if_exists", IF_EXISTS)
    @pytest.mark.parametrize("kind", ["folder", "pipe"])
    def test_what_is_no_file_is_left_alone(self, folder: Folder, if_exists: str, kind: str) -> None:
        taken = folder.path / "01K5-0.mp4"
        taken.mkdir() if kind == "folder" else os.mkfifo(taken)
        if if_exists == "rename" or (if_exists, kind) == ("overwrite", "pipe"):
            assert folder.run(if_exists=if_exists).path.read_bytes() == BODY
        else:
            with pytest.raises(FileError, match="01K5-0"):
                folder.run(if_exists=if_exists)
            assert folder.part.read_bytes() == BODY


@posix
class TestUnfinishedFiles:
    def test_a_link_planted_there_is_not_followed(self, folder: Folder, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        folder.part.symlink_to(victim)
        with pytest.raises(FileError, match="cannot be written"):
            folder.run()
        assert victim.read_bytes() == b"precious"
        folder.part.unlink()
        folder.part.symlink_to(tmp_path / "nowhere")
        with pytest.raises(FileError, match="cannot be written"):
            folder.run()
        assert not (tmp_path / "nowhere").exists()
        assert folder.server.asked == []

    def test_a_link_planted_for_the_notes_is_replaced(self, folder: Folder, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text('{"etag": "\\"v1\\""}')
        folder.notes.symlink_to(victim)
        folder.part.write_bytes(b"garbage")
        folder.server.script = honest
        assert folder.run().path.read_bytes() == BODY
        assert folder.server.asked[0].start is None
        assert victim.read_text() == '{"etag": "\\"v1\\""}'
        assert folder.names == ["01K5-0.mp4"]

    @pytest.mark.parametrize("kind", ["folder", "pipe"])
    def test_what_is_no_file_is_in_the_way(self, folder: Folder, kind: str) -> None:
        folder.part.mkdir() if kind == "folder" else os.mkfifo(folder.part)
        with pytest.raises(FileError, match="01K5-0"):
            folder.run()
        assert folder.server.asked == []

    def test_a_folder_that_is_none_is_an_error(self, folder: Folder) -> None:
        (folder.path / "x").write_bytes(b"")
        folder.path = folder.path / "x"
        with pytest.raises(FileError, match="x cannot be written"):
            folder.run()

    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o027, 0o640), (0o000, 0o666)])
    def test_files_have_the_modes_that_the_user_wants(self, folder: Folder, umask: int, mode: int) -> None:
        before = os.umask(umask)
        try:
            folder.leave_half()
            assert stat.S_IMODE(folder.notes.stat().st_mode) == 0o600
            folder.server.script = honest
            assert stat.S_IMODE(folder.run().path.stat().st_mode) == mode
            assert stat.S_IMODE(folder.run(text="la la", template="t{ext}").path.stat().st_mode) == mode
        finally:
            os.umask(before)

    def test_the_final_name_is_not_there_before_the_file_is_whole(self, folder: Folder) -> None:
        seen: list[list[str]] = []

        def script(asked: Asked) -> bytes:
            seen.append(folder.names)
            return cut(honest(asked), 4000)

        folder.server.script = script
        for _ in range(2):
            with pytest.raises(Broken):
                folder.run()
            seen.append(folder.names)
        folder.run()
        assert all("01K5-0.mp4" not in names for names in seen)
        assert seen[0] == [folder.part.name]

    def test_a_full_disk_keeps_what_arrived(self, folder: Folder) -> None:
        import resource

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        body = HEAD + os.urandom(3 << 20)
        room = len(body) - 1000  # so that the disk takes the beginning of the last piece, and says nothing
        folder.server.script = lambda asked: honest(asked, body)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            with pytest.raises(FileError, match="there is no room") as caught:
                folder.run()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "kept" in str(caught.value.hint)
        assert folder.part.read_bytes() == body[:room]
        assert folder.run().path.read_bytes() == body
        assert folder.server.asked[-1].start == room

    def test_a_full_disk_keeps_no_half_of_a_text(self, folder: Folder) -> None:
        import resource

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
        try:
            with pytest.raises(FileError, match="there is no room"):
                folder.run(text="x" * (2 << 20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert folder.run(text="short").path.read_text() == "short"


def telling(half: threading.Event) -> Progress:
    """Progress that says when 5000 bytes have arrived."""

    class Telling(Progress):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "done" and value == 5000:
                half.set()

    return Telling("x")


@posix
class TestStopping:
    def test_a_stopped_transfer_keeps_what_arrived_and_goes_on_later(self, folder: Folder) -> None:
        stop, arrived = threading.Event(), threading.Event()

        def script(_: Asked) -> Iterator[bytes]:
            yield cut(whole(BODY), 5000)
            assert arrived.wait(10)
            stop.set()
            yield BODY[5000:]

        folder.server.script = script
        with pytest.raises(Stopped):
            folder.run(stop=stop, progress=telling(arrived))
        kept = folder.part.read_bytes()
        assert len(kept) >= 5000
        assert BODY.startswith(kept)
        assert folder.notes.exists()
        folder.server.script = honest
        assert folder.run().path.read_bytes() == BODY
        assert folder.server.asked[-1].start == len(kept)

    @pytest.mark.parametrize("length", [len(BODY), None])
    def test_an_aborted_transfer_does_not_wait_for_what_does_not_come(self, folder: Folder, length: int | None) -> None:
        arrived, over = threading.Event(), threading.Event()
        ends: list[type[BaseException] | None] = []

        def script(_: Asked) -> Iterator[bytes]:
            yield cut(whole(BODY, Content_Length=length), 5000)
            assert over.wait(10)

        def run() -> None:
            try:
                transfer.run()
            except (Stopped, Broken, FileError) as error:
                ends.append(type(error))

        folder.server.script = script
        transfer = folder.transfer(progress=telling(arrived))
        thread = threading.Thread(target=run)
        thread.start()
        assert arrived.wait(10)
        transfer.abort()
        thread.join(10)
        over.set()
        assert ends == [Stopped]
        assert folder.part.read_bytes() == BODY[:5000]
        assert not (folder.path / "01K5-0.mp4").exists()

    def test_a_transfer_that_was_aborted_before_it_began_asks_for_nothing(self, folder: Folder) -> None:
        transfer = folder.transfer()
        transfer.abort()
        with pytest.raises(Stopped):
            transfer.run()
        assert (folder.names, folder.server.asked) == ([], [])

    def test_one_result_is_fetched_by_one_at_a_time(self, folder: Folder) -> None:
        landing = Landing(part=folder.part)
        stop = threading.Event()
        stop.set()
        with landing.held(threading.Event()) as ours:
            assert ours
            with landing.held(stop) as theirs:
                assert not theirs
            with pytest.raises(Stopped):
                folder.run(stop=stop)
        assert folder.server.asked == []
        assert folder.names == []

    def test_who_waited_finds_the_file_that_the_other_fetched(self, folder: Folder) -> None:
        folder.server.script = honest
        fetched: list[Fetched] = []
        threads = [threading.Thread(target=lambda: fetched.append(folder.run())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {one.path.read_bytes() for one in fetched} == {BODY}
        assert sorted(one.skipped for one in fetched) == [False, True, True, True]
        assert folder.names == ["01K5-0.mp4"]


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "content"),
        [("la la\n", b"la la\n"), ("naïve 漢字", "naïve 漢字".encode()), ("half \ud83d", b"half \\ud83d")],
    )
    def test_a_text_becomes_a_text_file(self, folder: Folder, text: str, content: bytes) -> None:
        fetched = folder.run(text=text, kind=Kind.TEXT)
        assert (fetched.path.name, fetched.path.read_bytes()) == ("01K5-0.txt", content)
        assert (fetched.bytes, fetched.content_type) == (len(content), "text/plain")
        assert folder.names == ["01K5-0.txt"]
        assert folder.server.asked == []

    def test_an_empty_text_is_no_result(self, folder: Folder) -> None:
        with pytest.raises(FileError, match="is empty"):
            folder.run(text="", kind=Kind.TEXT)
        assert folder.names == []

    def test_the_rest_of_another_attempt_is_not_in_it(self, folder: Folder) -> None:
        folder.part.write_bytes(b"x" * 100)
        folder.notes.write_text('{"etag": "\\"v1\\""}')
        assert folder.run(text="short", kind=Kind.TEXT).path.read_bytes() == b"short"
        assert folder.names == ["01K5-0.txt"]

    def test_the_same_text_is_there_already(self, folder: Folder) -> None:
        folder.run(text="la", kind=Kind.TEXT)
        assert folder.run(text="la", kind=Kind.TEXT).skipped


class TestTargets:
    @pytest.mark.parametrize("given", [{"if_exists": "maybe"}, {"template": "{nothing}"}, {"template": "../x"}])
    def test_a_target_that_cannot_be_is_refused_before_anything_is_fetched(self, given: dict[str, str]) -> None:
        with pytest.raises(UsageError):
            Target(folder=Path(), **given)

    def test_a_template_names_the_file(self, folder: Folder) -> None:
        task = replace(TASK, model="sora/2", input={"prompt": "../../evil"})
        fetched = folder.run(task=task, template="{model}-{prompt}{ext}")
        assert fetched.path == folder.path / "sora_2-evil.mp4"

    def test_a_hostile_id_stays_in_the_folder(self, folder: Folder, tmp_path: Path) -> None:
        fetched = folder.run(task=replace(TASK, id="../../evil"))
        assert fetched.path.parent == folder.path
        assert sorted(found.name for found in tmp_path.iterdir()) == ["files"]
