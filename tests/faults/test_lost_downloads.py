"""L2 to L12: whatever happens on the way, the right bytes or a clear error, and never a wrong file."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import contextlib
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Play
from tests.faults.console import CANARY, Console, leaks, unhurried, until
from tests.faults.server import Asked, Ephone, File, Hold, Script, Server, Step, answer, chunked, cut
from tests.harness import Done

HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"
BODY = HEAD + random.Random("old").randbytes(200_000)  # noqa: S311  # bytes, not secrets
OTHER = HEAD + random.Random("new").randbytes(200_000)  # noqa: S311  # as above; of the same length
HALF = 80_000


def once(first: Script, then: Script) -> Script:
    """One script for the first request, another for the rest."""
    left = [first]

    def script(asked: Asked) -> bytes | Iterable[Step]:
        return (left.pop() if left else then)(asked)

    return script


def cutting(file: File, after: int) -> Script:
    return lambda asked: cut(file(asked), after)


def part(folder: Path) -> Path:
    """The unfinished file in this folder."""
    (found,) = folder.glob("*.part")
    return found


def sizes(folder: Path) -> list[int]:
    """The sizes of the unfinished files in this folder."""
    with contextlib.suppress(FileNotFoundError):  # one was finished while we looked
        return sorted(path.stat().st_size for path in folder.glob("*.part"))
    return []


def finished(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith((".part", ".part.json")))


def recorded(taskctl: Console) -> dict[str, Any]:
    """What the history says of the task's file."""
    (task,) = taskctl("list", "-o", "json").json()["tasks"]
    output: dict[str, Any] = task["outputs"][0]
    return output


def download(taskctl: Console, body: bytes) -> None:
    """Run a download; it succeeds, the file has these bytes and is recorded so, and nothing unfinished is left."""
    done = taskctl("download", "task-1", "-o", "json")
    assert (done.code, finished(taskctl.cwd)) == (0, ["task-1-0.mp4"]), done.err
    assert_whole(taskctl, body, done.json()["tasks"][0]["outputs"][0])


def assert_whole(taskctl: Console, body: bytes, output: dict[str, Any]) -> None:
    path, sha256 = taskctl.cwd / "task-1-0.mp4", hashlib.sha256(body).hexdigest()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert sizes(taskctl.cwd) == []
    assert (output["file"], output["bytes"], output["sha256"]) == (str(path), len(body), sha256)


def leave(taskctl: Console, size: int, *, parts: int = 1) -> Done:
    """Run a download that is cut, and stop it as a CI system would while it waits for its next attempt."""
    run = taskctl.running("download", *(f"task-{number + 1}" for number in range(parts)), "--jobs", "64")
    until(lambda: sizes(taskctl.cwd) == [size] * parts, f"{parts} unfinished files of {size} bytes")
    return run.ended(signal.SIGTERM)


def test_L2_a_download_cut_ten_times_has_the_right_bytes(taskctl: Console, play: Play) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311  # other places each time; the seed is told where one is bad
    places = sorted(random.Random(seed).sample(range(1000, len(BODY)), 10))  # noqa: S311  # as above
    file = File(BODY)
    sent = 0
    for place in places:
        play.ephone.files = once(cutting(file, place - sent), lambda _: answer(503))
        done = leave(taskctl, place)
        assert (done.code, finished(taskctl.cwd)) == (143, []), f"seed {seed}"
        sent = place
    play.ephone.files = file
    done = taskctl("download", "task-1")
    assert done.code == 0, f"seed {seed}: {done.err}"
    assert (taskctl.cwd / "task-1-0.mp4").read_bytes() == BODY, f"seed {seed}"
    assert_whole(taskctl, BODY, recorded(taskctl))
    starts = [asked.start for asked in play.server.to("/files/task-1.mp4")]
    assert set(starts) == {None, *places}, f"seed {seed}"


