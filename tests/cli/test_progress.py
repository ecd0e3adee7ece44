import io
import re
import time
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from taskctl.cli.output import Format, Output
from taskctl.cli.progress import LineListener, LiveListener, listener_for
from taskctl.errors import NoAnswer, Unavailable
from taskctl.model import Failure, State, Task
from taskctl.net.transfer import Progress
from taskctl.net.watched import Seen
from taskctl.store.history import History
from tests.cli.screen import screen
from tests.conftest import FakeClock
from tests.harness import SCRIPT, Taskctl
from tests.inside import Inside

TASK = Task(id="task-1", key=None, profile="evolink", dialect="evolink", base_url="https://api.evolink.ai")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[1-7]")


class Told:
    """A listener, and what it has said so far."""

    def __init__(self, clock: FakeClock, **options: bool) -> None:
        self.stderr = io.StringIO()
        output = Output(stdout=io.StringIO(), stderr=self.stderr, **options)  # type: ignore[arg-type]  # switches alone
        self.listener = LineListener(output, clock, heartbeat=0.001, pulse=0.001)
        self.task = TASK

    @property
    def lines(self) -> list[str]:
        return self.stderr.getvalue().splitlines()

    def sees(self, **changes: object) -> None:
        before, self.task = self.task, replace(self.task, **changes)  # type: ignore[arg-type]  # a task's own fields
        self.listener.seen([Seen(task=self.task, before=before)])


def test_a_wait_is_announced_with_its_end_and_its_number(clock: FakeClock) -> None:
    done = replace(TASK, state=State.COMPLETED)
    for tasks, timeout, said in (
        ([TASK], 3600.0, ["waiting for 1 task, at most 1h00m"]),
        ([TASK, done, replace(TASK, id="b")], 90.0, ["waiting for 2 tasks, at most 1m30s"]),
        ([TASK], 0.0, []),
        ([done], 90.0, []),
        ([], 90.0, []),
    ):
        told = Told(clock)
        told.listener.watching(tasks, timeout, {})
        told.listener.unwatch()
        assert [line for line in told.lines if "after" not in line] == said


def test_each_change_of_state_is_a_line_and_nothing_else_is(clock: FakeClock) -> None:
    told = Told(clock)
    told.sees(state=State.RUNNING, provider_state="running")
    told.sees(progress=10)
    told.sees(progress=90, message="nearly")
    told.sees(state=State.FAILED, error=Failure(code="moderated", message="the prompt\nwas refused"))
    assert told.lines == ["task-1 running", "task-1 failed: the prompt was refused (moderated)"]


def test_a_word_that_nobody_knows_is_warned_about_once(clock: FakeClock) -> None:
    told = Told(clock, quiet=True)
    for word in ("melting", "melting", "boiling"):
        told.sees(state=State.UNKNOWN, provider_state=word)
        told.sees(state=State.RUNNING, provider_state="running")
    assert [line.partition("calls its state ")[2].split(",")[0] for line in told.lines] == ["'melting'", "'boiling'"]
    assert all(line.startswith("warning: task-1: ") for line in told.lines)


@pytest.mark.parametrize(("verbose", "count"), [(False, 0), (True, 1)])
def test_a_missed_look_is_told_to_those_who_want_to_know(clock: FakeClock, verbose: bool, count: int) -> None:
    told = Told(clock, verbose=verbose)
    told.listener.seen([Seen(task=TASK, before=TASK, missed=NoAnswer("asking about task-1: no answer"))])
    assert len(told.lines) == count


def test_a_provider_in_trouble_is_told_of_once_until_it_answers(clock: FakeClock) -> None:
    told = Told(clock)
    missed = Seen(task=TASK, before=TASK, missed=Unavailable("evolink says: HTTP 502"))
    for _ in range(20):
        told.listener.seen([missed])
    assert told.lines == ["evolink says: HTTP 502; waiting on"]
    told.listener.seen([Seen(task=TASK, before=TASK)])
    for _ in range(5):
        told.listener.seen([missed])
    assert len(told.lines) == 2


def test_a_long_rest_that_a_provider_asks_for_is_told_of_at_once(clock: FakeClock) -> None:
    told = Told(clock)
    for seconds in (600.0, 600.0):
        told.listener.seen([Seen(task=TASK, before=TASK, missed=Unavailable("HTTP 429", retry_after=seconds))])
    assert told.lines == ["HTTP 429 (it asks for 10m00s of rest); waiting on"]


