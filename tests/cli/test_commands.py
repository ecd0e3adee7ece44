import hashlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from taskctl.cli.main import COMMANDS, app
from taskctl.sandbox.server import Sandbox
from tests.harness import Answering, Asked, FakeProvider, Reply, Taskctl, unused_port
from tests.inside import TASK, Inside, checked

CANARY = "sk-canary-0123456789"
Serving = Callable[[Answering], FakeProvider]


def every_command() -> list[tuple[str, ...]]:
    """Every command and subcommand, as it is typed."""
    from typer.main import get_command

    root = get_command(app)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = root.get_command(typer.Context(root), name)  # type: ignore[attr-defined]  # a group
        inner = getattr(command, "commands", None)
        found += [(name, each) for each in inner] if inner else [(name,)]
    return found


def submitted(here: Inside, prompt: str = "a dog [takes 100ms]", *more: str) -> str:
    (id_,) = here("submit", "-p", prompt, *more).lines
    return id_


def lost(inside: Inside, key: str) -> None:
    """A submission whose answer was lost, at a provider that cannot tell by its key."""
    assert inside("submit", "-P", "evolink", "-m", "m", "prompt=x [loses answer]", "--key", key).code == 9


@pytest.fixture
def evolink(inside: Inside, sandbox: Sandbox) -> Inside:
    """The command line with a provider that can do little."""
    inside.environ |= {"TASKCTL_BASE_URL": f"{sandbox.url}/evolink", "TASKCTL_API_KEY": CANARY}
    return inside


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_help_ends_well_and_shows_an_example(inside: Inside, command: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        done = inside(*command, option)
        assert (done.code, done.err) == (0, "")
        assert re.search(rf"Examples?:\n.*taskctl.* {command[-1]}", done.out, re.DOTALL), done.out
        for common in ("--profile", "--output", "--query", "--quiet", "--verbose", "--config"):
            assert common in done.out


@pytest.mark.parametrize("command", [(), ("profile",), ("dialect",), ("history",), ("status",), ("wait",)])
def test_a_command_without_what_it_needs_is_a_usage_error(inside: Inside, command: tuple[str, ...]) -> None:
    done = inside(*command)
    assert (done.code, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sumbit",), "submit"),
        (("profile", "lst"), "list"),
        (("list", "--lmit", "3"), "--limit"),
        (("list", "-o", "xml"), "json"),
        (("list", "--state", "dead"), "failed"),
        (("list", "--limit", "-1"), "0"),
        (("list", "--query", "tasks["), "--query"),
        (("list", "--query", "tasks", "-o", "tsv"), "leave -o out"),
        (("wait", "x", "--timeout", "-5"), "500ms, 30s, 10m, 1h30m"),
        (("wait", "x", "--timeout", "soon"), "500ms, 30s, 10m, 1h30m"),
        (("wait", "x", "--timeout", "9" * 30), "century"),
        (("wait", "x", "--interval", "1h30"), "500ms, 30s, 10m, 1h30m"),
        (("wait", "x", "--rate", "nan"), "above 0"),
        (("wait", "x", "--rate", "0"), "above 0"),
        (("wait", "x", "--if-exists", "maybe"), "skip, rename, overwrite, error"),
        (("wait", "x", "--name", "{nope}"), "{id}"),
        (("download", "x", "--jobs", "0"), "1"),
        (("submit", "-P", "sandbox", "prompt=x", "--wait", "--download", "--name", "{nope}"), "{id}"),
        (("submit", "-P", "sandbox", "prompt=x", "--download", "--if-exists", "maybe"), "skip, rename"),
        (("history", "prune", "--yes"), "--older-than"),
        (("submit", "-P", "sandbox"), "-p"),
        (("submit", "-P", "sandbox", "prompt"), "name:=JSON"),
        (("submit", "-P", "sandbox", "n:={"), "JSON"),
        (("submit", "-P", "sandbox", "prompt=x", "-p", "y"), "once"),
        (("submit", "-P", "sandbox", "model=x", "-m", "y", "prompt=x"), "once"),
        (("submit", "-P", "sandbox", "prompt=x", "--key", ""), "1 to 255"),
        (("submit", "-P", "sandbox", "prompt=@/no/such/file"), "/no/such/file"),
        (("submit", "prompt=x"), "-P"),
        (("retry", "a", "b", "--key", "k", "-P", "sandbox"), "one key"),
        (("status", "@nope"), "@last"),
        (("status", ""), "printable ASCII"),
        (("cancel", "a b"), "printable ASCII"),
        (("open", "@last"), "0 tasks"),
        (("delete", "-P", "moneyprinterturbo", "x"), "--yes"),
        (("history", "forget", "x", "-P", "sandbox"), "--yes"),
        (("profile", "add", "evolink", "--key-command", 'pass "x'), "--key-command"),
        (("profile", "add", "studio", "--dialect", "evolink", "--key-env", "K", "--key-stdin"), "one of"),
        (("profile", "add", "studio", "--dialect", "evolink", "--base-url", "https://x.example"), "--key-env"),
        (("profile", "set", "studio", "colour=red"), "base_url"),
        (("profile", "set", "studio", "rate=fast"), "number"),
    ],
)  # fmt: skip
def test_a_usage_error_is_exit_2_with_an_empty_stdout_and_what_is_allowed(
    inside: Inside, arguments: tuple[str, ...], said: str
) -> None:
    done = inside(*arguments, *([] if "-o" in arguments or "--query" in arguments else ["-o", "json"]))
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.startswith("error: ")
    assert said in done.err


