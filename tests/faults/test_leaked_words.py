"""S10 to S17: what a provider says commands neither terminals nor CI runners, and no secret is said by us."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import count, cycle
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from taskctl.cli.main import COMMANDS
from tests.faults.conftest import Play
from tests.faults.console import CANARY, Console, leaks, until
from tests.faults.server import Asked, File, Hold, Script, Step, answer, json_answer
from tests.faults.words import (
    ESCAPES,
    FULL,
    OURS,
    TEXTS,
    Parrot,
    commands,
    harmful,
    holding,
    impatient,
    quick,
    terminal,
)
from tests.harness import Done
from tests.inside import Inside

FILE = File(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(5000))
SUBMIT = ("submit", "-m", "m", "prompt=a dog")
ONCE = ("--timeout", "0")
STORIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("completed", "ephone", SUBMIT),
    ("nameless", "ephone", SUBMIT),
    ("refused", "ephone", SUBMIT),
    ("completed", "evolink", ("status", "{id}")),
    ("odd", "evolink", ("status", "{id}")),
    ("failed", "evolink", ("status", "{id}")),
    ("refused", "evolink", ("status", "{id}")),
    ("completed", "evolink", ("wait", "{id}", *ONCE)),
    ("failed", "bytespike", ("wait", "{id}", *ONCE)),
    ("odd", "ephone", ("wait", "{id}", "--timeout", "0.05")),
    ("refused", "ephone", ("wait", "{id}", *ONCE)),
    ("completed", "evolink", ("list", "--remote")),
    ("refused", "evolink", ("list", "--remote")),
    ("failed", "ephone", ("download", "{id}")),
    ("completed", "evolink", ("download", "{id}", "--name", "{id}-{model}-{name}{ext}", "--if-exists", "overwrite")),
    ("running", "bytespike", ("cancel", "{id}")),
    ("refused", "bytespike", ("cancel", "{id}")),
    ("refused", "ephone", ("profile", "check")),
    ("completed", "ephone", ("profile", "check")),
    ("completed", "evolink", ("profile", "check")),
    ("completed", "evolink", ("open", "{id}", "--print")),
    ("completed", "evolink", ("list",)),
    ("failed", "ephone", ("status", "{id}", "--raw")),
)
"""How the provider is, its dialect, and what is run."""
FORMATS = ((), ("-o", "table"), ("-o", "tsv"), ("-o", "json"), ("-o", "jsonl"), ("-o", "ids"), ("-q",), ("-v",))
SHOWING = {"download": ("-v",), "open": ()}
"""With which options these show the most; others show a table."""
_ids = count()


def heard(
    inside: Inside, play: Play, words: str | tuple[str, ...], story: int, more: Iterable[str] = (), **environ: str
) -> Done:
    """What a command says when the provider says this, of a task that nobody has heard of."""
    status, dialect, arguments = STORIES[story]
    id_ = f"task-{next(_ids):06}"
    play.server.script = Parrot(words, id_, status, refuses=status == "refused")
    if arguments == ("list",):
        inside("status", id_, "-P", dialect)
    filled = [argument.replace("{id}", id_) if argument == "{id}" else argument for argument in arguments]
    with impatient() if "0.05" in arguments else nullcontext():
        done = inside(*filled, "-P", dialect, *more, stdin=b"", cwd=None, **environ)
        assert done.code in (0, 5, 7, 8, 9, 10), done
        return done


@pytest.fixture
def inside(taskctl: Console, play: Play) -> Inside:  # noqa: ARG001  # the provider's address is in the environment
    """The command line in this process; that what it says holds no key is checked like the console script's."""
    return quick(taskctl)


def saying(said: bytes) -> Script:
    return lambda _: said


