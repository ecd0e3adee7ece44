"""L13 to L20: signals, closed pipes, crowds, broken files, full disks and wrong clocks lose nothing that was paid."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import pytest
import time_machine

from taskctl.flow import following
from taskctl.model import State, Task
from taskctl.store.history import History
from tests.conftest import FakeClock
from tests.faults.conftest import Play, Serve
from tests.faults.console import Console
from tests.faults.server import Asked, File, Hold, Server, Step, answer, json_answer
from tests.faults.words import FULL, ending_within, impatient, quick
from tests.flow.world import World
from tests.harness import SCRIPT, Done
from tests.inside import Inside

FILE = File(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(5000))
SUBMIT = ("submit", "-m", "m", "prompt=a dog")


def database(taskctl: Console) -> Path:
    return taskctl.home / ".local/state/taskctl/history.db"


def record(taskctl: Console) -> Path:
    """The second record of what may have been paid."""
    return database(taskctl).with_name("intents.jsonl")


def posts(server: Server, path: str = "/v1/task/submit") -> int:
    return sum(asked.method == "POST" for asked in server.to(path))


def wrapped(*words: str, within: str) -> list[str]:
    """Starts a command by this line of shell, in which "$@" is the command; these words are $0 and its companions."""
    return ["sh", "-c", within, *(words or ("sh",))]


class Bytespike:
    """A provider that can cancel: whoever is tempted to cancel can."""

    def __init__(self) -> None:
        self.state = "running"
        self.holds: Event | None = None
        """Looks are not answered until this is set."""

    def __call__(self, asked: Asked) -> bytes | Iterable[Step]:
        task = {"task_id": "task-1", "status": self.state, "output": ["https://cdn.example/a.mp4"]}
        match asked.path:
            case "/v1/tasks/submit":
                return json_answer({"task_id": "task-1", "status": "pending"})
            case "/v1/tasks/query":
                held = [] if self.holds is None else [Hold(self.holds)]
                return [*held, json_answer(task)]
        return answer(404)


@pytest.mark.parametrize("moment", ["while a look hangs", "between two looks", "in the wait of a submit"])
def test_L13_sigterm_ends_a_wait_and_not_the_task(taskctl: Console, serve: Serve, moment: str) -> None:
    bytespike = Bytespike()
    server = serve(bytespike, trusted=True)
    taskctl.environ |= {"TASKCTL_BASE_URL": server.url, "TASKCTL_PROFILE": "bytespike"}
    if moment == "while a look hangs":
        bytespike.holds = Event()
    if moment == "in the wait of a submit":
        run = taskctl.running(*SUBMIT, "--wait", "--interval", "0.05")
    else:
        assert quick(taskctl)(*SUBMIT).code == 0
        run = taskctl.running("wait", "task-1", "--interval", "0.05" if bytespike.holds else "30")
    server.wait_for(3)  # the submission, the stream that is refused, and a look
    done = run.ended(signal.SIGTERM)
    assert (done.code, done.out) == (143, ""), done
    assert "resume with: taskctl wait" in done.err
    resumed = re.search(r"resume with: taskctl (.*)", done.err)
    assert resumed is not None
    assert [asked.path for asked in server.asked if "cancel" in asked.path or asked.method == "DELETE"] == []
    bytespike.state, bytespike.holds = "completed", None
    done = quick(taskctl)(*resumed[1].split())
    assert (done.code, done.lines) == (0, ["https://cdn.example/a.mp4"])
    assert posts(server, "/v1/tasks/submit") == 1


@pytest.mark.parametrize("gap", [0, 0.0015])
def test_L13_a_runner_that_cancels_a_job_interrupts_first_and_terminates_then(
    taskctl: Console, play: Play, gap: float
) -> None:
    held = Event()
    play.server.script = lambda _: [Hold(held), json_answer({"id": "task-1", "status": "queued"})]
    run = taskctl.running("wait", "task-1")
    play.server.wait_for(1)
    run.process.send_signal(signal.SIGINT)
    time.sleep(gap)  # so that the second signal comes while the first is being obeyed
    run.process.send_signal(signal.SIGTERM)
    assert run.ended().code in (130, 143, -signal.SIGTERM)  # the last where the interpreter was ending already


def test_L13_sigterm_while_a_submission_has_no_answer_leaves_it_unconfirmed(taskctl: Console, play: Play) -> None:
    held = Event()
    play.server.script = lambda _: [Hold(held), json_answer({"id": "task-1", "status": "queued"})]
    run = taskctl.running(*SUBMIT, "--key", "shot-1")
    play.server.wait_for(1)
    done = run.ended(signal.SIGTERM)
    assert done.code == 143, done.err
    assert "reconcile -P ephone --key shot-1" in done.err
    done = quick(taskctl)(*SUBMIT, "--key", "shot-1")
    assert (done.code, posts(play.server)) == (9, 1), done.err


def filled(taskctl: Console, rows: int) -> None:
    """A history of so many tasks, more than a pipe takes."""
    tasks = [
        Task(
            id=f"old-{number}",
            key=None,
            profile="ephone",
            dialect="ephone",
            base_url="https://other.example",
            input={"prompt": "x" * 500},
        )
        for number in range(rows)
    ]
    with History.open(database(taskctl), clock=FakeClock()) as history:
        history.record_all(tasks)


@pytest.mark.parametrize("arguments", [SUBMIT, ("wait", "task-1"), ("download", "task-1"), ("status", "task-1")])
def test_L14_a_pipe_without_a_reader_costs_nothing_that_was_done(
    taskctl: Console, play: Play, arguments: tuple[str, ...]
) -> None:
    play.ephone.files = FILE
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        ended = subprocess.run(
            [SCRIPT, *arguments], stdout=pipe, stderr=subprocess.PIPE, env=taskctl.env(), cwd=taskctl.cwd, check=False
        )
    taskctl.said.append(ended.stderr.decode())
    assert (ended.returncode, b"Traceback" in ended.stderr) == (141, False), ended.stderr
    (row,) = quick(taskctl)("list", "-o", "json").json()["tasks"]
    assert row["id"] == "task-1"
    if arguments[0] == "download":
        assert Path(row["outputs"][0]["file"]).read_bytes() == FILE.body


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_L14_a_list_whose_reader_has_enough_ends_quietly(taskctl: Console, unbuffered: str) -> None:
    filled(taskctl, 400)
    listing = subprocess.Popen(
        [SCRIPT, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=taskctl.env(PYTHONUNBUFFERED=unbuffered)
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    with listing.stdout, listing.stderr:
        assert listing.stdout.readline().startswith(b"old-")
        listing.stdout.close()
        assert (listing.wait(), listing.stderr.read()) == (141, b"")


def test_L14_talk_that_nobody_hears_costs_no_data(taskctl: Console, play: Play) -> None:
    play.ephone.files = FILE
    within = wrapped(within='exec "$@" 2>/dev/full')
    done = taskctl.running("submit", "-m", "m", "prompt=x", "--wait", "--download", within=within).ended()
    assert (done.code, done.lines) == (0, ["task-1-0.mp4"])


WRITERS = 16
EACH = 50 if FULL else 4
SUBMITTING = """
import os, sys
from taskctl.cli.main import main
print("ready", file=sys.stderr, flush=True)
os.read(0, 1)
codes = {main(["submit", "-m", "m", "prompt=x"]) for _ in range(int(sys.argv[1]))}
sys.stdout.flush()
sys.exit(max(codes))
"""


def test_L15_sixteen_processes_begin_one_history_and_lose_nothing(taskctl: Console, play: Play) -> None:
    numbers = iter(range(10**6))

    def script(_: Asked) -> bytes:
        return json_answer({"id": f"task-{next(numbers):04}", "status": "queued"})

    play.server.script = script
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SUBMITTING, str(EACH)]
    crowd = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=taskctl.env(), cwd=taskctl.cwd, text=True)
        for _ in range(WRITERS)
    ]
    for one in crowd:
        assert one.stderr is not None
        assert one.stderr.readline() == "ready\n"
    for one in crowd:  # all are loaded: they begin together
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=570 if FULL else 60) for one in crowd]
    assert [one.returncode for one in crowd] == [0] * WRITERS, told
    printed = sorted(line for out, _ in told for line in out.splitlines())
    listed = quick(taskctl)("list", "-o", "json").json()["tasks"]
    assert len(printed) == WRITERS * EACH == posts(play.server)
    assert sorted(task["id"] for task in listed) == printed
    assert {task["state"] for task in listed} == {"queued"}
    with closing(sqlite3.connect(database(taskctl))) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    if record(taskctl).exists():
        lines = record(taskctl).read_text().splitlines()
        assert sum("intent" in json.loads(line) for line in lines) == WRITERS * EACH


# What is done to a history; each is damage of its own kind.
def garbage(_: bytes) -> bytes:
    return b"\x00garbage\xff" * 5000


def text(_: bytes) -> bytes:
    return b"# not a database\n"


def zeros(content: bytes) -> bytes:
    return bytes(len(content))


def empty(_: bytes) -> bytes:
    return b""


def beheaded(content: bytes) -> bytes:
    return b"SQLite format 4\x00" + content[16:]


def holed(content: bytes) -> bytes:
    """The header is whole, and what comes behind the first page is noise."""
    return content[:4096] + b"\xa5" * (len(content) - 4096)


def truncated(share: float, less: int = 0) -> Callable[[bytes], bytes]:
    def cutting(content: bytes) -> bytes:
        return content[: max(1, int(len(content) * share) - less)]

    return cutting


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    **{one.__name__: one for one in (garbage, zeros, empty, beheaded, holed)},
    "one byte": lambda content: content[:1],
    "half a header": lambda content: content[:50],
    "a page": lambda content: content[:4096],
    "a page and some": lambda content: content[:5000],
    **{f"truncated at {tenth}0 %": truncated(tenth / 10) for tenth in (range(1, 10) if FULL else (2, 5, 8))},
    "the last byte": truncated(1, 1),
    "the last page": truncated(1, 4096),
}
if FULL:
    DAMAGES |= {"text": text, "a header": lambda content: content[:100], "a page and a byte": truncated(1, 4097)}


class Paid:
    """A history of one task that runs and of one submission whose answer was lost."""

    def __init__(self, taskctl: Console, play: Play) -> None:
        self.inside = quick(taskctl)
        self.play = play
        self.path = database(taskctl)
        assert self.inside(*SUBMIT, "--key", "shot-1").lines == ["task-1"]
        play.server.script = lambda _: b""
        assert self.inside("submit", "-m", "m", "prompt=lost", "--key", "shot-2").code == 9
        play.server.script = play.ephone
        with closing(sqlite3.connect(self.path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode = DELETE")

    def damage(self, how: Callable[[bytes], bytes]) -> bytes:
        for companion in ("-wal", "-shm"):
            Path(f"{self.path}{companion}").unlink(missing_ok=True)
        self.path.write_bytes(broken := how(self.path.read_bytes()))
        return broken

    def again(self, *arguments: str) -> Done:
        """A run; where it finds damage only in its middle, it may ask to be run again."""
        done = self.inside(*arguments)
        if done.code == 3:
            assert "run the command again" in done.err, done.err
            done = self.inside(*arguments)
        return done

    def kept(self) -> list[bytes]:
        """What was moved aside."""
        return [path.read_bytes() for path in self.path.parent.glob("history.db?corrupt*") if path.suffix != ".lock"]

    def is_safe(self) -> None:
        """Both are known, and nothing is sent a second time."""
        rows = {task["id"] or task["key"]: task for task in self.again("list", "-o", "json").json()["tasks"]}
        assert {*rows} == {"task-1", "shot-2"}
        assert rows["shot-2"]["state"] == "unconfirmed"
        before = posts(self.play.server)
        assert self.again(*SUBMIT, "--key", "shot-1").lines == ["task-1"]
        assert self.again("submit", "-m", "m", "prompt=lost", "--key", "shot-2").code == 9
        assert self.again("reconcile").code == 9
        assert posts(self.play.server) == before == 2
        assert self.again("wait", "task-1").lines == [f"{self.play.server.url}/files/task-1.mp4"]


@pytest.fixture
def paid(taskctl: Console, play: Play) -> Paid:
    return Paid(taskctl, play)


@pytest.mark.parametrize("damage", DAMAGES)
def test_L16_a_damaged_history_is_moved_aside_and_what_was_paid_is_found_again(paid: Paid, damage: str) -> None:
    broken = paid.damage(DAMAGES[damage])
    first = paid.inside("list")
    paid.is_safe()
    with closing(sqlite3.connect(paid.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    usable = not paid.kept() and "begins anew" not in first.err
    if not usable and len(broken) > 1:  # SQLite takes no byte, and one, for a history that is yet to begin
        assert broken[100:] in [kept[100:] for kept in paid.kept()], "it is kept; SQLite may have marked its header"
        assert "is kept as" in first.err
    assert usable is (damage == "the last byte"), "SQLite needs no padding behind its last entry"
    assert usable or "history" in first.err
    assert usable or "warning: " in first.err or first.code == 3


def test_L16_a_truncated_log_loses_no_submission(taskctl: Console, play: Play) -> None:
    paid = Paid(taskctl, play)
    with closing(sqlite3.connect(paid.path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE task SET model = 'other'")
        db.execute("COMMIT")
        log = Path(f"{paid.path}-wal").read_bytes()
    Path(f"{paid.path}-wal").write_bytes(log[: len(log) // 2])
    Path(f"{paid.path}-shm").unlink(missing_ok=True)
    paid.is_safe()


@pytest.mark.parametrize("broken", [b"", b"\x00\xff garbage\n", b'{"intent": {"key": 5}, "at": 0}\n', b"[" * 99_999])
def test_L16_lines_of_the_record_that_are_broken_hide_no_others(paid: Paid, taskctl: Console, broken: bytes) -> None:
    path = record(taskctl)
    content = path.read_bytes()
    first, rest = content.split(b"\n", 1)
    path.write_bytes(first + b"\n" + broken + b"\n" + rest + b'{"intent": {"key": "half')
    paid.damage(garbage)
    paid.is_safe()
    paid.play.ephone.id = "task-3"
    assert paid.inside("submit", "-m", "m", "prompt=a third", "--key", "shot-3").code == 0
    paid.damage(garbage)
    listed = paid.again("list", "-o", "json").json()["tasks"]
    assert "task-3" in {task["id"] for task in listed}, "what follows an unfinished line is read"


def test_L16_two_keys_that_became_one_task_are_found_again(paid: Paid) -> None:
    assert paid.inside("submit", "-m", "m", "prompt=a third", "--key", "shot-3").lines == ["task-1"]
    paid.damage(garbage)
    listed = paid.again("list", "-o", "json").json()["tasks"]
    assert {task["id"] or task["key"] for task in listed} == {"task-1", "shot-2"}


def test_L16_the_record_alone_is_enough(paid: Paid) -> None:
    paid.path.unlink()
    paid.is_safe()


def test_L16_what_was_forgotten_stays_forgotten(paid: Paid, taskctl: Console) -> None:
    assert paid.inside("history", "forget", "task-1", "--yes").code == 0
    assert b"task-1" not in record(taskctl).read_bytes()
    paid.damage(garbage)
    assert [task["key"] for task in paid.again("list", "-o", "json").json()["tasks"]] == ["shot-2"]


SYNCED = """
import os
_fsync = os.fsync
def fsync(descriptor):
    _fsync(descriptor)
    name = os.readlink(f"/proc/self/fd/{int(descriptor)}")
    with open(os.environ["SYNCED"], "a") as told:
        told.write(f"{name} {os.fstat(descriptor).st_size}\\n")