def test_every_command_about_tasks_answers_in_one_document(here: Inside) -> None:
    (task,) = checked(here("submit", "prompt=a [takes 100ms]", "--tag", "film", "--key", "k1", "-o", "json"))
    id_ = task["id"]
    assert (task["key"], task["tags"], task["input"]) == ("k1", ["film"], {"prompt": "a [takes 100ms]"})
    (task,) = checked(here("wait", id_, "--interval", "50ms", "-o", "json"))
    assert (task["state"], task["progress"], len(task["outputs"])) == ("completed", 100, 1)
    (task,) = checked(here("status", id_, "-o", "json", "--raw"))
    assert task["raw"]["id"] == id_
    (task,) = checked(here("download", id_, "-o", "json"))
    assert (here.cwd / task["outputs"][0]["file"]).stat().st_size == task["outputs"][0]["bytes"]
    (second,) = checked(here("retry", id_, "-o", "json", "--tag", "again"))
    assert (second["id"] != id_, second["input"], second["tags"]) == (True, task["input"], ["again"])
    (third,) = checked(here("submit", "prompt=b [stays running]", "-o", "json"))
    (third,) = checked(here("cancel", third["id"], "-o", "json"))
    assert third["state"] == "cancelled"
    ids = [third["id"], second["id"], id_]
    assert [task["id"] for task in checked(here("list", "-o", "json"))] == ids
    assert [task["id"] for task in checked(here("list", "--tag", "film", "-o", "json"))] == [id_]
    assert [task["id"] for task in checked(here("list", "--limit", "1", "-o", "json"))] == ids[:1]
    assert set(ids) <= {task["id"] for task in checked(here("list", "--remote", "-o", "json"))}
    assert checked(here("open", id_, "--print", "-o", "json"), "open") == {
        "where": str(here.cwd / f"{id_}-0.mp4"),
        "opened": False,
    }
    assert checked(here("reconcile", "-o", "json")) == []
    assert [task["id"] for task in checked(here("delete", id_, "--yes", "-o", "json"))] == [id_]
    assert [task["id"] for task in checked(here("history", "export", "-o", "json"))] == ids[::-1]
    lines = here("history", "export").lines
    assert [json.loads(line)["id"] for line in lines] == ids[::-1]
    assert all(set(json.loads(line)) == TASK for line in lines)
    assert checked(here("history", "forget", id_, "--yes", "-o", "json"), "history") == {"forgotten": 1}
    pruned = checked(here("history", "prune", "--older-than", "0", "--yes", "-o", "json"), "history")
    assert pruned == {"forgotten": 1}
    path = checked(here("history", "path", "-o", "json"), "history")["path"]
    assert Path(path).is_relative_to(here.home)
    assert here("history", "path").lines == [path]


def test_every_command_about_profiles_and_dialects_answers_in_one_document(
    inside: Inside, sandbox: Sandbox, answer: Path
) -> None:
    added = inside("profile", "add", "studio", "--dialect", "evolink", "--key-env", "STUDIO_KEY", "-o", "json")
    assert checked(added, "profile")["key"] == "$STUDIO_KEY (not set)"
    profiles = checked(inside("profile", "list", "-o", "json"), "profiles")
    assert [profile["name"] for profile in profiles if profile["default"]] == ["studio"]
    changed = inside("profile", "set", "studio", "model=m", "interval=5s", "rate=2", "dir=out", "-o", "json")
    assert checked(changed, "profile")["rate"] == 2.0
    assert checked(inside("profile", "show", "studio", "-o", "json"), "profile")["interval"] == "5s"
    assert checked(inside("profile", "use", "ephone", "-o", "json"), "profile")["name"] == "ephone"
    assert checked(inside("profile", "remove", "studio", "-o", "json"), "profile") == {
        "name": "studio",
        "removed": True,
    }
    inside.environ |= {"TASKCTL_BASE_URL": f"{sandbox.url}/evolink", "TASKCTL_API_KEY": CANARY}
    check = checked(inside("profile", "check", "-P", "evolink", "-o", "json"), "check")
    assert (check["works"], check["key"], check["balance"] is not None) == (True, "TASKCTL_API_KEY", True)
    dialects = checked(inside("dialect", "list", "-o", "json"), "dialects")
    assert {"ephone", "evolink", "bytespike", "yescale", "moneyprinterturbo"} <= {one["name"] for one in dialects}
    shown = checked(inside("dialect", "show", "bytespike", "-o", "json"), "dialect")
    assert shown["toml"].splitlines() == inside("dialect", "show", "bytespike").lines
    mine = inside.cwd / "mine.toml"
    mine.write_text(shown["toml"].replace('"bytespike"', '"mine"'))
    read = checked(inside("dialect", "check", str(mine), "--sample", str(answer), "-o", "json"), "dialect")
    assert (read["name"], read["valid"]) == ("mine", True)
    assert "running" in json.dumps(read["sample"])