def test_the_oracles_know_what_is_obeyed() -> None:
    assert len(set(ESCAPES)) >= 30
    assert all(harmful(words) for words in ESCAPES)
    assert harmful("plain\tünï 漢字 😀\n") == set()
    obeyed = ("::error::x", "  \u00a0::add-mask::x", "a\r::debug::", "a\u2028::group::x", "a##[error]x", "##vso[a]b")
    assert all(
        commands(words) for words in (*obeyed, "::er\u200bror::x", "section_start:1:x\r\x1b[0K", "a##teamcity[x]")
    )
    assert commands("a ::error::x\n::nothing::x\n# #[error]x\n: :error::x") == []
    assert commands("::error title=taskctl::no\n", ours=True) == []
    assert commands("::error title=taskctl::##[error]x", ours=True)


@pytest.mark.parametrize(
    "story", range(len(STORIES)), ids=lambda story: " ".join((STORIES[story][0], *STORIES[story][2]))
)
def test_S10_no_text_of_a_provider_moves_a_terminal(inside: Inside, play: Play, taskctl: Console, story: int) -> None:
    formats = cycle(FORMATS)
    for words in ("".join(ESCAPES), *(ESCAPES if FULL else ESCAPES[story::11])):
        done = heard(inside, play, words, story, next(formats))
        taskctl.said += [done.out, done.err]
        assert harmful(done.out + done.err) == set(), (words, done)


def test_S10_the_words_are_really_shown(inside: Inside, play: Play) -> None:
    """Without this the tests around it would be empty: most stories show most words."""
    silent = {
        STORIES[story]
        for story in range(len(STORIES))
        for how in [SHOWING.get(STORIES[story][2][0], ("-o", "table", "-v"))]
        if "canary" not in str(heard(inside, play, "canary", story, how, COLUMNS="300"))
    }
    assert silent == {STORIES[0]}, "an accepted submission shows nothing but its id"


def test_S10_refused_names_and_heads_of_answers_are_shown_harmlessly(inside: Inside, play: Play) -> None:
    for words in ESCAPES if FULL else ESCAPES[::3]:
        raw = words.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
        head = b"HTTP/1.1 302 " + raw + b"\r\nLocation: /" + raw + b"\r\nContent-Type: " + raw
        play.server.script = saying(head + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(raw) + raw)
        for arguments in (("status", "task-1"), SUBMIT, ("download", "task-1")):
            done = inside(*arguments)
            assert done.code in (5, 6, 9), done
            assert harmful(done.out + done.err) == set(), done


@pytest.mark.parametrize(
    "story", [("failed", "wait"), ("odd", "wait"), ("completed", "download"), ("refused", "submit")]
)
def test_S10_on_a_terminal_only_our_own_colours_arrive(taskctl: Console, play: Play, story: tuple[str, str]) -> None:
    status, command = story
    looks = iter(range(10**6))
    parrot, patient = (
        Parrot("".join(ESCAPES), status=status, refuses=status == "refused"),
        Parrot("".join(ESCAPES), status="processing"),
    )

    def script(asked: Asked) -> bytes:
        return patient(asked) if command == "wait" and next(looks) < 2 else parrot(asked)

    play.server.script = script
    arguments = {"wait": ("wait", "task-1", "--interval", "0.2", "--timeout", "1.5"), "submit": SUBMIT}
    arguments["download"] = ("download", "task-1", "--name", "{model}{ext}")
    code, written = terminal(taskctl, *arguments.get(command, (command, "task-1")), "-P", "evolink")
    assert code in (0, 5, 7, 8, 10), written
    assert "\x1b[" in written or command == "submit"
    assert harmful(OURS.sub("", written).replace("\r\n", "\n")) == set(), repr(written)
    assert not any(words in written for words in ESCAPES if harmful(words) - {"\r"}), repr(written)
    assert "<U+001B>" in written or r"\x1b" in written or "[31mred[2J" in written  # names of files leave it out