os.fsync = fsync
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to tell what was synced")
def test_L16_the_record_is_on_the_disk_before_the_request_leaves(taskctl: Console, play: Play, tmp_path: Path) -> None:
    hooks, synced = tmp_path / "hooks", tmp_path / "synced"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(SYNCED)
    seen: list[tuple[bytes, str]] = []

    def script(_: Asked) -> bytes:
        seen.append((record(taskctl).read_bytes(), synced.read_text()))
        return json_answer({"id": "task-1", "status": "queued"})

    play.server.script = script
    done = taskctl(*SUBMIT, "--key", "shot-1", PYTHONPATH=str(hooks), SYNCED=str(synced))
    assert done.code == 0, done.err
    ((content, told),) = seen
    assert b"shot-1" in content
    assert f"{record(taskctl)} {len(content)}" in told.splitlines()


@pytest.mark.parametrize("whose", ["a newer taskctl", "another program"])
def test_L16_what_is_no_damage_is_refused_and_left_alone(paid: Paid, whose: str) -> None:
    with closing(sqlite3.connect(paid.path)) as db:
        db.execute("PRAGMA user_version = 4711" if whose == "a newer taskctl" else "PRAGMA application_id = 4711")
    before, there = paid.path.read_bytes(), {path.name for path in paid.path.parent.iterdir()}
    for arguments in (("list",), SUBMIT, ("wait", "task-1"), ("reconcile",), ("history", "prune", "--before", "1d")):
        done = paid.inside(*arguments)
        assert done.code in ((3,) if arguments[0] != "history" else (2, 3)), done.err
        assert arguments[0] == "history" or whose in done.err
    assert paid.path.read_bytes() == before
    assert {path.name for path in paid.path.parent.iterdir()} == there
    assert posts(paid.play.server) == 2