def test_L2_a_cut_download_goes_on_within_the_same_run(taskctl: Console, play: Play) -> None:
    play.ephone.files = once(cutting(File(BODY), HALF), File(BODY))
    download(taskctl, BODY)
    assert [asked.start for asked in play.server.to("/files/task-1.mp4")] == [None, HALF]


FILES = {
    "same": (File(BODY), File(BODY)),
    "changed": (File(BODY), File(OTHER, etag='"v2"')),
    "no-etag": (File(BODY, etag=None), File(OTHER, etag=None)),
    "weak-etag": (File(BODY, etag='W/"v1"'), File(OTHER, etag='W/"v1"')),
}
"""The file of the cut attempt, and what the server has under the same link afterwards."""
OFFERS: dict[str, Callable[[File], bytes]] = {
    "206": lambda file: file.rest(HALF),
    "206-wrong-start": lambda file: file.rest(HALF - 100),
    "206-wrong-total": lambda file: file.rest(HALF, said=f"bytes {HALF}-{len(file.body) - 1}/{len(file.body) + 5}"),
    "200": lambda file: file.whole(),
    "416": lambda file: file.unsatisfiable(),
}
"""What it answers first when somebody comes back for the rest."""
MATRIX = [(file, offer) for file in FILES for offer in OFFERS]


@dataclass(frozen=True)
class Resumed:
    """How a run ended that went on with the unfinished files of all cases at once."""

    done: Done
    folder: Path
    starts: dict[str, list[int | None]]
    """By task, where the requests for its file began."""

    def case(self, file: str, offer: str) -> list[int | None]:
        """Where the requests of this case began, once it is sure that its file is right."""
        id_, body = case_id(file, offer), FILES[file][1].body
        path, sha256 = self.folder / f"{id_}-0.mp4", hashlib.sha256(body).hexdigest()
        (output,) = next(task["outputs"] for task in self.done.json()["tasks"] if task["id"] == id_)
        assert path.exists(), self.done.err
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert (output["file"], output["bytes"], output["sha256"]) == (str(path), len(body), sha256)
        assert not list(self.folder.glob(f"{id_}-*.part*"))
        return self.starts[id_]


def case_id(file: str, offer: str) -> str:
    return f"task-{MATRIX.index((file, offer)) + 1}"


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resumed]:
    """One run that is cut and killed, for all cases, and one that goes on where it was."""
    folder = tmp_path_factory.mktemp("halves")
    home, cwd = folder / "home", folder / "cwd"
    home.mkdir()
    cwd.mkdir()
    unhurried(home)
    cases = {case_id(file, offer): (FILES[file], OFFERS[offer]) for file, offer in MATRIX}
    scripts = {id_: once(cutting(before, HALF), lambda _: answer(503)) for id_, ((before, _), _) in cases.items()}
    ephone = Ephone(files=lambda asked: scripts[Path(asked.path).stem](asked))
    with Server(ephone) as server:
        environ = {"TASKCTL_API_KEY": CANARY, "TASKCTL_PROFILE": "ephone", "TASKCTL_BASE_URL": server.url}
        console = Console(home, cwd, environ)
        try:
            assert leave(console, HALF, parts=len(cases)).code == 143
            server.asked.clear()
            scripts |= {id_: once(answering(offer, now), now) for id_, ((_, now), offer) in cases.items()}
            done = console("download", *cases, "--jobs", "64", "-o", "json")
        finally:
            console.end()
        starts = {id_: [asked.start for asked in server.to(f"/files/{id_}.mp4")] for id_ in cases}
        yield Resumed(done, cwd, starts)
    assert leaks(CANARY, [folder], console.said, []) == []


def answering(offer: Callable[[File], bytes], file: File) -> Script:
    return lambda _: offer(file)


def test_L2_the_rest_of_the_same_file_is_appended(resumed: Resumed) -> None:
    assert resumed.case("same", "206") == [HALF]


def test_L2_to_L7_a_server_that_says_strange_things_first_costs_no_file(resumed: Resumed) -> None:
    assert (resumed.done.code, resumed.done.json()["errors"]) == (0, [])
    assert len(finished(resumed.folder)) == len(MATRIX)
    assert sizes(resumed.folder) == []