def test_S11_no_word_of_a_provider_commands_a_ci_runner(inside: Inside, play: Play) -> None:
    turns, formats, runners = cycle(range(len(STORIES))), cycle(FORMATS), cycle(("true", "true", ""))

    @settings(max_examples=3000 if FULL else 70, suppress_health_check=[HealthCheck.too_slow])
    @given(st.tuples(TEXTS, TEXTS, TEXTS))
    @example(("x" * 300 + "::add-mask::x", "\n::add-mask::x", "\r##[error]x"))
    @example(("##vso[task.setvariable variable=a]b", "\x85::stop-commands::t", "%0A::error::x"))
    def check(words: tuple[str, ...]) -> None:
        done = heard(inside, play, words, next(turns), next(formats), GITHUB_ACTIONS=next(runners))
        assert commands(done.out) == [], done
        assert commands(done.err, ours=True) == [], done

    check()


@pytest.mark.parametrize("format", FORMATS, ids=" ".join)
@pytest.mark.parametrize(
    "words",
    ["::add-mask::x", "\n::error::x\r::debug::y", "##[error]x", " " * 90 + "::add-mask::x", "x " * 60 + "::group::x"],
)
def test_S11_commands_in_every_format(inside: Inside, play: Play, words: str, format: tuple[str, ...]) -> None:  # noqa: A002  # what it is
    for story in range(len(STORIES)) if FULL else range(len(words) % 7, len(STORIES), 7):
        done = heard(inside, play, words, story, format)
        assert commands(done.out) == [], done
        assert commands(done.err) == [], done


def test_S11_what_people_type_commands_no_runner_either(inside: Inside, play: Play) -> None:
    play.server.script = Parrot(refuses=True)
    for words in ("::add-mask::x", "##[error]x", "a\n::error::x", "\x1b]0;x\x07"):
        for arguments in (
            ("status", words), ("wait", words), ("download", words), ("submit", f"{words}=x"), (words,),
            ("submit", "-m", words, f"prompt={words}", "--key", words), ("submit", f"image@{words}"),
            ("list", words), ("profile", "show", words), ("profile", "set", "x", words), ("-P", words),
            ("dialect", "check", words), ("list", "--query", words), ("list", "-P", words),
            ("submit", "--dry-run", "-m", words, f"prompt={words}"),
            ("list", "-o", words), ("history", "forget", words, "--yes"), ("reconcile", "--key", words),
        ):  # fmt: skip
            done = inside(*arguments)
            told = done.err if "--dry-run" in arguments else done.out + done.err  # which is to be pasted as it is
            assert commands(told) == [], (arguments, done)
            assert harmful(told) == set(), (arguments, done)


MARKUP = (
    "[/]",
    "[bold red]fake[/bold red]",
    "[link=file:///etc/passwd]click[/link]",
    ":smile:",
    "[not a tag",
    "\\[x]",
    "[@click=x]y[/]",
)


def test_S12_markup_is_shown_as_it_is(taskctl: Console, play: Play) -> None:
    words = " ".join(MARKUP)
    looks = iter(range(10**6))
    patient, failed = Parrot(words, status="processing"), Parrot(words, status="failed")

    def script(asked: Asked) -> bytes:
        return patient(asked) if next(looks) < 2 else failed(asked)

    play.server.script = script
    code, written = terminal(taskctl, "wait", "task-1", "-P", "evolink", "--interval", "0.1", COLUMNS="400")
    assert code == 7, written
    assert words in " ".join(OURS.sub("", written).split()), written
    inside = quick(taskctl)
    for story, (status, _, arguments) in enumerate(STORIES):
        done = heard(inside, play, words, story, ("-o", "table"), COLUMNS="400")
        assert "\x1b" not in done.out + done.err
        assert status != "failed" or "--raw" in arguments or words in " ".join((done.out + done.err).split()), done


STORED = "sk-stored-0d9c2f4b7a61e853"