def dotted(part: str, number: int = 20_000) -> bytes:
    return ".".join([part] * number).encode() + b" = 1\n"


ESCAPED = rb'"\"a"'
TOMLS: dict[str, tuple[bytes, str]] = {
    "broken": (b'default = "a"\n[profiles.a\n', "line 2"),
    "a value cut short": (b'default = "a', "end of document"),
    "a key twice": (b'default = "a"\ndefault = "b"\n', "line 2"),
    "no UTF-8": (b'default = "\xff"\n', "byte 11"),
    "a NUL": (b'default = "a\x00"\n', "line 1"),
    "nested lists": (b"default = " + b"[" * 50_000, "nested"),
    "nested tables": (b"default = " + b"{a = " * 20_000, "nested"),
    "a number of 5,000 digits": (b"default = " + b"9" * 5000 + b"\n", "TOML"),
    "oversized": (b"# " + b"x" * 300_000 + b"\n", "256 KiB"),
    "a key of 20,000 parts": (dotted("a"), "line 1"),
    "a header of 20,000 parts": (b"\n[" + dotted("a")[:-5] + b"]\n", "line 2"),
    "a spaced key of 20,000 parts": (dotted(" a "), "line 1"),
    "a quoted key of 20,000 parts": (dotted('"a b"'), "line 1"),
    "a literal key of 20,000 parts": (dotted("'a'"), "line 1"),
    "a key of 20,000 parts with quotes in them": (dotted(ESCAPED.decode()), "line 1"),
    "a key of 20,000 parts in a table": (b"default = {" + dotted("a")[:-1] + b"}\n", "line 1"),
    "a list of tables of 20,000 parts": (b"[[" + dotted("a")[:-5] + b"]]\n", "line 1"),
    "an unknown key": (b'default = "a"\ncolour = "red"\n', "colour"),
    "a wrong type": (b'[profiles.a]\ndialect = "ephone"\nrate = "fast"\n', "profiles.a.rate"),
    "a folder": (b"", "directory"),
}