@pytest.mark.parametrize("offer", OFFERS)
def test_L3_a_file_that_changed_between_attempts_is_never_mixed(resumed: Resumed, offer: str) -> None:
    assert resumed.case("changed", offer) == ([HALF] if offer == "200" else [HALF, None])


def test_L4_a_server_that_ignores_the_range_gives_the_right_bytes(resumed: Resumed) -> None:
    assert resumed.case("same", "200") == [HALF]


def test_L5_a_rest_that_begins_elsewhere_is_not_appended(resumed: Resumed) -> None:
    assert resumed.case("same", "206-wrong-start") == [HALF, None]


def test_L6_a_rest_of_another_length_is_not_appended(resumed: Resumed) -> None:
    assert resumed.case("same", "206-wrong-total") == [HALF, None]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("file", ["no-etag", "weak-etag"])
def test_L6_without_a_strong_validator_nothing_is_asked_to_go_on(resumed: Resumed, file: str, offer: str) -> None:
    assert resumed.case(file, offer) == ([None] if offer == "200" else [None, None])


def test_L7_nothing_after_a_half_is_no_whole_file(resumed: Resumed) -> None:
    assert resumed.case("same", "416") == [HALF, None]


def test_L6_answers_that_never_fit_end_with_an_error(taskctl: Console, play: Play) -> None:
    play.ephone.files = lambda _: File(BODY).rest(HALF)
    done = taskctl("download", "task-1", "-o", "json")
    assert (done.code, finished(taskctl.cwd)) == (10, [])
    assert len(play.server.to("/files/task-1.mp4")) == 2
    assert "do not fit together" in done.err
    assert recorded(taskctl)["file"] is None


def test_L7_nothing_after_a_complete_file_means_that_it_is_there(taskctl: Console, play: Play) -> None:
    unending = answer(200, headers={"Content-Length": None, "Transfer-Encoding": "chunked", "ETag": '"v1"'})
    play.ephone.files = once(lambda _: unending + chunked(BODY), lambda _: answer(503))
    assert leave(taskctl, len(BODY)).code == 143
    assert finished(taskctl.cwd) == []
    play.ephone.files = lambda _: File(BODY).unsatisfiable()
    play.server.asked.clear()
    download(taskctl, BODY)
    assert [asked.start for asked in play.server.to("/files/task-1.mp4")] == [len(BODY)]


def test_L8_a_short_body_is_an_error_and_can_be_gone_on_with(taskctl: Console, play: Play) -> None:
    short = once(cutting(File(BODY), HALF), lambda _: answer(404))
    play.ephone.files = short
    done = taskctl("download", "task-1")
    assert (done.code, done.out, finished(taskctl.cwd)) == (10, "", []), done.err
    assert "task-1" in done.err
    assert part(taskctl.cwd).read_bytes() == BODY[:HALF]
    assert recorded(taskctl)["file"] is None
    play.ephone.files = File(BODY)
    download(taskctl, BODY)
    assert play.server.asked[-1].start == HALF


def unsized(body: bytes, **headers: object) -> bytes:
    """A body that ends where the connection does."""
    return answer(200, headers={"Content-Length": None, "Content-Type": "video/mp4", **headers}) + body


def test_L9_a_body_whose_length_nobody_can_verify_is_kept_and_that_is_said(taskctl: Console, play: Play) -> None:
    play.ephone.files = lambda _: unsized(BODY[:HALF])  # a cut that no client can see
    done = taskctl("download", "task-1", "-o", "json")
    assert done.code == 0, done.err
    assert_whole(taskctl, BODY[:HALF], done.json()["tasks"][0]["outputs"][0])
    assert "length" in done.err