def test_S13_after_a_long_story_only_the_config_file_holds_the_key(
    taskctl: Console, play: Play, tmp_path: Path
) -> None:
    del taskctl.environ["TASKCTL_API_KEY"], taskctl.environ["TASKCTL_PROFILE"], taskctl.environ["TASKCTL_BASE_URL"]
    server, inside, told = play.server, quick(taskctl), []
    play.ephone.files = FILE
    echo = {"error": {"message": f"the key Bearer {STORED} is not known", "code": STORED}}

    def run(*arguments: str, code: int = 0, stdin: str = "", **more: str) -> Done:
        done = inside(*arguments, stdin=stdin, cwd=None, **more)
        assert done.code == code, done
        told.extend([done.out, done.err])
        return done

    added = taskctl(
        *("profile", "add", "studio", "--dialect", "ephone", "--base-url", server.url, "--key-stdin", "--default"),
        stdin=f"{STORED}\n",
    )
    assert added.code == 0, added.err
    run("profile", "show", "studio", "-o", "json")
    run("profile", "list")
    run("profile", "set", "studio", "model=m", "rate=100")
    run("profile", "use", "studio")
    run("submit", "-v", "prompt=x", "--key", "one")
    run("submit", "prompt=x", f"token={STORED}", "--tag", STORED, "--key", "two")
    run("submit", "--dry-run", "prompt=x", f"header=Bearer {STORED}")
    run("submit", "--dry-run", "prompt=x", "-o", "json")
    run("wait", "task-1", "--download", "--junit", "junit.xml", "--manifest", "manifest.json", "-v")
    run("wait", "task-1", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(taskctl.cwd / "summary.md"))
    run("status", "task-1", "--raw", "-o", "json")
    run("retry", "task-1")
    run("list", "-o", "json")
    run("history", "export")
    run("open", "task-1", "--print")
    for status, code in ((401, 4), (400, 5), (500, 9), (302, 5), (402, 5)):
        headers = {"Location": f"/{STORED}", "Set-Cookie": STORED, "Retry-After": "0"}
        server.script = saying(answer(status, json.dumps(echo).encode(), headers))
        run("submit", "-v", f"prompt=status {status}", "-o", "json", code=code)
        run("status", "-v", "task-1", code=4 if status == 401 else 6 if status == 500 else 5)
    run("profile", "check", "studio", code=5)
    run("reconcile", code=9)
    run("list", "--remote", code=5)
    run("cancel", "task-1", code=5)
    server.script = lambda _: json_answer({"id": "task-1", "status": "failed", "error": f"bad {STORED}"})
    run("download", "task-9", code=7)
    server.script = lambda _: json_answer({"id": STORED, "status": f"odd {STORED}", "outputs": [f"/{STORED}.mp4"]})
    run("status", "task-9", "--raw", "-o", "json")
    run("wait", "task-8", "--timeout", "0.1", code=8)
    run("profile", "add", "other", "--dialect", "ephone", "--base-url", server.url, "--key-env", STORED, code=3)
    config = taskctl.home / ".config/taskctl/config.toml"
    found = leaks(STORED, [tmp_path], [*taskctl.said, *told], [])
    assert found == [str(config)], found
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_S13_a_key_that_was_pasted_for_an_id_is_not_remembered(inside: Inside, play: Play, taskctl: Console) -> None:
    done = inside("status", CANARY)
    assert play.looks <= 1
    assert CANARY not in done.out + done.err
    found = holding(CANARY, [taskctl.home])
    for path in found:
        path.unlink()
    assert [path.name for path in found] == []


SIGNATURE, TOKEN = "f00dfeed5160a7c4e1", "tok-5ca1ab1e-90d2"