@pytest.mark.parametrize("kind", TOMLS)
def test_L17_a_config_file_that_cannot_be_read_is_told_of_and_left_alone(taskctl: Console, kind: str) -> None:
    content, where = TOMLS[kind]
    path = taskctl.home / ".config/taskctl/config.toml"
    path.parent.mkdir(parents=True)
    if kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    add = ("profile", "add", "studio", "--dialect", "ephone", "--key-stdin", "--base-url", "https://gw.example")
    for arguments, stdin in ((("profile", "list"), ""), (SUBMIT, ""), (add, "sk-another-key-0123")):
        began = time.monotonic()
        done = quick(taskctl)(*arguments, stdin=stdin)
        assert time.monotonic() - began < 2
        assert done.code == 3, done
        assert str(path) in done.err
        assert where in done.err
        assert len(done.err) < 2000
    assert kind == "a folder" or path.read_bytes() == content
    assert {one.name for one in path.parent.iterdir()} <= {"config.toml", "config.toml.lock"}


@pytest.mark.parametrize("kind", [kind for kind in TOMLS if kind != "a folder"])
def test_L17_a_dialect_that_cannot_be_read_is_told_of(taskctl: Console, kind: str) -> None:
    content, where = TOMLS[kind]
    path = taskctl.home / ".config/taskctl/dialects/own.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for arguments in (("dialect", "check", str(path)), ("submit", "-P", "own", "-m", "m", "prompt=x")):
        began = time.monotonic()
        done = quick(taskctl)(*arguments)
        assert time.monotonic() - began < 2
        assert (done.code, str(path) in done.err) == (3, True), done
        assert where in done.err or kind in ("an unknown key", "a wrong type")
    assert path.read_bytes() == content