def test_many_changes_are_told_together_but_for_what_went_wrong(clock: FakeClock) -> None:
    told = Told(clock)
    tasks = [replace(TASK, id=f"task-{number}") for number in range(11)]
    told.listener.watching(tasks, 0.0, {})
    news = [Seen(task=replace(task, state=State.RUNNING), before=task) for task in tasks[:5]]
    failed = replace(tasks[5], state=State.FAILED, error=Failure(code=None, message="too dark"))
    told.listener.seen([*news, Seen(task=failed, before=tasks[5])])
    told.listener.unwatch()
    assert told.lines == ["task-5 failed: too dark", "5 running: task-0, task-1, task-2 and 2 more"]


def test_quiet_says_nothing_of_what_goes_well(clock: FakeClock) -> None:
    told = Told(clock, quiet=True)
    told.listener.watching([TASK], 60, {})
    told.sees(state=State.RUNNING)
    told.listener.unwatch()
    assert told.lines == []


def test_a_long_wait_gives_a_sign_of_life_until_it_is_over(clock: FakeClock) -> None:
    told = Told(clock)
    told.listener.watching([TASK, replace(TASK, id="b", state=State.RUNNING)], 60, {})
    clock.passed = 125
    deadline = time.monotonic() + 10
    while not any("1 queued, 1 running after 2m05s" in line for line in told.lines):
        assert time.monotonic() < deadline, told.lines
    told.listener.unwatch()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("options", "term", "lively"),
    [("", "xterm", True), ("", "dumb", False), ("quiet", "xterm", False), ("jsonl", "xterm", False)],
)
def test_bars_are_for_terminals_that_can_move_them(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, options: str, term: str, lively: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    chosen = Format.JSONL if options == "jsonl" else None
    output = Output(stdout=Terminal(), stderr=Terminal(), quiet=options == "quiet", format=chosen)
    assert isinstance(listener_for(output, clock), LiveListener) is lively
    piped = Output(stdout=Terminal(), stderr=io.StringIO())
    assert not isinstance(listener_for(piped, clock), LiveListener)


def live(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> tuple[LiveListener, Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stderr = Terminal()
    return LiveListener(Output(stdout=io.StringIO(), stderr=stderr), clock), stderr


def test_words_over_bars_stay_when_the_bars_are_gone(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    listener, stderr = live(clock, monkeypatch)
    listener.watching([TASK], 60, {})
    running = replace(TASK, state=State.RUNNING, progress=40)
    listener.seen([Seen(task=running, before=TASK)])
    listener.note("a note\x1b[31m of the provider")
    listener.warn("::warning:: " + "long " * 30)
    failed = replace(running, state=State.FAILED, error=Failure(code=None, message="the moon was too bright"))
    listener.seen([Seen(task=failed, before=running)])
    listener.unwatch()
    left = screen(stderr.getvalue())
    assert left[:2] == ["waiting for 1 task, at most 1m00s", "a note<U+001B>[31m of the provider"]
    assert left[2].startswith("warning: : :warning:: long long")
    assert left[3] == "task-1 failed: the moon was too bright"
    assert len(left) == 4


def test_many_tasks_share_one_bar(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    listener, stderr = live(clock, monkeypatch)
    tasks = [replace(TASK, id=f"task-{number}") for number in range(40)]
    listener.watching(tasks, 60, {})
    for task in tasks[:10]:
        listener.seen([Seen(task=replace(task, state=State.COMPLETED), before=task)])
    listener.unwatch()
    written = stderr.getvalue()
    assert "40 tasks" in written
    assert "30 queued" in written
    assert "10 completed" in written
    assert screen(written) == ["waiting for 40 tasks, at most 1m00s"]


def on_terminal(taskctl: Taskctl, *arguments: str, **environ: str) -> "pexpect.spawn[str]":
    env = {**taskctl.env(NO_COLOR=""), **environ}
    return pexpect.spawn(
        SCRIPT, list(arguments), env=env, cwd=str(taskctl.cwd), dimensions=(40, 100), encoding="utf-8", timeout=30
    )


def shown(taskctl: Taskctl, *arguments: str, **environ: str) -> tuple[int, str]:
    """How it ended, and everything that was written to the terminal."""
    terminal = on_terminal(taskctl, *arguments, **environ)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus is not None
    return terminal.exitstatus, terminal.before or ""


def test_a_terminal_shows_bars_and_keeps_the_table_and_the_links(taskctl: Taskctl, here: Inside) -> None:
    (id_,) = here("submit", "prompt=a dog [takes 700ms]").lines
    code, written = shown(taskctl, "wait", id_)
    assert code == 0, written
    assert "━" in written
    assert COLOUR.search(written)
    left = screen(written)
    assert left[0] == "waiting for 1 task, at most 1h00m"
    assert left[1].split()[:3] == ["id", "state", "profile"]
    assert left[2].split()[:3] == [id_, "completed", "100%"]
    assert left[3].startswith("http")
    assert len(left) == 4
    code, written = shown(taskctl, "submit", "prompt=a dog [takes 500ms]", "--wait", "--download", NO_COLOR="1")
    assert (code, "━" in written, COLOUR.search(written)) == (0, True, None)
    left = screen(written)
    assert left == [left[0], "waiting for 1 task, at most 1h00m", f"{left[0]}-0.mp4"]


def test_a_dumb_terminal_gets_lines_without_any_escape(taskctl: Taskctl, here: Inside) -> None:
    (id_,) = here("submit", "prompt=a dog [takes 300ms]").lines
    code, written = shown(taskctl, "wait", id_, TERM="dumb")
    assert (code, "\x1b" in written, "━" in written) == (0, False, False)
    assert f"{id_} completed" in written


def test_a_terminal_is_told_what_comes_next(taskctl: Taskctl, here: Inside, clock: FakeClock) -> None:
    code, written = shown(taskctl, "submit", "prompt=a [takes 1h]")
    id_, hint = screen(written)
    assert (code, hint) == (0, f"next: taskctl wait {id_} --download")
    with History.open(Path(here("history", "path").lines[0]), clock=clock) as history:
        for number in range(21):
            history.record(replace(TASK, id=f"task-{number}"))
    code, written = shown(taskctl, "list")
    assert (code, len(screen(written))) == (0, 21)


def test_a_person_is_asked_before_anything_is_lost(taskctl: Taskctl, here: Inside) -> None:
    (id_,) = here("submit", "prompt=a [takes 1h]").lines
    for answer, code, left in (("n", 2, 1), ("y", 0, 0)):
        terminal = on_terminal(taskctl, "history", "forget", id_)
        terminal.expect_exact("Forget 1 task(s)?")
        terminal.sendline(answer)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == code
        assert len(here("list").lines) == left


def test_a_key_is_asked_for_and_not_shown(taskctl: Taskctl, inside: Inside) -> None:
    terminal = on_terminal(taskctl, "profile", "add", "studio", "--dialect", "evolink")
    terminal.expect_exact("Key for EvoLink (not shown, Enter for none): ")
    terminal.waitnoecho()
    terminal.sendline("sk-canary-0123456789")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert (terminal.exitstatus, "canary" in (terminal.before or "")) == (0, False)
    assert "config file" in inside("profile", "show", "studio").out


def test_ctrl_c_takes_the_bars_away_and_leaves_the_task(taskctl: Taskctl, here: Inside) -> None:
    (id_,) = here("submit", "prompt=a [takes 1h]").lines
    terminal = on_terminal(taskctl, "wait", id_)
    terminal.expect_exact("─")
    terminal.sendintr()
    before = (terminal.before or "") + str(terminal.after)
    terminal.expect(pexpect.EOF)
    terminal.close()
    left = screen(before + (terminal.before or ""))
    assert terminal.exitstatus == 130
    assert f"resume with: taskctl wait {id_}" in left[-1]
    assert "─" not in "".join(left)


def test_files_on_their_way_are_counted_each_heartbeat(clock: FakeClock) -> None:
    told = Told(clock)
    moving = [Progress("a", done=2_000_000, ended=True), Progress("b", done=500_000)]
    told.listener.transferring(moving)
    while not told.lines:
        time.sleep(0.001)
    told.listener.transferred()
    assert told.lines[0] == "1 of 2 files here, 2.5 MB after 0s"