def test_L9_a_body_in_chunks_that_lacks_its_end_is_no_file(taskctl: Console, play: Play) -> None:
    said = answer(200, headers={"Content-Length": None, "Transfer-Encoding": "chunked", "ETag": '"v1"'})
    play.ephone.files = once(lambda _: said + chunked(BODY[:HALF]), lambda _: answer(404))
    done = taskctl("download", "task-1")
    assert (done.code, finished(taskctl.cwd)) == (10, []), done.err
    assert part(taskctl.cwd).read_bytes() == BODY[:HALF]


class Signed:
    """A link that changes with each look, and of which only the latest is good."""

    def __init__(self, body: bytes) -> None:
        self.file = File(body)
        self.made = 0
        self.dead: set[str] = set()

    def links(self, _: str) -> list[str]:
        self.made += 1
        return [f"/files/task-1.mp4?sig={self.made}"]

    def files(self, asked: Asked) -> bytes:
        signature = asked.path.partition("sig=")[2]
        if signature in self.dead or int(signature) < self.made:
            return answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        if signature == "1":
            self.dead.add(signature)
            return cut(self.file(asked), HALF)
        return self.file(asked)


def test_L10_a_link_that_dies_half_way_is_asked_for_again_once(taskctl: Console, play: Play) -> None:
    signed = Signed(BODY)
    play.ephone.links, play.ephone.files = signed.links, signed.files
    download(taskctl, BODY)
    asked = play.server.to("/files/task-1.mp4")
    assert [(one.path[-5:], one.start) for one in asked] == [("sig=1", None), ("sig=1", HALF), ("sig=2", HALF)]
    assert play.looks == 2


def test_L10_links_that_are_all_dead_are_an_error_after_one_more_look(taskctl: Console, play: Play) -> None:
    play.ephone.links = lambda _: ["/files/task-1.mp4?sig=0"]
    play.ephone.files = lambda _: answer(403)
    done = taskctl("download", "task-1")
    assert (done.code, finished(taskctl.cwd)) == (10, [])
    assert (play.looks, len(play.server.to("/files/task-1.mp4"))) == (2, 2)
    assert "task-1" in done.err


def test_L10_a_page_in_place_of_the_file_is_a_dead_link(taskctl: Console, play: Play) -> None:
    page = answer(200, b"<!DOCTYPE html><title>expired</title>", {"Content-Type": "text/html"})
    play.ephone.files = once(lambda _: page, File(BODY))
    download(taskctl, BODY)
    assert play.looks == 2


BIG = HEAD + random.Random("big").randbytes(3 << 20)  # noqa: S311  # bytes, not secrets
ROOM = 2 << 20


def limited(size: int) -> list[str]:
    """Starts a command that can make no file larger than this: to it the disk is full."""
    script = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); "
    return [sys.executable, "-ISc", script + "os.execv(sys.argv[2], sys.argv[2:])", str(size)]


class Disk:
    """A folder whose disk can be filled."""

    def __init__(self, folder: Path, *, real: bool) -> None:
        self.folder = folder
        self._real = real

    def fill(self) -> list[str]:
        """Leave less room than the file needs; how to start a command so that this holds."""
        if not self._real:
            return limited(ROOM)
        free = shutil.disk_usage(self.folder).free
        (self.folder / "filler").write_bytes(bytes(free - ROOM))
        return []

    def clear(self) -> None:
        """Make room."""
        (self.folder / "filler").unlink(missing_ok=True)


@pytest.fixture
def disk(taskctl: Console) -> Iterator[Disk]:
    """A small disk of its own where we may mount one; else the system's, and a limit on the size of files."""
    folder = taskctl.cwd / "small"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if mount is None or umount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield Disk(folder, real=False)
        return
    try:
        yield Disk(folder, real=True)
    finally:
        subprocess.run([umount, str(folder)], check=True)