READ_ONLY = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
FULL_DISK = 'mount -t tmpfs -o size="$1" none "$0" && shift && exec "$@"'


def may_mount() -> bool:
    """Whether this user may give a command disks of its own."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("home", ["below a file", "in /proc", "read-only", "missing"])
def test_L18_without_a_place_for_the_record_nothing_is_sent(
    taskctl: Console, play: Play, home: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    within: list[str] = []
    more = {"HOME": {"below a file": f"{tmp_path}/file/home", "in /proc": "/proc/self/home"}.get(home, "/mnt")}
    if home == "missing":
        more = {"HOME": "", "TASKCTL_HISTORY": "/proc/nowhere/history.db"}
    if home == "read-only":
        if not may_mount():
            pytest.skip("mounting a read-only disk needs rights that this user has not")
        within = ["unshare", "-m", *wrapped("/mnt", within=READ_ONLY)]
    done = taskctl.running(*SUBMIT, within=within, **more).ended()
    assert (done.code, play.server.connections) == (3, 0), done
    assert "nothing was sent" in done.err
    done = taskctl.running("status", "task-1", "-o", "json", within=within, **more).ended()
    assert (done.code, done.json()["tasks"][0]["state"]) == (0, "completed"), done
    assert "warning: the history cannot be written" in done.err


@pytest.mark.parametrize("kib", [4, 64, 128, 256])
def test_L18_a_disk_without_room_for_the_record_is_found_out_before_the_request(
    taskctl: Console, play: Play, kib: int
) -> None:
    if not may_mount():
        pytest.skip("mounting a small disk needs rights that this user has not")
    within = ["unshare", "-m", *wrapped("/mnt", within=FULL_DISK), f"{kib}k"]
    done = taskctl.running(*SUBMIT, within=within, HOME="/mnt").ended()
    if kib <= 64:
        assert (done.code, play.server.connections) == (3, 0), done
    elif done.code == 0:
        assert (done.lines, posts(play.server)) == (["task-1"], 1)
    else:  # nothing was sent, or what was sent is told of by its id
        assert done.code == 3, done
        assert posts(play.server) == 0 or "task-1" in done.err


def test_L18_a_disk_that_fills_up_later_is_found_out_too(taskctl: Console, play: Play) -> None:
    if not may_mount():
        pytest.skip("mounting a small disk needs rights that this user has not")
    assert quick(taskctl)(*SUBMIT).code == 0
    copied = 'mount -t tmpfs -o size=512k none /mnt && cp -a "$0/.local" /mnt && '
    within = copied + '{ dd if=/dev/zero of=/mnt/filler bs=1k 2>/dev/null; exec "$@"; }'
    done = taskctl.running(
        *SUBMIT, within=["unshare", "-m", *wrapped(str(taskctl.home), within=within)], HOME="/mnt"
    ).ended()
    assert (done.code, posts(play.server)) == (3, 1), done


def submitted_in_time(taskctl: Console, play: Play, first: bytes) -> float:
    """Seconds between two submissions, the first of which is refused with 429."""
    times: list[float] = []

    def script(_: Asked) -> bytes:
        times.append(time.monotonic())
        return first if len(times) == 1 else json_answer({"id": "task-1", "status": "queued"})

    play.server.script = script
    done = quick(taskctl)(*SUBMIT)
    assert (done.code, done.lines, len(times)) == (0, ["task-1"], 2), done.err
    return times[1] - times[0]


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_L19_a_date_to_wait_for_counts_from_the_servers_own_clock(taskctl: Console, play: Play, days: int) -> None:
    there = datetime.now(UTC) + timedelta(days=days)
    headers = {
        "Date": format_datetime(there, usegmt=True),
        "Retry-After": format_datetime(there + timedelta(seconds=2), usegmt=True),
    }
    assert 1.5 < submitted_in_time(taskctl, play, answer(429, b"{}", headers)) < 10


class Aging:
    """A provider whose task goes on for some looks; `on_look` is called with the number of each."""

    def __init__(self, looks: int, on_look: Callable[[int], object]) -> None:
        self.left = looks
        self.looks = 0
        self.on_look = on_look
        self.created: int | None = None

    def __call__(self, asked: Asked) -> bytes:
        if asked.method == "POST":
            return json_answer({"id": "task-1", "status": "queued"})
        self.looks += 1
        self.on_look(self.looks)
        state = "in_progress" if self.looks < self.left else "completed"
        told = {"id": "task-1", "status": state, "outputs": ["https://cdn.example/a.mp4"]}
        return json_answer(told if self.created is None else {**told, "created_at": self.created})


@pytest.mark.parametrize("hours", [-24, 24])
def test_L19_a_clock_that_jumps_during_a_wait_neither_ends_nor_prolongs_it(
    taskctl: Console, play: Play, hours: int
) -> None:
    with ending_within(20), time_machine.travel(datetime.now(UTC), tick=True) as clock:
        aging = Aging(4, lambda look: clock.shift(timedelta(hours=hours)) if look == 2 else None)
        play.server.script = aging
        inside = quick(taskctl)
        assert inside(*SUBMIT).code == 0
        began = time.monotonic()
        done = inside("wait", "task-1", "--interval", "0.05", "--rate", "100", "--timeout", "30", "--stall", "20")
        assert (done.code, done.lines, aging.looks) == (0, ["https://cdn.example/a.mp4"], 4), done.err
        assert time.monotonic() - began < 5
    (task,) = inside("list", "-o", "json").json()["tasks"]
    assert task["took_seconds"] is None or task["took_seconds"] >= 0


@pytest.mark.parametrize("hours", [-24, 24])
def test_L19_a_clock_that_jumps_does_not_move_the_deadline(taskctl: Console, play: Play, hours: int) -> None:
    with ending_within(20), time_machine.travel(datetime.now(UTC), tick=True) as clock:
        play.server.script = Aging(200, lambda look: clock.shift(timedelta(hours=hours)) if look == 2 else None)
        began = time.monotonic()
        with impatient():
            done = quick(taskctl)("wait", "task-1", "--interval", "0.05", "--rate", "100", "--timeout", "0.5")
        assert (done.code, 0.4 < time.monotonic() - began < 5) == (8, True), done.err


@pytest.mark.parametrize("days", [-1, 1])
def test_L19_a_wrong_clock_changes_neither_verdict_nor_pace(tmp_path: Path, days: int) -> None:
    """The provider's clock is wrong by a day, or ours is: a task that runs a minute is asked about as always."""
    looks = {0: 0, days: 0}
    for wrong in looks:
        world = World(tmp_path / str(wrong), FakeClock())
        world.folder.mkdir()
        created = int((world.clock.now() + timedelta(days=wrong)).timestamp())
        asked: list[float] = []

        def provider(request: httpx2.Request, created: int = created, asked: list[float] = asked) -> httpx2.Response:
            told = {"id": "task-1", "status": "queued", "created_at": created}
            if request.method == "GET":
                asked.append(world.clock.monotonic())  # noqa: B023  # called within this round alone
                told["status"] = "in_progress" if asked[-1] < 60 else "completed"
            return httpx2.Response(200, json=told)

        world.submit(provider, "ephone")
        outcome = world.run(
            provider, lambda runtime: following.wait(runtime, runtime.history.tasks(), following.Patience(timeout=600))
        )
        assert [task.state for task in outcome.tasks] == [State.COMPLETED]
        looks[wrong] = len(asked)
    assert looks[days] >= looks[0] / 2, "a wrong clock must not make us look away"
    assert looks[days] <= looks[0] * 2