FAILING = [
    (("submit", "-P", "nope", "prompt=x"), 3),
    (("submit", "-P", "evolink", "-m", "m", "prompt=x"), 4),
    (("submit", "-P", "sandbox", "x=1"), 5),
    (("status", "abcd"), 5),
    (("status", "-P", "evolink", "abcd"), 4),
    (("wait", "abcd"), 5),
    (("wait", "-P", "sandbox", "abcd"), 5),
    (("cancel", "-P", "ephone", "abcd"), 5),
    (("delete", "-P", "ephone", "abcd", "--yes"), 5),
    (("download", "-P", "sandbox", "abcd"), 5),
    (("reconcile", "--key", "abcd"), 5),
    (("reconcile", "-P", "evolink", "--key", "abcd"), 4),
    (("retry", "-P", "evolink", "abcd"), 3),
    (("open", "-P", "sandbox", "abcd", "--print"), 5),
    (("list", "--remote", "-P", "ephone"), 5),
    (("list", "-P", "nope"), 3),
    (("history", "forget", "-P", "sandbox", "abcd", "--yes"), 5),
    (("profile", "show", "nope"), 3),
    (("profile", "add", "x", "--dialect", "nope"), 3),
    (("profile", "add", "a b", "--dialect", "evolink"), 3),
    (("profile", "add", "x", "--dialect", "evolink", "--key-env", "K", "--base-url", "ftp://x"), 3),
    (("profile", "add", "x", "--dialect", "evolink", "--key-stdin"), 4),
    (("profile", "set", "nope", "model=x"), 3),
    (("profile", "use", "nope"), 3),
    (("profile", "remove", "nope"), 3),
    (("profile", "check", "evolink"), 4),
    (("dialect", "show", "nope"), 3),
    (("dialect", "check", "/no/such/file"), 3),
    (("dialect", "check", "."), 3),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code"), FAILING, ids=str)
def test_a_failing_command_says_so_in_one_document_and_in_words(
    inside: Inside, arguments: tuple[str, ...], code: int
) -> None:
    done = inside(*arguments, "-o", "json")
    assert done.code == code, done.err
    checked(done)
    error = json.loads(done.out)["errors"][0]
    assert error["exit_code"] == code
    if code != 3:  # a message about a file says itself what is allowed there
        assert f"  hint: {error['hint']}" in done.err


def test_stdout_of_a_pipe_holds_the_data_and_nothing_else(taskctl: Taskctl, here: Inside) -> None:
    submit = taskctl("submit", "prompt=a dog [takes 300ms] [outputs 2]")
    assert (submit.code, submit.err, len(submit.lines)) == (0, "", 1)
    (id_,) = submit.lines
    wait = taskctl("wait", id_, "--interval", "100ms")
    assert (wait.code, len(wait.lines)) == (0, 2)
    assert all(line.startswith(f"{here.environ['TASKCTL_BASE_URL']}/media/") for line in wait.lines)
    assert wait.err.splitlines()[0] == "waiting for 1 task, at most 1h00m"
    assert f"{id_} completed" in wait.err
    for command in (("status", id_), ("list",), ("cancel", id_)):
        (line,) = here(*command).lines
        columns = line.split("\t")
        assert columns[:5] == [id_, "completed", "100", "sandbox", "sandbox-video"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", columns[5])
        assert columns[6] == "a dog [takes 300ms] [outputs 2]"
    fetched = here("download", id_, "--dir", "out")
    assert fetched.lines == [f"out/{id_}-0.mp4", f"out/{id_}-1.mp4"]
    again = here("wait", id_, "--download", "--dir", "out")
    assert again.lines == fetched.lines
    both = here("submit", "prompt=b [takes 100ms]", "--wait", "--interval", "50ms")
    assert (both.code, len(both.lines)) == (0, 1)
    assert both.lines[0].startswith("http")


def test_quiet_means_ids_and_no_talk(here: Inside) -> None:
    id_ = submitted(here, "a [stays running]")
    for command in (("status", id_), ("list",), ("status", id_, "-o", "ids"), ("list", "-o", "ids"), ("cancel", id_)):
        done = here(*command, "-q")
        assert (done.code, done.lines, done.err) == (0, [id_], "")
    waited = here("wait", id_, "-q")
    assert (waited.code, waited.out) == (7, "")
    assert waited.err.startswith(f"error: {id_} was cancelled")


def test_each_format_holds_the_same_tasks(here: Inside) -> None:
    ids = [submitted(here, f"{word} [takes 50ms]") for word in ("a", "b")]
    assert here("wait", *ids, "--interval", "50ms").code == 0
    assert [json.loads(line)["id"] for line in here("wait", *ids, "-o", "jsonl").lines] == ids
    assert here("status", *ids, "-o", "ids").lines == ids
    assert [line.split("\t")[0] for line in here("wait", *ids, "-o", "tsv").lines] == ids
    table = here("list", "-o", "table").lines
    assert table[0].split()[0] == "id"
    assert [line.split()[0] for line in table[1:]] == ids[::-1]


def test_a_query_gives_text_raw_and_everything_else_as_json(here: Inside) -> None:
    id_ = submitted(here)
    assert here("status", id_, "--query", "tasks[0].id").out == f"{id_}\n"
    assert json.loads(here("list", "--query", "tasks[].{id: id, key: key}").out)[0]["id"] == id_
    assert here("list", "-o", "jsonl", "--query", "id").lines == [id_]
    assert here("status", id_, "--query", "nothing").out == "null\n"
    assert here("dialect", "list", "--query", "dialects[0].name").out == "bytespike\n"


def test_ids_come_from_stdin_one_per_line(here: Inside) -> None:
    ids = [submitted(here) for _ in range(2)]
    assert here("status", "-", "-o", "ids", stdin=f"  {ids[1]}\r\n\n{ids[0]}").lines == ids[::-1]
    assert here("status", ids[0], "-", "-o", "ids", stdin=ids[1]).lines == ids
    for command in ("status", "wait", "cancel", "download", "retry"):
        assert (here(command, "-", stdin="").code, here(command, "-", stdin="").out) == (0, "")


@pytest.mark.parametrize("given", [b"\xff\xfe\n", b"a\0b\n", b"a b\n", b"\x1b[31m\n", "é\n".encode(), b"x" * 600])
def test_what_is_no_id_on_stdin_is_a_usage_error(here: Inside, given: bytes) -> None:
    done = here("status", "-", stdin=given)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--timeout", "0"), 8), (("--timeout", "150ms"), 8), (("--stall", "100ms", "--timeout", "10m"), 8)],
)
def test_patience_is_a_duration_and_ends_a_wait(here: Inside, options: tuple[str, ...], code: int) -> None:
    id_ = submitted(here, "a [takes 10ms] [stays running]")
    done = here("wait", id_, "--interval", "20ms", *options, "-o", "json")
    assert done.code == code
    checked(done)
    assert f"taskctl wait {id_}" in done.err


def test_a_wait_for_several_ends_as_it_was_told(here: Inside) -> None:
    good, bad, slow = (submitted(here, word) for word in ("a [takes 50ms]", "b [takes 50ms] [fails]", "c [takes 1m]"))
    options = ("--interval", "30ms", "--timeout", "10s", "-o", "json")
    done = here("wait", slow, good, "--any", *options)
    assert (done.code, [task["state"] for task in checked(done)][1]) == (0, "completed")
    done = here("wait", slow, bad, "--fail-fast", *options)
    assert (done.code, [error["task"] for error in json.loads(done.out)["errors"]]) == (7, [bad])
    done = here("wait", bad, "--any", *options)
    assert done.code == 7
    done = here("wait", bad, good, slow, "--timeout", "0", "-o", "json")
    codes = {error["task"]: error["exit_code"] for error in json.loads(done.out)["errors"]}
    assert (done.code, codes) == (7, {bad: 7, slow: 8})
    assert here("status", bad, good, slow).code == 0
    assert here("status", slow, good, "--exit-status").code == 8
    assert here("status", slow, bad, "--exit-status").code == 7
    assert here("download", slow).code == 8
    assert here("download", bad, slow).code == 7


def test_a_report_that_cannot_be_written_takes_nothing_else_away(here: Inside) -> None:
    id_ = submitted(here)
    done = here("wait", id_, "--interval", "50ms", "--junit", "report.xml")
    assert (done.code, "<testsuite" in (here.cwd / "report.xml").read_text()) == (0, True)
    done = here("wait", id_, "--junit", "report.xml/report.xml")
    assert (done.code, len(done.lines)) == (10, 1)
    assert "report.xml cannot be written" in done.err


def test_a_manifest_says_what_was_fetched_and_verify_whether_it_is_still_that(here: Inside) -> None:
    id_ = submitted(here, "a [takes 20ms] [outputs 2]")
    assert here("wait", id_, "--interval", "20ms", "--download", "--manifest", "a/manifest.json").code == 0
    listed = json.loads((here.cwd / "a" / "manifest.json").read_text())["files"]
    assert [set(file) for file in listed] == [{"task", "index", "url", "path", "bytes", "sha256", "content_type"}] * 2
    for file in listed:
        content = Path(file["path"]).read_bytes()
        assert (file["task"], file["bytes"]) == (id_, len(content))
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert "?" not in file["url"]
    again = here("download", id_, "--manifest", "b.json")
    assert json.loads((here.cwd / "b.json").read_text())["files"] == listed
    assert len(again.lines) == 2
    whole = here("download", "--verify", id_)
    assert (whole.code, len(whole.lines)) == (0, 2)
    first, second = (Path(file["path"]) for file in listed)
    first.write_bytes(b"x" * listed[0]["bytes"])
    second.unlink()
    broken = here("download", "--verify", id_, "-o", "json")
    assert broken.code == 10
    assert "has other content" in broken.err
    assert "cannot be read" in broken.err
    assert here("download", "--verify", submitted(here)).code == 10
    assert here("download", id_, "--manifest", "b.json/c", "--if-exists", "overwrite").code == 10


def test_what_is_here_already_is_not_fetched_again(inside: Inside, provider: Serving) -> None:
    film = Reply(200, b"\x00\x00\x00\x18ftypmp42", {"Content-Type": "video/mp4"})

    def answer(asked: Asked) -> Reply:
        done = {"id": "task-1", "status": "completed", "results": [f"{serving.url}/a.mp4"]}
        return film if "a.mp4" in asked.path else Reply(200, done)

    serving = provider(answer)
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}

    def fetches(*options: str) -> int:
        before = sum("a.mp4" in asked.path for asked in serving.asked)
        done = inside("download", "-P", "evolink", "task-1", *options)
        assert (done.code, len(done.lines)) == (0, 1), done.err
        return sum("a.mp4" in asked.path for asked in serving.asked) - before

    assert [fetches(), fetches()] == [1, 0]
    (inside.cwd / "task-1-0.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp41")
    assert fetches("--if-exists", "rename") == 1
    (inside.cwd / "task-1-0.mp4").unlink()
    assert [fetches(), fetches("--if-exists", "overwrite"), fetches("--dir", "else")] == [1, 1, 1]