@pytest.mark.parametrize("how", ["served", "dead", "redirected", "cut", "another scheme", "a password"])
def test_S14_a_signed_link_is_data_of_the_moment(taskctl: Console, play: Play, how: str) -> None:
    query = f"X-Amz-Signature={SIGNATURE}&token={TOKEN}"
    link = {
        "another scheme": f"ftp://127.0.0.1/a.mp4?{query}",
        "a password": f"{play.server.url.replace('//', f'//user:{TOKEN}@')}/a.mp4?{query}",
    }.get(how, f"/a.mp4?{query}")
    play.ephone.links = lambda _: [link]

    def files(asked: Asked) -> bytes:
        if how == "dead":
            return answer(403, f"<Error>{asked.path}</Error>".encode())
        if how == "redirected" and "again" not in asked.path:
            return answer(302, headers={"Location": f"/again.mp4?{query}"})
        return FILE.whole()[:-100] if how == "cut" else FILE(asked)

    play.ephone.files = files
    inside = quick(taskctl)
    assert inside(*SUBMIT).code == 0
    more = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(taskctl.cwd / "summary.md")}
    run = inside("wait", "task-1", "-v", "--junit", "junit.xml", stdin=b"", cwd=None, **more)
    assert (run.code, SIGNATURE in run.out, SIGNATURE in run.err) == (0, True, False)
    if how == "cut":  # it would try again for long
        fetching = taskctl.running("download", "task-1", "-v", "--manifest", "manifest.json")
        play.server.wait_for(len(play.server.asked) + 2)
        run = fetching.ended(signal.SIGTERM)
    else:
        run = inside("download", "task-1", "-v", "--manifest", "manifest.json", stdin=b"", cwd=None, **more)
    assert run.code == {"served": 0, "redirected": 0, "cut": 143}.get(how, 10), run
    assert [secret for secret in (SIGNATURE, TOKEN) if secret in run.out + run.err] == []
    for arguments in (("list", "-o", "json"), ("history", "export"), ("list",)):
        assert SIGNATURE not in inside(*arguments).out
    for secret in (SIGNATURE, TOKEN):
        assert holding(secret, [taskctl.home, taskctl.cwd]) == []


CRASH = """
import importlib.abc, importlib.util, os, sys
module, _, place = os.environ["CRASH"].partition(":")
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def exec_module(made):
            load(made)
            owner, _, method = place.rpartition(".")
            setattr(getattr(made, owner) if owner else made, method, crash)
        spec.loader.exec_module = exec_module
        return spec
def crash(*given, **named):
    header = {"Authorization": "Bearer " + os.environ["TASKCTL_API_KEY"]}
    try:
        raise KeyError(header["Authorization"])
    except KeyError as problem:
        raise RuntimeError(f"cannot use {header}") from problem
sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("taskctl.dialects.answers:Reader.task", SUBMIT),
        ("taskctl.dialects.answers:Reader.task", ("wait", "task-1", "-o", "json")),
        ("taskctl.net.file_get:FileGet.answer", ("download", "task-1", "-v")),
        ("taskctl.net.connections:Connection.exchange", ("status", "task-1")),
    ],
)
@pytest.mark.parametrize("debug", ["", "1"])
def test_S15_a_crash_shows_neither_the_key_nor_what_it_worked_with(
    taskctl: Console, play: Play, tmp_path: Path, place: str, arguments: tuple[str, ...], debug: str
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(CRASH)
    started = taskctl.start(*arguments, PYTHONPATH=str(hooks), CRASH=place, TASKCTL_DEBUG=debug)
    out, err = started.communicate(timeout=60)
    taskctl.said += [out, err]
    assert started.returncode == 1, err
    assert "this is a bug in taskctl: RuntimeError: cannot use {'Authorization': 'Bearer ***'}" in err
    assert ("Traceback" in err) is ("File " in err) is bool(debug)
    assert play.looks <= 2


EVERY = """
import contextlib, io, json, os, sys
from taskctl.cli import shell
from taskctl.cli.main import main
def crash(self, common):
    key = os.environ["TASKCTL_API_KEY"]
    secrets = {"key": key, "header": f"Bearer {key}"}
    raise RuntimeError("it broke")