def wait_for(inside: Inside, play: Play, *states: Any, timeout: str = "20") -> Done:
    """How a wait ends for a task of which these states are told in turn; the last one stays."""
    left = list(states)

    def script(_: Asked) -> bytes:
        told = left.pop(0) if len(left) > 1 else left[0]
        return json_answer({"id": "task-1", "status": told, "outputs": ["https://cdn.example/a.mp4"]})

    play.server.script = script
    with impatient():
        return inside("wait", "task-1", "--interval", "0.01", "--rate", "1000", "--timeout", timeout)


@pytest.mark.parametrize("word", ["cancelled", "CANCELLED", "Canceled", " cancelled\n", "CaNcElLeD"])
def test_L20_a_cancelled_task_ends_however_it_is_written(taskctl: Console, play: Play, word: str) -> None:
    inside = quick(taskctl)
    assert wait_for(inside, play, "queued", word).code == 7
    (task,) = inside("list", "-o", "json").json()["tasks"]
    assert task["state"] == "cancelled"


@pytest.mark.parametrize("word", ["completed", "COMPLETED", "Completed", " completed "])
def test_L20_a_completed_task_ends_however_it_is_written(taskctl: Console, play: Play, word: str) -> None:
    assert wait_for(quick(taskctl), play, "IN_PROGRESS", word).code == 0