def test_what_would_be_lost_is_a_selection(inside: Inside, provider: Serving) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(200, {"id": "task-1", "status": "pending"})
        return Reply(200, {"id": "task-1", "status": "completed", "results": [f"{serving.url}/a.mp4"]})

    serving = provider(answer)
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    assert inside("submit", "-P", "evolink", "-m", "m", "prompt=x", "--wait").code == 0
    assert [task["id"] for task in checked(inside("status", "@expiring", "-o", "json"))] == ["task-1"]
    film = Reply(200, b"\x00\x00\x00\x18ftypmp42", {"Content-Type": "video/mp4"})
    serving.answer = lambda asked: film if "a.mp4" in asked.path else answer(asked)
    assert inside("download", "@expiring").code == 0
    assert inside("status", "@expiring").lines == []


def test_enough_successes_are_exit_0_and_the_rest_is_told(here: Inside) -> None:
    ids = [submitted(here, f"a [takes 20ms]{more}") for more in ("", "", " [fails]")]
    for quota, code in (("2", 0), ("66%", 0), ("3", 7), ("100%", 7)):
        done = here("wait", *ids, "--interval", "20ms", "--min-success", quota)
        assert (done.code, len(done.lines)) == (code, 2), done.err
        assert f"{ids[2]} failed" in done.err
    for wrong in (["4"], ["x"], ["101%"], ["1", "--any"]):
        assert here("wait", *ids, "--min-success", *wrong).code == 2
    for nothing in (["--min-success", "1"], ["--min-success", "90%"], ["--any"]):
        done = here("wait", "-", *nothing)
        assert (done.code, "no task to wait for" in done.err) == (2, True)
    assert here("wait", "-").code == 0


