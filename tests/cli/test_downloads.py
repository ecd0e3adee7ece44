import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskctl.net import hosts
from tests.harness import Asked, FakeProvider, Reply
from tests.inside import Inside

FILE = b"\x00\x00\x00\x20ftypisom" + bytes(6000)


class Films:
    """A provider of films: an answer for each task, and one for each file, made when they are asked for."""

    def __init__(self) -> None:
        self.fetched = threading.Event()
        self.server = FakeProvider(self.answer)
        self.files = [Reply(body=FILE, headers={"Content-Type": "video/mp4", "ETag": '"1"'})]
        self.link = "/files/{}.mp4"

    def answer(self, asked: Asked) -> Reply:
        kind, _, name = asked.path.removeprefix("/v1/").strip("/").partition("/")
        if kind == "files":
            self.fetched.set()
            return self.files.pop(0) if len(self.files) > 1 else self.files[0]
        return self.told(name)

    def told(self, name: str) -> Reply:
        """What the provider says of a task: it has completed."""
        return Reply(body={"id": name, "status": "completed", "outputs": [self.link.format(name)]})

    def asked(self, start: str) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path.startswith(start)]


@pytest.fixture
def films(inside: Inside) -> Iterator[Films]:
    films = Films()
    with films.server.serving():
        inside.environ |= {"TASKCTL_BASE_URL": films.server.url, "TASKCTL_API_KEY": "key-of-the-films"}
        yield films


def test_a_film_is_fetched_while_another_is_being_made(inside: Inside, films: Films) -> None:
    def told(name: str) -> Reply:
        if name == "late" and not films.fetched.is_set():
            return Reply(body={"id": name, "status": "processing"})
        return completed(name)

    completed, films.told = films.told, told  # type: ignore[method-assign]  # this provider's answers depend on it
    done = inside("wait", "-P", "ephone", "early", "late", "--download", "--interval", "50ms", "--timeout", "20s")
    assert (done.code, done.lines) == (0, ["early-0.mp4", "late-0.mp4"])
    assert Path(inside.cwd / "late-0.mp4").read_bytes() == FILE


def test_a_film_is_fetched_while_others_are_asked_for(inside: Inside, films: Films) -> None:
    def told(name: str) -> Reply:
        if name == "second":
            assert films.fetched.wait(10)
        return completed(name)

    completed, films.told = films.told, told  # type: ignore[method-assign]  # as above
    done = inside("download", "-P", "ephone", "first", "second")
    assert (done.code, done.lines) == (0, ["first-0.mp4", "second-0.mp4"])


@pytest.mark.usefixtures("films")
def test_each_film_is_on_record_with_what_it_is(inside: Inside) -> None:
    inside("download", "-P", "ephone", "a", "b", "--jobs", "1")
    for task in inside("list", "-o", "json").json()["tasks"]:
        (output,) = task["outputs"]
        assert output["file"] == str(inside.cwd / f"{task['id']}-0.mp4")
        assert (output["bytes"], output["sha256"]) == (len(FILE), hashlib.sha256(FILE).hexdigest())


def test_a_server_that_is_down_is_given_up_for_all_its_films(
    inside: Inside, films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "MOST", 1)
    films.files = [Reply(status=503)]
    names = [f"film-{number}" for number in range(6)]
    done = inside("download", "-P", "ephone", *names, "--jobs", "1", "-o", "json")
    assert done.code == 6
    assert len(films.asked("/files/")) == 1
    errors = done.json()["errors"]
    assert [error["task"] for error in errors] == names
    assert all("HTTP 503" in error["message"] for error in errors)


def test_what_a_server_asks_for_is_waited_for(inside: Inside, films: Films) -> None:
    films.files.insert(0, Reply(status=503, headers={"Retry-After": "0"}))
    done = inside("download", "-P", "ephone", "a")
    assert (done.code, len(films.asked("/files/"))) == (0, 2)


def test_a_film_that_is_cut_again_and_again_arrives_where_each_time_some_of_it_does(
    inside: Inside, films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskctl.net.hosts.after_misses", lambda *_: 0.0)
    cuts = 9

    def answer(asked: Asked) -> Reply:
        if not asked.path.startswith("/files/"):
            return films.told("a")
        start = int(asked.headers.get("range", "bytes=0-")[6:-1])
        ranged = {"Content-Range": f"bytes {start}-{len(FILE) - 1}/{len(FILE)}"} if start else {}
        headers = {"Content-Type": "video/mp4", "ETag": '"1"', **ranged}
        rest = Reply(status=206 if start else 200, body=FILE[start:], headers=headers)
        return rest if start >= cuts * 600 else Reply(**{**vars(rest), "cut": 800})

    films.server.answer = answer
    done = inside("download", "-P", "ephone", "a")
    assert (done.code, (inside.cwd / "a-0.mp4").read_bytes()) == (0, FILE)
    assert len(films.asked("/files/")) > 6
