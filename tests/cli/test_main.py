import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskctl.cli.main import main
from taskctl.store.history import History
from tests.conftest import FakeClock
from tests.harness import SCRIPT, Answering, Asked, Done, FakeProvider, Reply, Taskctl
from tests.inside import Inside, checked

Serving = Callable[[Answering], FakeProvider]
Process = subprocess.Popen[str]
Start = Callable[..., Process]
FULL = Path("/dev/full")
PATIENCE = 20.0
"""Seconds; what takes longer hangs."""


@pytest.fixture
def start(taskctl: Taskctl) -> Iterator[Start]:
    """Starts the console script; nothing that it starts outlives the test."""
    processes: list[Process] = []

    def started(*arguments: str) -> Process:
        processes.append(taskctl.start(*arguments))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.wait()


def ended(process: Process) -> Done:
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err, err
    return Done(process.returncode, out, err)


def heard(process: Process, words: str) -> str:
    """What the process has said on stderr once these words are among it."""
    assert process.stderr is not None
    said, deadline = "", time.monotonic() + PATIENCE
    while words not in said:
        ready, _, _ = select.select([process.stderr], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(process.stderr.fileno(), 65536) if ready else b""
        assert part, f"{words!r} was never said: {said!r}"
        said += part.decode()
    return said


class Holding:
    """A provider that keeps every submission waiting for its answer."""

    def __init__(self) -> None:
        self.reached, self.free = threading.Event(), threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "POST":
            self.reached.set()
            self.free.wait(PATIENCE)
        return Reply(200, {"id": "task-1", "status": "pending"})


@pytest.fixture
def holding(inside: Inside, provider: Serving) -> Iterator[tuple[Holding, FakeProvider]]:
    script = Holding()
    serving = provider(script)
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": "k", "TASKCTL_PROFILE": "evolink"}
    yield script, serving
    script.free.set()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_stopped_wait_leaves_at_once_and_says_how_to_go_on(
    start: Start, here: Inside, number: signal.Signals, code: int
) -> None:
    ids = [here("submit", f"prompt={word} [takes 1h]").lines[0] for word in ("a", "b")]
    given = ("--interval", "3600", "--download", "--dir", "my renders", "--min-success", "50%")
    process = start("wait", *ids, "-P", "sandbox", *given, "-o", "json")
    heard(process, "waiting for 2 tasks, at most 1h00m")
    began = time.monotonic()
    process.send_signal(number)
    done = ended(process)
    assert time.monotonic() - began < 5
    assert done.code == code
    assert [task["id"] for task in checked(done)] == ids
    options = "--interval 3600 --min-success 50% --download --dir 'my renders'"
    assert f"resume with: taskctl wait -P sandbox {' '.join(ids)} {options}" in done.err
    states = here("status", *ids, "--query", "tasks[].state")
    assert set(json.loads(states.out)) <= {"queued", "running"}


def test_two_waits_for_one_task_do_not_disturb_each_other(start: Start, here: Inside) -> None:
    (id_,) = here("submit", "prompt=a [takes 1200ms]").lines
    waits = [start("wait", id_, "--interval", "100ms", "-o", "json") for _ in range(2)]
    for done in map(ended, waits):
        assert done.code == 0
        assert [task["state"] for task in checked(done)] == ["completed"]


def test_a_hang_up_that_nohup_ignores_ends_nothing(taskctl: Taskctl, here: Inside) -> None:
    (id_,) = here("submit", "prompt=a [takes 1h]").lines
    shell = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", SCRIPT, "wait", id_]
    pipe = subprocess.PIPE
    process = subprocess.Popen(shell, stdout=pipe, stderr=pipe, text=True, cwd=taskctl.cwd, env=taskctl.env())
    heard(process, "waiting for 1 task")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 143


def test_a_stopped_submit_says_what_settles_it(
    start: Start, inside: Inside, holding: tuple[Holding, FakeProvider], clock: FakeClock
) -> None:
    script, serving = holding
    process = start("submit", "-m", "m", "prompt=x", "--key", "shot-3", "-o", "json")
    assert script.reached.wait(PATIENCE)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert [(task["key"], task["state"]) for task in checked(done)] == [("shot-3", "unconfirmed")]
    assert json.loads(done.out)["errors"][0]["task"] == "shot-3"
    assert "with key shot-3" in done.err
    assert "taskctl reconcile -P evolink --key shot-3" in done.err
    path = Path(inside("history", "path").lines[0])
    with History.open(path, clock=clock) as history:
        (submission,) = history.submissions()
    assert (submission.intent.key, submission.in_flight_until) == ("shot-3", None)
    script.free.set()
    assert inside("submit", "-m", "m", "prompt=x", "--key", "shot-3").code == 9
    assert len(serving.posts()) == 1


def test_a_stopped_retry_sends_nothing_more(
    start: Start, inside: Inside, holding: tuple[Holding, FakeProvider]
) -> None:
    script, serving = holding
    script.free.set()
    replies = iter(range(10))
    serving.answer = lambda _: Reply(200, {"id": f"task-{next(replies)}", "status": "failed"})
    ids = [inside("submit", "-m", "m", f"prompt={number}").lines[0] for number in range(3)]
    script.free.clear()
    serving.answer, serving.asked = script, []
    process = start("retry", *ids)
    assert script.reached.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert (done.code, done.out, len(serving.posts())) == (143, "", 1)


def test_two_processes_with_one_key_make_one_request(start: Start, holding: tuple[Holding, FakeProvider]) -> None:
    script, serving = holding
    processes = [start("submit", "-m", "m", "prompt=x", "--key", "shot-3") for _ in range(2)]
    assert script.reached.wait(PATIENCE)
    script.free.set()
    assert [ended(process).out for process in processes] == ["task-1\n", "task-1\n"]
    assert len(serving.posts()) == 1


@pytest.mark.parametrize("arguments", [("list",), ("--help",), ("history", "export")], ids=" ".join)
def test_a_reader_that_goes_away_is_exit_141_without_a_word(
    start: Start, here: Inside, arguments: tuple[str, ...]
) -> None:
    here("submit", "prompt=a")
    process = start(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    done = ended(process)
    assert (done.code, done.err) == (141, "")


@contextmanager
def redirected(taskctl: Taskctl, redirection: str, *arguments: str) -> Iterator[Done]:
    """A run whose streams a shell has redirected."""
    command = ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", SCRIPT, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=taskctl.cwd, env=taskctl.env(), check=False)
    assert "Traceback" not in ran.stderr, ran.stderr
    yield Done(ran.returncode, ran.stdout, ran.stderr)


def test_closed_streams_are_no_reason_to_fail(taskctl: Taskctl, here: Inside) -> None:
    with redirected(taskctl, "<&- >&- 2>&-", "submit", "prompt=a", "--tag", "daemon") as done:
        assert done.code == 0
    (id_,) = here("list", "--tag", "daemon", "-o", "ids").lines
    with redirected(taskctl, "<&-", "status", id_, "-o", "ids") as done:
        assert (done.code, done.lines) == (0, [id_])


@pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_exit_10_and_the_task_is_not_lost(taskctl: Taskctl, here: Inside) -> None:
    with redirected(taskctl, f">{FULL}", "submit", "prompt=a") as done:
        assert (done.code, "No space left" in done.err, "taskctl list" in done.err) == (10, True, True)
    assert len(here("list", "-o", "ids").lines) == 1
    with redirected(taskctl, f">{FULL}", "--version") as done:
        assert done.code == 10
    with redirected(taskctl, f"2>{FULL}", "status", "a b") as done:
        assert (done.code, done.out) == (2, "")
    with redirected(taskctl, f"2>{FULL}", "status", "--nope") as done:
        assert (done.code, done.out) == (2, "")
    with redirected(taskctl, f"2>{FULL}", "submit", "prompt=a [takes 50ms]", "--wait", "--interval", "50ms") as done:
        assert (done.code, len(done.lines)) == (0, 1)


def test_the_sandbox_is_served_until_somebody_says_stop(start: Start, inside: Inside) -> None:
    process = start("sandbox", "--port", "0", "-o", "json")
    said = heard(process, "Ctrl-C ends it")
    assert process.stdout is not None
    document, _ = json.JSONDecoder().raw_decode(os.read(process.stdout.fileno(), 65536).decode())
    url = document["sandbox"]["url"]
    assert f"{url}/evolink" in said
    assert document["sandbox"]["evolink"] == f"{url}/evolink"
    inside.environ |= {"TASKCTL_BASE_URL": f"{url}/evolink", "TASKCTL_API_KEY": "any"}
    assert inside("submit", "-P", "evolink", "-m", "m", "prompt=a dog").code == 0
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 0


def test_the_demo_shows_what_it_set_out_to_show(inside: Inside) -> None:
    tasks = checked(inside("demo", "-o", "json"))
    assert len({task["dialect"] for task in tasks}) == 5
    assert {task["state"] for task in tasks} == {"completed", "failed", "cancelled"}
    files = [Path(output["file"]) for task in tasks for output in task["outputs"] if output["file"]]
    assert {path.parent for path in files} == {inside.cwd / "taskctl-demo"}
    assert all(path.stat().st_size for path in files)


def test_a_bug_is_exit_1_and_shows_nothing_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from taskctl.secret import Secret

    def broken(*_: object, **__: object) -> None:
        key = Secret("sk-canary-of-the-bug")
        raise RuntimeError(f"\x1b[31m{key.reveal()}")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(History, "open", broken)
    for debug in ("", "1"):
        monkeypatch.setenv("TASKCTL_DEBUG", debug)
        assert main(["list"]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: this is a bug in taskctl: RuntimeError: ")
        assert "canary" not in said.err
        assert "\x1b" not in said.err
        assert ("RuntimeError" in said.err.partition("\n")[2]) == bool(debug)


def test_the_version_is_printed(inside: Inside) -> None:
    from taskctl import __version__

    assert inside("--version").out == f"taskctl {__version__}\n"


@pytest.mark.parametrize(("words", "offered"), [("taskctl wa", "wait"), ("taskctl wait --ti", "--timeout")])
def test_the_shell_completes_commands_and_options(taskctl: Taskctl, words: str, offered: str) -> None:
    done = taskctl(_TASKCTL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert (done.code, done.lines) == (0, [offered])