def test_a_step_on_github_gets_its_summary_its_output_and_its_errors(here: Inside) -> None:
    ids = [submitted(here, f"a [takes 20ms]{more}") for more in ("", " [fails]")]
    named = {name: here.cwd / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    here.environ |= {"GITHUB_ACTIONS": "true", **{name: str(path) for name, path in named.items()}}
    done = here("wait", *ids, "--interval", "20ms", "--github-output", "links")
    assert done.code == 7
    assert f"::error title=taskctl::{ids[1]} failed" in done.err
    assert "::error" not in done.out
    assert "1 completed, 1 failed" in named["GITHUB_STEP_SUMMARY"].read_text()
    first, *lines, _ = named["GITHUB_OUTPUT"].read_text().splitlines()
    assert (first.partition("<<")[0], lines) == ("links", done.lines)
    del here.environ["GITHUB_OUTPUT"]
    assert here("wait", ids[0], "--github-output", "links").code == 2


def test_a_shown_request_runs_in_a_shell_and_nothing_is_sent(inside: Inside, provider: Serving) -> None:
    serving = provider(lambda _: Reply(200, {"id": "task-1", "status": "pending"}))
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    picture = inside.cwd / "it's.png"
    picture.write_bytes(b"\x89PNG")
    wish = ("submit", "-P", "evolink", "-m", "m", 'prompt=it\'s "$HOME" `id`', f"image@{picture}", "--key", "k" * 20)
    done = inside(*wish, "--dry-run")
    assert (done.code, serving.asked) == (0, [])
    assert CANARY not in done.out + done.err
    assert "$TASKCTL_API_KEY" in done.out
    assert inside("list").out == ""
    shown = checked(inside(*wish, "--dry-run", "-o", "json"), "request")
    assert (shown["method"], shown["url"]) == ("POST", f"{serving.url}/v1/videos/generations")
    assert shown["curl"] == done.out.rstrip("\n")
    curl = inside.cwd / "curl"
    curl.write_text("#!/bin/sh\nfor one; do printf '%s\\0' \"$one\"; done\n")
    curl.chmod(0o755)
    run = subprocess.run(
        ["/bin/sh", "-c", done.out],
        env={"PATH": f"{inside.cwd}:/bin:/usr/bin", "TASKCTL_API_KEY": CANARY, "HOME": "/nowhere"},
        capture_output=True,
        check=True,
    )
    arguments = run.stdout.decode().split("\0")[:-1]
    assert f"Authorization: Bearer {CANARY}" in arguments
    body = json.loads(arguments[arguments.index("--data-raw") + 1])
    assert (body["prompt"], body["model"]) == ('it\'s "$HOME" `id`', "m")
    assert "once uploaded" in body["image"]
    assert serving.asked == []


def test_a_profile_keeps_its_key_to_itself(inside: Inside) -> None:
    config = inside.home / ".config/taskctl/config.toml"
    done = inside("profile", "add", "studio", "--dialect", "evolink", "--key-stdin", stdin=f"{CANARY}\n")
    assert done.code == 0, done.err
    assert config.stat().st_mode & 0o777 == 0o600
    assert CANARY in config.read_text()
    assert inside("profile", "add", "studio", "--dialect", "ephone").code == 2
    for command in (("show", "studio"), ("list",), ("show", "studio", "-o", "json"), ("set", "studio", "model=m")):
        done = inside("profile", *command)
        assert (done.code, CANARY in done.out + done.err) == (0, False)
        assert "config file" in done.out
    shown = inside("submit", "-P", "studio", "prompt=x", "--dry-run")
    assert (shown.code, CANARY in shown.out, "$EVOLINK_API_KEY" in shown.out) == (0, False, True)
    assert inside("profile", "use", "studio").code == 0
    assert inside("profile", "set", "studio", "model=").code == 0
    assert "model" not in config.read_text()
    assert inside("profile", "remove", "studio").code == 0
    assert CANARY not in config.read_text()
    assert inside("profile", "list").out.count("studio") == 0


def test_the_first_profile_is_the_default_and_says_so(inside: Inside) -> None:
    added = inside("profile", "add", "one", "--dialect", "evolink", "--key-env", "ONE")
    assert "one is the default now" in added.err
    assert "default" not in inside("profile", "add", "two", "--dialect", "evolink", "--key-env", "TWO").err


def test_a_config_file_that_is_named_must_be_there_but_for_the_first_profile(inside: Inside) -> None:
    named = ("--config", str(inside.home / "mine.toml"))
    done = inside("submit", "-P", "sandbox", "prompt=x", *named)
    assert done.code == 3
    assert "there is no config file" in done.err
    assert inside("profile", "add", "one", "--dialect", "evolink", "--key-env", "ONE", *named).code == 0
    assert inside("profile", "list", *named).code == 0


def test_a_key_in_the_input_is_not_shown(inside: Inside) -> None:
    inside.environ["EVOLINK_API_KEY"] = CANARY
    wish = ("submit", "-P", "evolink", "-m", "m", f"prompt=my key is {CANARY}", "--dry-run")
    for more in ((), ("-o", "json")):
        done = inside(*wish, *more)
        assert (done.code, CANARY in done.out + done.err, "my key is ***" in done.out) == (0, False, True)


def test_a_wait_for_what_has_completed_gives_links_of_today(here: Inside) -> None:
    id_ = submitted(here)
    first = here("wait", id_, "--interval", "50ms")
    again = here("wait", id_)
    assert (again.code, again.lines, len(again.lines)) == (0, first.lines, 1)
    fetched = here("wait", id_, "--download", "--dir", "renders")
    assert (fetched.code, fetched.lines) == (0, [f"renders/{id_}-0.mp4"])


def test_a_link_with_a_signature_is_asked_for_again(inside: Inside, provider: Serving) -> None:
    links = iter(f"https://cdn.example/ok.mp4?X-Amz-Signature={number}" for number in range(9))

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(200, {"id": "task-1", "status": "pending"})
        return Reply(200, {"id": "task-1", "status": "completed", "results": [next(links)]})

    serving = provider(answer)
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    once = ("submit", "-P", "evolink", "-m", "m", "prompt=x", "--key", "k-1", "--wait")
    for number in range(3):
        done = inside(*once)
        assert (done.code, done.lines) == (0, [f"https://cdn.example/ok.mp4?X-Amz-Signature={number}"])
    assert len(serving.posts()) == 1
    serving.answer = lambda _: Reply(503, {})
    gone = inside("wait", "task-1")
    assert (gone.code, gone.out) == (0, "")
    assert "has completed, but its links may be old" in gone.err


def test_the_links_of_a_sandbox_that_ends_are_not_passed_off_as_lasting(inside: Inside) -> None:
    done = inside("submit", "-P", "sandbox", "prompt=a dog [takes 50ms]", "--wait", "--interval", "50ms")
    assert done.code == 0
    assert "fetch the files with: taskctl download" in done.err


def test_a_retry_of_what_may_be_there_is_refused(evolink: Inside) -> None:
    lost(evolink, "retried")
    done = evolink("retry", "@last")
    assert (done.code, done.out) == (9, "")
    assert "taskctl reconcile" in done.err
    assert len(evolink("list").lines) == 1


def test_everything_is_sent_again_only_where_somebody_says_so(evolink: Inside) -> None:
    for key in ("again-1", "again-2"):
        lost(evolink, key)
    asked = evolink("reconcile", "--resubmit")
    assert (asked.code, asked.out) == (2, "")
    assert "2 submissions" in asked.err
    assert len(evolink("reconcile", "--resubmit", "--yes").lines) == 2


def test_a_provider_that_cannot_answer_until_the_end_is_exit_6_and_is_told_of(
    inside: Inside, provider: Serving
) -> None:
    serving = provider(lambda _: Reply(500, {"error": {"message": "the cellar is flooded"}}))
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    done = inside("wait", "-P", "evolink", "task-1", "--timeout", "300ms", "--interval", "20ms", "-o", "json")
    assert (done.code, [task["id"] for task in checked(done)]) == (6, ["task-1"])
    assert "the cellar is flooded" in done.err


def test_a_key_that_others_could_read_is_warned_about(inside: Inside) -> None:
    config = inside.home / "config.toml"
    config.write_text(f'[profiles.studio]\ndialect = "evolink"\napi_key = "{CANARY}"\n')
    config.chmod(0o644)
    done = inside("profile", "show", "studio", "--config", str(config))
    assert (done.code, "chmod 600" in done.err, CANARY in done.err) == (0, True, False)


def test_a_refused_key_is_never_repeated(inside: Inside, provider: Serving) -> None:
    def refuse(asked: Asked) -> Reply:
        return Reply(401, {"error": {"message": f"bad key: {asked.headers['authorization']}"}})

    serving = provider(refuse)
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    for command in (("profile", "check"), ("status", "task-1"), ("submit", "prompt=x", "-m", "m")):
        done = inside(*command, "-P", "evolink", "-o", "json")
        assert (done.code, CANARY in done.out + done.err) == (4, False)
        assert "taskctl profile check evolink" in done.err
    assert serving.asked[0].headers["authorization"] == f"Bearer {CANARY}"


def test_reconcile_takes_keys_beginnings_of_them_and_selections(evolink: Inside) -> None:
    for key in ("batch7-shot03", "batch7-shot04"):
        lost(evolink, key)
    for named, count in ((["batch7-shot03"], 1), (["shot04"], 1), (["@last"], 1), (["@unfinished"], 2), ([], 2)):
        done = evolink("reconcile", *named, "-P", "evolink", "-o", "json")
        assert (done.code, len(checked(done))) == (9, count)
        assert "--resubmit" in done.err
    assert evolink("reconcile", "batch7").code == 2
    assert evolink("wait", "batch7-shot03").code == 9
    for command in (["list"], ["history", "export"]):
        assert evolink(*command, "-q").err.startswith("warning: 2 submissions had no answer"), command
    forgotten = evolink("history", "forget", "batch7-shot04", "--yes")
    assert (forgotten.code, forgotten.out) == (0, "1\n")
    (id_,) = evolink("reconcile", "--key", "batch7-shot03", "--resubmit").lines
    assert evolink("reconcile", "--key", "batch7-shot03", "--resubmit").lines == [id_]
    assert evolink("list", "-o", "ids").lines == [id_]


def test_without_a_history_submit_refuses_and_the_rest_goes_on(here: Inside) -> None:
    id_ = submitted(here)
    here.environ["TASKCTL_HISTORY"] = "/dev/null/history.db"
    for command in (["submit", "prompt=x"], ["retry", id_], ["history", "forget", id_, "--yes"]):
        done = here(*command, "-o", "json")
        assert done.code == 3, done.err
        assert not checked(done)
    for command in (["status", id_], ["wait", id_, "--interval", "50ms"], ["download", id_], ["status", id_, "-q"]):
        done = here(*command)
        assert (done.code, len(done.lines)) == (0, 1), done.err
        assert done.err.startswith("warning: the history cannot be written")
    done = here("list")
    assert (done.code, done.out) == (0, "")


def test_without_a_place_for_its_tasks_the_sandbox_says_so(inside: Inside) -> None:
    done = inside("status", "-P", "sandbox", "abcd", TASKCTL_HISTORY="/dev/null/history.db")
    assert (done.code, "TASKCTL_HISTORY" in done.err) == (3, True)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[profiles", "is not TOML"),
        ("defualt = 'x'", "did you mean default"),
        ("[profiles.a]\ndialct = 'evolink'", "did you mean dialect"),
        ("[profiles.a]\ndialect = 5", "profiles.a.dialect"),
        ("[profiles.a]\n", "needs a dialect"),
        ("default = 'nope'", "'nope'"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_broken_config_file_is_refused_with_its_place(inside: Inside, config: str, said: str) -> None:
    path = inside.home / "broken.toml"
    path.write_bytes(config.encode(errors="surrogateescape"))
    for option, named in ((["--config", str(path)], ""), ([], str(path))):
        done = inside("submit", "prompt=x", "-o", "json", *option, TASKCTL_CONFIG=named)
        assert done.code == 3, done.err
        checked(done)
        assert said in done.err
    assert inside("list", TASKCTL_CONFIG=str(path)).code == 0


def test_a_config_path_that_is_a_folder_is_refused(inside: Inside) -> None:
    for command in (("profile", "list"), ("profile", "add", "x", "--dialect", "evolink"), ("status", "abcd")):
        done = inside(*command, "-o", "json", TASKCTL_CONFIG=str(inside.home))
        assert (done.code, bool(checked(done))) == (3, False)


def test_a_broken_dialect_of_the_users_is_refused_with_its_place(inside: Inside) -> None:
    folder = inside.home / ".config/taskctl/dialects"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('format = 1\nname = "mine"\n')
    done = inside("submit", "-P", "mine", "prompt=x", "-o", "json")
    assert (done.code, json.loads(done.out)["errors"][0]["code"]) == (3, "dialect")
    assert "mine.toml" in done.err
    assert inside("submit", "-P", "evolink", "-m", "m", "prompt=x", "--dry-run").code == 0


HOSTILE: list[tuple[str, ...]] = [
    ("status", "\udcff\udcfe"),
    ("status", "../../etc/passwd"),
    ("status", "%2e%2e/x"),
    ("status", "x" * 512),
    ("wait", "\x1b]0;owned\x07"),
    ("wait", "abcd", "--timeout", "0", "--junit", "/dev/full"),
    ("wait", "abcd", "--timeout", "0", "--junit", "."),
    ("submit", "prompt=\udcff"),
    ("submit", "\udcff=x"),
    ("submit", "prompt=x", "--tag", "\udcff", "--tag", ""),
    ("submit", "prompt=x", "-m", "\udcff"),
    ("submit", "prompt=x", "-m", ""),
    ("submit", "prompt=x", "--key", "\udcff"),
    ("submit", "prompt=x", "--operation", "\udcff"),
    ("submit", "prompt=x", "--callback-url", "\udcff"),
    ("submit", "n:=1e999", "prompt=x"),
    ("submit", "n:=" + "9" * 5000, "prompt=x"),
    ("submit", "n:=NaN", "prompt=x"),
    ("submit", "n:=" + "[" * 100_000),
    ("submit", "=x"),
    ("submit", "a..b=x"),
    ("submit", "a=1", "a.b=2"),
    ("submit", "a@/dev/null/x"),
    ("submit", "a@."),
    ("submit", "a@~nobody-of-that-name/x.png"),
    ("submit", "a:=@/proc/self/mem"),
    ("submit", "-i", "/no/such/file"),
    ("submit", "-i", "."),
    ("submit", "-i", "-"),
    ("submit", "prompt=@-"),
    ("submit", "prompt=@-", "-i", "-"),
    ("list", "--limit", "9" * 40),
    ("list", "--since", "36500d"),
    ("list", "--model", "\udcff"),
    ("list", "--tag", "\udcff"),
    ("list", "-P", "\udcff"),
    ("list", "--query", "\udcff"),
    ("list", "--query", "tasks[0].id | sum(@)"),
    ("list", "--query", "@" * 10_000),
    ("history", "prune", "--older-than", "36600d", "--yes"),
    ("reconcile", "--key", ""),
    ("reconcile", "\udcff"),
    ("reconcile", "--key", "a b\udcff"),
    ("retry", "\udcff"),
    ("open", "\udcff"),
    ("open", "@last", "--index", "9" * 40),
    ("download", "abcd", "--dir", "\udcff/x"),
    ("download", "abcd", "--dir", "/dev/null/x"),
    ("download", "abcd", "--name", "{id"),
    ("download", "abcd", "--name", "{id.__class__}"),
    ("profile", "add", "\udcff", "--dialect", "evolink"),
    ("profile", "add", "x", "--dialect", "\udcff"),
    ("profile", "add", "x", "--dialect", "evolink", "--key-env", "\udcff"),
    ("profile", "add", "x", "--dialect", "evolink", "--key-command", "\udcff"),
    ("profile", "set", "x", "model=\udcff"),
    ("profile", "show", "../x"),
    ("profile", "use", ""),
    ("profile", "remove", ""),
    ("dialect", "show", "../../../etc/passwd"),
    ("dialect", "show", "\udcff"),
    ("dialect", "check", "\udcff"),
    ("dialect", "check", "/dev/null"),
    ("dialect", "check", "/dev/zero"),
    ("dialect", "check", "/dev/null", "--sample", "."),
    ("\udcff",),
    ("--\udcff",),
]  # fmt: skip


@pytest.mark.parametrize("arguments", HOSTILE, ids=lambda given: ascii(" ".join(given))[:60])
def test_hostile_words_end_with_a_documented_code_and_one_document(here: Inside, arguments: tuple[str, ...]) -> None:
    given = arguments if "--query" in arguments else [*arguments, "-o", "json"]
    done = here(*given, stdin=b"\x80binary\0")
    assert done.code in (0, 2, 3, 5, 9, 10), done.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x9b]", done.out + done.err)
    if done.code == 2:
        assert done.out == ""
    else:
        json.loads(done.out)
    assert done.code == 0 or done.err.startswith(("error: ", "waiting", "warning")), done.err


@pytest.mark.parametrize(
    "address",
    ["garbage", "http://h:99999", "http://[::1", "ftp://h", "http://a b", "http://\udcff", f"https://u:{CANARY}@h"],
)
def test_an_address_from_the_environment_that_is_none_is_exit_3(inside: Inside, address: str) -> None:
    done = inside("status", "-P", "evolink", "abcd", "-o", "json", TASKCTL_BASE_URL=address, TASKCTL_API_KEY="k")
    assert (done.code, checked(done)) == (3, [])
    assert CANARY not in done.err


def test_a_provider_that_says_anything_at_all_ends_with_a_documented_code(inside: Inside, provider: Serving) -> None:
    bodies = [
        b"", b"null", b"[]", b"{", b"\xff\xfe", b"<html>" * 1000, b"9" * 5000, b'{"id": 1e999}', b'{"id": ""}',
        b'{"id": "a\\u001b[31mb"}', b'{"id": "\\ud800"}', b'{"id": "..", "status": {}}', b"[" * 100_000, b'"x"',
        b'{"id": "task-1", "status": "\\u001b]0;x\\u0007", "results": ["\\u202e", 5, null, {"url": 5}]}',
        b'{"id": "task-1", "status": "completed", "results": ["file:///etc/passwd", "http://[", "javascript:x"]}',
        b'{"id": "task-1", "status": "failed", "error": {"message": "\\u001b[2J::error::x", "code": ["x"]}}',
    ]  # fmt: skip
    answers = iter([Reply(status, body) for body in bodies for status in (200, 400, 500)])
    serving = provider(lambda _: next(answers))
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    for number in range(len(bodies) * 3):
        done = inside("status", "-P", "evolink", f"task-{number}", "-o", "json")
        assert done.code in (0, 5, 6), done.err
        checked(done)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]|^::", done.out + done.err, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "garbage://x"), ("ALL_PROXY", "socks5://127.0.0.1:1"), ("https_proxy", "http://\udcff"),
        ("SSL_CERT_FILE", "/no/such/file"), ("SSL_CERT_FILE", "/dev/null"),
    ],
)  # fmt: skip
def test_a_proxy_or_a_certificate_that_cannot_be_used_is_exit_3(inside: Inside, name: str, value: str) -> None:
    inside.environ |= {"TASKCTL_BASE_URL": "https://provider.invalid", "TASKCTL_API_KEY": CANARY, name: value}
    for command in (["status", "abcd"], ["submit", "-m", "m", "prompt=x"]):
        done = inside(*command, "-P", "evolink", "-o", "json")
        assert (done.code, name.upper() in done.err) == (3, True)
        checked(done)
    assert inside("list").out == ""