@pytest.mark.parametrize("word", ["paused", "EXPIRED", "expired", "完了", "-", 7, "none", "unconfirmed", "x" * 9999])
def test_L20_a_word_that_nobody_knows_is_told_of_once_and_waited_on(taskctl: Console, play: Play, word: object) -> None:
    inside = quick(taskctl)
    done = wait_for(inside, play, "queued", word, word, "queued", word, "completed")
    assert done.code == 0, done.err
    assert done.err.count("warning: ") == 1, done.err
    assert str(word)[:150] in done.err
    done = wait_for(quick(taskctl), play, "completed")
    assert done.code == 0


@pytest.mark.parametrize("word", [None, "", "  ", [], {}, True, ["completed"], {"completed": 1}, "\u0000", 1.5])
def test_L20_what_is_no_word_ends_nothing(taskctl: Console, play: Play, word: object) -> None:
    inside = quick(taskctl)
    done = wait_for(inside, play, "queued", word, timeout="0.3")
    assert done.code == 8, done.err
    assert wait_for(inside, play, word, "completed").code == 0


def test_L20_unknown_for_ever_is_still_running_when_patience_ends(taskctl: Console, play: Play) -> None:
    inside = quick(taskctl)
    done = wait_for(inside, play, "paused", timeout="0.3")
    assert done.code == 8, done.err
    assert inside("status", "task-1", "--exit-status").code == 8
    (task,) = inside("list", "-o", "json").json()["tasks"]
    assert (task["state"], task["provider_state"]) == ("unknown", "paused")


@pytest.mark.parametrize("dialect", ["ephone", "evolink", "bytespike", "yescale", "moneyprinterturbo"])
def test_L20_a_task_that_its_provider_has_forgotten_has_expired(clock: FakeClock, tmp_path: Path, dialect: str) -> None:
    world = World(tmp_path, clock)
    ids = {"id": "task-1", "task_id": "task-1", "status": "queued", "data": {"task_id": "task-1"}}
    model = {"model": None} if dialect == "moneyprinterturbo" else {}

    def provider(request: httpx2.Request) -> httpx2.Response:
        known = request.method == "POST" and "query" not in request.url.path and "batch" not in request.url.path
        return httpx2.Response(200 if known else 404, json=ids if known else {"message": "task not found"})

    world.submit(provider, dialect, **model)
    clock.passed += 60
    outcome = world.run(
        provider, lambda runtime: following.wait(runtime, runtime.history.tasks(), following.Patience(timeout=600))
    )
    ((task,), (error,)) = outcome.tasks, outcome.errors
    assert (task.state, task.error and task.error.code) == (State.EXPIRED, "forgotten")
    assert error.exit_code == 7
    assert clock.passed < 120
