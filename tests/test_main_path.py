"""The main job, black box: the console script against the sandbox at another address, on each dialect."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from taskctl.sandbox.server import Sandbox
from tests.harness import Taskctl, unused_port
from tests.inside import Inside

KEY = "sk-canary-0123456789"


@dataclass(frozen=True)
class Case:
    dialect: str
    model: str | None
    items: tuple[str, ...]
    body: dict[str, object]
    kind: bytes
    """Which bytes every file of the kind holds near its beginning."""

    @property
    def arguments(self) -> list[str]:
        return ["-P", self.dialect, *(["-m", self.model] if self.model else []), *self.items]


CASES = [
    Case(
        "ephone",
        "kling-v3/text-to-video",
        ("prompt=a dog [takes 300ms]", "duration=5"),
        {"model": "kling-v3/text-to-video", "input": {"prompt": "a dog [takes 300ms]", "duration": "5"}},
        b"ftyp",
    ),
    Case(
        "evolink",
        "seedance-2.0",
        ("prompt=a dog [takes 300ms]", "duration:=5"),
        {"model": "seedance-2.0", "prompt": "a dog [takes 300ms]", "duration": 5},
        b"ftyp",
    ),
    Case(
        "bytespike",
        "sora-2",
        ("prompt=a dog [takes 300ms]", "duration_seconds:=8"),
        {"model": "sora-2", "params": {"prompt": "a dog [takes 300ms]", "duration_seconds": 8}},
        b"ftyp",
    ),
    Case(
        "yescale",
        "flux-kontext[max]",
        ("prompt=a dog [takes 300ms]", "aspect_ratio=16:9"),
        {"model": "flux-kontext[max]", "prompt": "a dog [takes 300ms]", "config": {"aspect_ratio": "16:9"}},
        b"PNG",
    ),
    Case(
        "moneyprinterturbo",
        None,
        ("-p", "a dog [takes 300ms]", "video_count:=1"),
        {"video_subject": "a dog [takes 300ms]", "video_count": 1},
        b"ftyp",
    ),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.dialect)


Command = TypeVar("Command", Taskctl, Inside)


def at(taskctl: Command, sandbox: Sandbox, dialect: str) -> Command:
    taskctl.environ |= {"TASKCTL_BASE_URL": f"{sandbox.url}/{dialect}", "TASKCTL_API_KEY": KEY}
    return taskctl


def received(sandbox: Sandbox, id_: str) -> dict[str, object]:
    """The body of the submit that made this task."""
    import urllib.request

    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/tasks") as answer:
        tasks = json.load(answer)
    found: dict[str, object] = next(task for task in tasks if task["id"] == id_)
    return found


@each
def test_one_command_submits_waits_and_fetches(taskctl: Taskctl, sandbox: Sandbox, case: Case) -> None:
    done = at(taskctl, sandbox, case.dialect)("submit", *case.arguments, "--wait", "--download", "--interval", "100ms")
    assert done.code == 0, done.err
    (path,) = done.lines
    assert case.kind in (taskctl.cwd / path).read_bytes()[:16]
    id_ = taskctl("list", "-o", "ids").lines[0]
    body = received(sandbox, id_)["body"]
    assert isinstance(body, dict)
    assert {name: value for name, value in body.items() if name not in ("out_task_id", "idempotency_key")} == case.body


@each
def test_three_commands_in_three_places_do_the_same_and_so_does_another_machine(
    taskctl: Taskctl, sandbox: Sandbox, case: Case, tmp_path: Path
) -> None:
    at(taskctl, sandbox, case.dialect)
    submitted = taskctl("submit", *case.arguments)
    assert (submitted.code, len(submitted.lines)) == (0, 1), submitted.err
    (id_,) = submitted.lines
    waited = taskctl("wait", id_, "--interval", "100ms")
    assert waited.code == 0, waited.err
    assert waited.lines[0].startswith("http")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fetched = taskctl("download", id_, cwd=elsewhere)
    assert fetched.code == 0, fetched.err
    assert case.kind in (elsewhere / fetched.lines[0]).read_bytes()[:16]
    taskctl.home = tmp_path / "another"
    taskctl.home.mkdir()
    again = taskctl("wait", "-P", case.dialect, id_, "--download", "--interval", "100ms", "-o", "json")
    assert again.code == 0, again.err
    (task,) = again.json()["tasks"]
    assert (task["id"], task["state"]) == (id_, "completed")
    assert case.kind in Path(task["outputs"][0]["file"]).read_bytes()[:16]


def prompted(case: Case, directions: str) -> list[str]:
    return [argument.replace("[takes 300ms]", f"[takes 200ms] {directions}") for argument in case.arguments]


@each
def test_a_failed_task_is_exit_7_with_the_providers_reason(inside: Inside, sandbox: Sandbox, case: Case) -> None:
    done = at(inside, sandbox, case.dialect)(
        "submit", *prompted(case, "[fails: the moon was too bright]"), "--wait", "--interval", "100ms", "-o", "json"
    )
    assert done.code == 7
    (task,), (error,) = done.json()["tasks"], done.json()["errors"]
    assert (task["state"], error["code"], error["exit_code"]) == ("failed", "failed", 7)
    assert "the moon was too bright" in task["error"]["message"]
    assert "the moon was too bright" in done.err


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.dialect != "moneyprinterturbo"], ids=lambda c: c.dialect
)
def test_a_wrong_key_is_exit_4(inside: Inside, sandbox: Sandbox, case: Case) -> None:
    done = at(inside, sandbox, case.dialect)("submit", *case.arguments, "-o", "json", TASKCTL_API_KEY="wrong")
    assert (done.code, done.json()["errors"][0]["code"]) == (4, "credentials")
    assert inside("list").lines == []


@each
def test_an_unknown_id_is_exit_5(inside: Inside, sandbox: Sandbox, case: Case) -> None:
    id_ = "task-unified-1790000000-ffffffff" if case.dialect == "evolink" else "0a1b2c3d-1111-4222-8333-444455556666"
    for command in ("wait", "status", "download") if case.dialect == "evolink" else ("wait",):
        done = at(inside, sandbox, case.dialect)(command, "-P", case.dialect, id_, "-o", "json")
        assert (done.code, done.json()["errors"][0]["code"]) == (5, "not_found"), command
        assert id_ in done.err


@each
def test_patience_that_ends_is_exit_8_and_the_task_goes_on(inside: Inside, sandbox: Sandbox, case: Case) -> None:
    id_ = at(inside, sandbox, case.dialect)("submit", *prompted(case, "[stays running]")).lines[0]
    done = inside("wait", id_, "--timeout", "400ms", "--interval", "100ms", "-o", "json")
    assert (done.code, done.json()["errors"][0]["code"]) == (8, "pending")
    assert f"taskctl wait {shlex.quote(id_)}" in done.err
    assert inside("status", id_, "--query", "tasks[0].state").out.strip() in ("queued", "running")


LOST = [case for case in CASES if case.dialect != "bytespike"]


@pytest.mark.parametrize("case", LOST, ids=lambda c: c.dialect)
@pytest.mark.parametrize("how", ["[loses answer]", "[answers 503]"])
def test_a_lost_answer_is_exit_9_and_one_post(inside: Inside, sandbox: Sandbox, case: Case, how: str) -> None:
    items = [argument.replace("a dog", f"a dog of {case.dialect}") for argument in prompted(case, how)]
    done = at(inside, sandbox, case.dialect)(
        "submit", *items, "--key", f"mine-{case.dialect}-{len(how)}-0123456789", "-o", "json"
    )
    assert (done.code, done.json()["errors"][0]["code"]) == (9, "unconfirmed"), done.err
    assert f"--key mine-{case.dialect}" in done.err
    (row,) = inside("list").lines
    assert row.split("\t")[1] == "unconfirmed"
    again = inside("submit", *items, "--key", f"mine-{case.dialect}-{len(how)}-0123456789")
    assert again.code == 9
    assert submits(sandbox, case.dialect, items) == 1


def submits(sandbox: Sandbox, dialect: str, items: list[str]) -> int:
    import urllib.request

    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/tasks") as answer:
        tasks = json.load(answer)
    prompt = next(item.removeprefix("prompt=") for item in items if "a dog" in item)
    return max(
        int(task["submits"]) for task in tasks if task["dialect"] == dialect and prompt in json.dumps(task["body"])
    )


@pytest.mark.parametrize("how", ["[loses answer]", "[answers 503]"])
def test_bytespike_finds_the_one_task_again_by_its_key(inside: Inside, sandbox: Sandbox, how: str) -> None:
    case = CASES[2]
    done = at(inside, sandbox, "bytespike")("submit", *prompted(case, how), "--key", f"spike-{how[1:6]}")
    assert done.code == 0, done.err
    (id_,) = done.lines
    assert received(sandbox, id_)["id"] == id_
    assert inside("submit", *prompted(case, how), "--key", f"spike-{how[1:6]}").lines == [id_]


def test_nobody_listening_is_exit_6(inside: Inside) -> None:
    inside.environ |= {"TASKCTL_BASE_URL": f"http://127.0.0.1:{unused_port()}", "TASKCTL_API_KEY": KEY}
    done = inside("status", "-P", "evolink", "task-unified-1-abcdefgh", "-o", "json")
    assert (done.code, done.json()["errors"][0]["code"]) == (6, "no_answer")


@each
def test_the_same_key_is_one_task_and_another_request_is_refused(inside: Inside, sandbox: Sandbox, case: Case) -> None:
    key = f"idempotent-{case.dialect}-1"
    first = at(inside, sandbox, case.dialect)("submit", *case.arguments, "--key", key)
    again = inside("submit", *case.arguments, "--key", key)
    assert (first.code, again.code, first.lines) == (0, 0, again.lines)
    other = inside("submit", *case.arguments, "seed:=7", "--key", key, "-o", "json")
    assert (other.code, other.json()["errors"][0]["code"]) == (5, "conflict")


@pytest.mark.parametrize("dialect", ["ephone", "evolink", "yescale", "moneyprinterturbo"])
def test_what_a_provider_cannot_do_is_exit_5_without_a_request(inside: Inside, dialect: str) -> None:
    inside.environ |= {"TASKCTL_BASE_URL": f"http://127.0.0.1:{unused_port()}", "TASKCTL_API_KEY": KEY}
    done = inside("cancel", "-P", dialect, "some-task-id")
    assert (done.code, f"{dialect} cannot cancel" in done.err) == (5, True)
    done = inside("delete", "-P", "ephone", "some-task-id", "--yes")
    assert (done.code, "ephone cannot delete" in done.err) == (5, True)


def test_bytespike_cancels(inside: Inside, sandbox: Sandbox) -> None:
    id_ = at(inside, sandbox, "bytespike")("submit", *prompted(CASES[2], "[stays running]")).lines[0]
    assert inside("cancel", id_, "--query", "tasks[0].state").out.strip() == "cancelled"
    assert inside("wait", id_).code == 7


def test_moneyprinterturbo_lists_and_deletes(inside: Inside, sandbox: Sandbox) -> None:
    case = CASES[4]
    id_ = at(inside, sandbox, case.dialect)(
        "submit", *prompted(case, ""), "--wait", "--interval", "100ms", "-o", "ids"
    ).lines[0]
    assert id_ in inside("list", "--remote", "-P", case.dialect, "-o", "ids").lines
    refused = inside("delete", id_)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert inside("delete", id_, "--yes").code == 0
    assert inside("status", "-P", case.dialect, id_).code == 5


@pytest.mark.parametrize("how", ["", "[no stream]", "[stream breaks]"])
def test_bytespike_is_followed_by_its_stream_or_without(inside: Inside, sandbox: Sandbox, how: str) -> None:
    done = at(inside, sandbox, "bytespike")("submit", *prompted(CASES[2], how), "--wait", "--interval", "100ms")
    assert (done.code, len(done.lines)) == (0, 1), done.err