def test_nobody_at_the_address_is_exit_6_and_nothing_is_left(inside: Inside) -> None:
    inside.environ |= {"TASKCTL_BASE_URL": f"http://127.0.0.1:{unused_port()}", "TASKCTL_API_KEY": CANARY}
    for command in (("status", "-P", "evolink", "abcd"), ("wait", "-P", "evolink", "abcd", "--timeout", "100ms")):
        done = inside(*command, "-o", "json")
        assert (done.code, json.loads(done.out)["errors"][0]["code"]) == (6, "no_answer")
        assert "hint: is the network up" in done.err


def test_what_a_person_copies_from_a_hint_is_safe_to_run(inside: Inside, provider: Serving) -> None:
    id_ = "$(touch${IFS}x);`id`'"
    serving = provider(lambda _: Reply(200, {"id": id_, "status": "pending"}))
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    assert inside("submit", "-P", "evolink", "-m", "m", "prompt=x").lines == [id_]
    done = inside("wait", id_, "--timeout", "0")
    assert done.code == 8
    hint = next(line for line in done.err.splitlines() if "resume with" in line)
    assert shlex.split(hint.partition("with: ")[2]) == ["taskctl", "wait", id_]


def test_text_of_a_provider_moves_no_terminal(inside: Inside, provider: Serving) -> None:
    said = "\x1b[31mred\x07\u202e::error::x\n##[group]"
    answer = {"id": "task-1", "status": "failed", "error": {"message": said}, "model": said}
    serving = provider(lambda _: Reply(200, answer))
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    for options in ((), ("-o", "table"), ("-o", "tsv"), ("-o", "json"), ("--query", "tasks[0].error.message")):
        done = inside("wait", "-P", "evolink", "task-1", *options)
        assert done.code == 7
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]|##\[|^\s*::", done.out + done.err, re.MULTILINE)