shell.Shell.__init__ = crash
told = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    told.append([arguments, code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""
WORDS = {
    "status": ["x"],
    "wait": ["x"],
    "cancel": ["x"],
    "delete": ["x"],
    "download": ["x"],
    "retry": ["x"],
    "open": ["x"],
}
GROUPS = {
    "profile": (
        ["list"],
        ["show", "x"],
        ["add", "x"],
        ["set", "x", "rate=1"],
        ["use", "x"],
        ["remove", "x"],
        ["check"],
    ),
    "dialect": (["list"], ["show", "x"], ["check", "x"]),
    "history": (["path"], ["forget", "x"], ["prune", "--before", "1d"], ["export"]),
}


@pytest.mark.parametrize("debug", ["", "1"])
def test_S15_every_command_crashes_alike(taskctl: Console, debug: str) -> None:
    lines = [[name, *WORDS.get(name, [])] for name in COMMANDS if name not in GROUPS]
    lines += [[name, *rest] for name, all_ in GROUPS.items() for rest in all_]
    ended = subprocess.run(
        [sys.executable, "-c", EVERY], input=json.dumps(lines), capture_output=True, text=True,
        env=taskctl.env(TASKCTL_DEBUG=debug), cwd=taskctl.cwd, check=True,
    )  # fmt: skip
    taskctl.said += [ended.stdout, ended.stderr]
    told = json.loads(ended.stdout)
    assert [arguments for arguments, *_ in told] == lines
    for arguments, code, out, err in told:
        if code == 2:  # refused before anything could break
            assert arguments[:2] in (["history", "prune"], ["profile", "set"]), err
            continue
        assert (code, out, err.splitlines()[0]) == (1, "", "error: this is a bug in taskctl: RuntimeError: it broke")
        assert CANARY not in err
        assert ("Traceback" in err) is bool(debug)


def children(pid: int) -> list[int]:
    """The processes that this one started, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


@pytest.mark.skipif(
    not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="needs /proc, which tells of other processes"
)
def test_S16_no_key_is_among_the_arguments_of_a_process(taskctl: Console, play: Play, tmp_path: Path) -> None:
    giver = tmp_path / "giver"
    giver.write_text(f"#!/bin/sh\necho {STORED}\n")
    giver.chmod(0o700)
    config = taskctl.home / ".config/taskctl/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[profiles.studio]\ndialect = "ephone"\nbase_url = "{play.server.url}"\napi_key_command = ["{giver}"]\n'
    )
    held = Event()
    play.server.script = lambda _: [Hold(held), json_answer({"id": "task-1", "status": "queued"})]
    del taskctl.environ["TASKCTL_BASE_URL"], taskctl.environ["TASKCTL_API_KEY"]
    run = taskctl.running(*SUBMIT, "-P", "studio")
    play.server.wait_for(1)
    assert play.server.asked[0].header("Authorization") == f"Bearer {STORED}"
    for pid in (run.process.pid, *children(run.process.pid)):
        assert STORED not in Path(f"/proc/{pid}/cmdline").read_text()
        assert STORED not in Path(f"/proc/{pid}/environ").read_text()
    held.set()
    assert run.ended().code == 0
    for option in ("--api-key", "--key-value", "--token", "--password"):
        assert quick(taskctl)("submit", option, "x", "prompt=x").code == 2


DUMPING = """#!/bin/sh
{ tr '\\0' '\\n' </proc/$$/environ; echo "$@"; } >"$DUMP.$(basename "$0").new"
mv "$DUMP.$(basename "$0").new" "$DUMP.$(basename "$0")"
"""
KEYS = ("TASKCTL_API_KEY", "EVOLINK_API_KEY", "STUDIO_KEY")


def dumping(folder: Path, *names: str) -> None:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(DUMPING + f"echo {STORED}\n")
        (folder / name).chmod(0o700)


def studio(taskctl: Console, play: Play, source: str) -> None:
    """A profile with a key from elsewhere, beside one that names a variable of its own."""
    config = taskctl.home / ".config/taskctl/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[profiles.studio]\ndialect = "ephone"\nbase_url = "{play.server.url}"\n{source}\n'
        f'[profiles.named]\ndialect = "ephone"\nbase_url = "{play.server.url}"\napi_key_env = "STUDIO_KEY"\n'
    )


def test_S16_the_command_that_gives_the_key_is_given_none(taskctl: Console, play: Play, tmp_path: Path) -> None:
    dumping(tmp_path / "bin", "giver")
    studio(taskctl, play, f'api_key_command = ["{tmp_path}/bin/giver", "studio"]')
    del taskctl.environ["TASKCTL_BASE_URL"]
    more = dict.fromkeys(KEYS, CANARY) | {"DUMP": str(tmp_path / "dump"), "TASKCTL_API_KEY": ""}
    done = taskctl(*SUBMIT, "-P", "studio", stdin=b"", cwd=None, **more)
    assert done.code == 0, done.err
    given = (tmp_path / "dump.giver").read_text()
    (tmp_path / "dump.giver").unlink()
    assert "HOME=" in given
    assert [line.partition("=")[0] for line in given.splitlines() if CANARY in line] == []


def test_S16_the_program_that_opens_a_result_is_given_no_key(taskctl: Console, play: Play, tmp_path: Path) -> None:
    dumping(tmp_path / "bin", "xdg-open", "open")
    studio(taskctl, play, 'api_key_env = "STUDIO_KEY"')
    play.ephone.links = lambda _: [f"{play.server.url}/a.mp4"]
    more = dict.fromkeys(KEYS, CANARY) | {"DUMP": str(tmp_path / "dump")}
    code, written = terminal(taskctl, "open", "task-1", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}", **more)
    assert code == 0, written
    dump = tmp_path / ("dump.open" if sys.platform == "darwin" else "dump.xdg-open")
    until(dump.exists, "the opener")
    given = dump.read_text()
    dump.unlink()
    assert f"{play.server.url}/a.mp4" in given
    assert [line.partition("=")[0] for line in given.splitlines() if CANARY in line] == []


def exposed(folder: Path) -> list[str]:
    """What others may look into below this folder."""
    found = [path for path in folder.rglob("*") if not path.is_symlink()]
    return [f"{path} {path.stat().st_mode:o}" for path in found if path.stat().st_mode & 0o077]


def test_S17_with_no_umask_everything_of_ours_is_private(taskctl: Console, play: Play) -> None:
    play.ephone.files = FILE
    within = ["sh", "-c", 'umask 000; exec "$@"', "sh"]
    seen: list[str] = []

    def script(asked: Asked) -> bytes | Iterable[Step]:
        seen.extend(exposed(taskctl.home))  # while it runs, with its log and its shared memory
        seen.append("looked")
        return play.ephone(asked)

    play.server.script = script
    add = ("profile", "add", "studio", "--dialect", "ephone", "--base-url", play.server.url, "--key-env", "STUDIO_KEY")
    for arguments in (add, (*SUBMIT, "--wait", "--download"), ("list",)):
        done = taskctl.running(*arguments, within=within).ended()
        assert done.code == 0, done.err
    assert {*seen} == {"looked"}
    assert exposed(taskctl.home) == []
    files = {path.name for path in (taskctl.home / ".local/state/taskctl").iterdir()}
    assert {"history.db"} <= files
    assert (taskctl.home / ".config/taskctl/config.toml").exists()


def test_S17_what_had_become_readable_is_closed_again(inside: Inside, taskctl: Console) -> None:
    assert inside(*SUBMIT).code == 0
    folder = taskctl.home / ".local/state/taskctl"
    for path in folder.iterdir():
        path.chmod(0o666)
    assert inside(*SUBMIT).code == 0
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077 and path.suffix != ".lock"] == []