def test_L11_a_full_disk_keeps_what_arrived_and_a_later_run_finishes(taskctl: Console, play: Play, disk: Disk) -> None:
    file = File(BIG)
    play.ephone.files = lambda _: unsized(BIG, ETag='"v1"')  # so that nobody can know in time
    done = taskctl.running("download", "task-1", "--dir", "small", within=disk.fill()).ended()
    assert (done.code, set(finished(disk.folder)) - {"filler"}) == (10, set()), done.err
    assert "no room" in done.err
    kept = part(disk.folder).read_bytes()
    assert len(kept) > ROOM // 2
    assert BIG.startswith(kept)
    assert recorded(taskctl)["file"] is None
    play.ephone.files = file
    done = taskctl.running("download", "task-1", "--dir", "small", within=limited(ROOM)).ended()
    assert (done.code, part(disk.folder).read_bytes()) == (10, kept), done.err
    disk.clear()
    done = taskctl("download", "task-1", "--dir", "small", "--query", "tasks[0].outputs[0].sha256")
    assert (done.code, done.out.strip()) == (0, hashlib.sha256(BIG).hexdigest()), done.err
    assert play.server.asked[-1].start == len(kept)
    assert (disk.folder / "task-1-0.mp4").read_bytes() == BIG


def test_L11_a_limit_on_the_size_of_files_is_a_full_disk_too(taskctl: Console, play: Play) -> None:
    play.ephone.files = File(BIG)
    done = taskctl.running("download", "task-1", within=limited(ROOM)).ended()
    assert (done.code, finished(taskctl.cwd)) == (10, []), done.err
    assert "no room" in done.err
    assert sizes(taskctl.cwd) == [ROOM]
    download(taskctl, BIG)
    assert play.server.asked[-1].start == ROOM


def test_L11_a_full_device_for_the_manifest_or_stdout_costs_no_file(taskctl: Console, play: Play) -> None:
    play.ephone.files = File(BODY)
    onto_full = ["sh", "-c", 'exec "$@" >/dev/full', "sh"]
    for arguments, within in ((("--manifest", "/dev/full"), ()), ((), onto_full)):
        done = taskctl.running("download", "task-1", *arguments, within=within).ended()
        assert (done.code, done.out) == (10, "task-1-0.mp4\n" if arguments else ""), done.err
        assert "No space left" in done.err
        assert_whole(taskctl, BODY, recorded(taskctl))
        (taskctl.cwd / "task-1-0.mp4").unlink()


def test_L12_a_killed_download_leaves_no_short_file_and_goes_on(taskctl: Console, play: Play) -> None:
    file = File(BIG)
    play.ephone.files = lambda asked: [cut(file(asked), 1 << 20), Hold(threading.Event())]
    run = taskctl.running("download", "task-1")
    until(lambda: sum(sizes(taskctl.cwd)) > 0, "a growing file")
    assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
    assert finished(taskctl.cwd) == []
    kept = part(taskctl.cwd).stat().st_size
    play.ephone.files = file
    download(taskctl, BIG)
    assert play.server.asked[-1].start == kept
    assert_whole(taskctl, BIG, recorded(taskctl))


def all_arrived(folder: Path) -> bool:
    return sizes(folder) == [len(BIG)] or bool(finished(folder))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "the last byte was sent": lambda _: True,
    "all bytes are in the unfinished file": all_arrived,
    "the final name is there": lambda folder: bool(finished(folder)),
    "the unfinished file is gone": lambda folder: bool(finished(folder)) and not sizes(folder),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_L12_a_kill_around_the_rename_leaves_a_whole_file_or_none(taskctl: Console, play: Play, moment: str) -> None:
    last, file = threading.Event(), File(BIG)
    whole = file.whole()
    play.ephone.files = once(lambda _: [whole[:-1], Hold(last), whole[-1:]], file)
    run = taskctl.running("download", "task-1")
    until(lambda: sum(sizes(taskctl.cwd)) > 0, "an unfinished file")
    assert finished(taskctl.cwd) == []
    last.set()
    until(lambda: MOMENTS[moment](taskctl.cwd), moment)
    assert run.ended(signal.SIGKILL).code in (-signal.SIGKILL, 0)  # it may have been faster than we
    if finished(taskctl.cwd):
        assert (taskctl.cwd / "task-1-0.mp4").read_bytes() == BIG
    download(taskctl, BIG)