def test_the_environment_is_all_that_a_home_needs(tmp_path: Path, here: Inside) -> None:
    named = {"TASKCTL_CONFIG": str(tmp_path / "c.toml"), "TASKCTL_HISTORY": str(tmp_path / "deep/er/h.db")}
    there = Inside(here.home, here.cwd, here.environ | named)
    assert there("history", "path").lines == [named["TASKCTL_HISTORY"]]
    (id_,) = there("submit", "prompt=x").lines
    assert there("list", "-o", "ids").lines == [id_]
    assert here("list", "-o", "ids").lines == []
    assert there("profile", "use", "sandbox").code == 0
    assert 'default = "sandbox"' in (tmp_path / "c.toml").read_text()
    assert (tmp_path / "deep/er/h.db").stat().st_mode & 0o777 == 0o600
    assert not list(here.home.glob("**/config.toml"))


def test_no_configuration_is_read_from_the_working_directory(inside: Inside) -> None:
    for name in ("config.toml", "taskctl.toml", ".env", "pyproject.toml"):
        (inside.cwd / name).write_text("[profiles")
    (inside.cwd / "dialects").mkdir()
    assert inside("profile", "list").code == 0
    assert os.listdir(inside.home) == []  # noqa: PTH208  # looking changes nothing


def test_a_key_for_another_address_is_not_asked_for_again(inside: Inside, provider: Serving) -> None:
    serving = provider(lambda _: Reply(200, {"id": "task-1", "status": "processing"}))
    inside.environ |= {"TASKCTL_BASE_URL": serving.url, "TASKCTL_API_KEY": CANARY}
    assert inside("submit", "-P", "evolink", "-m", "m", "prompt=x").code == 0
    inside.environ["TASKCTL_BASE_URL"] = "http://127.0.0.1:9"
    done = inside("status", "-P", "evolink", "task-1")
    assert done.code == 4
    assert f"this is about {serving.url}" in done.err
