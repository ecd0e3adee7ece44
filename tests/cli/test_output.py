import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from taskctl.cli.output import Format, Output
from taskctl.errors import CredentialsError, NoAnswer, TaskctlError, UsageError
from taskctl.model import State, Task
from taskctl.secret import MASK, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TASK = Task(
    id="01K5", key="k", profile="p", dialect="d", base_url="https://h", state=State.COMPLETED, submitted_at=NOON,
    input={"prompt": "a dog"},
)  # fmt: skip
OTHER = replace(TASK, id="01K6", state=State.RUNNING)
URLS = ["https://cdn/a.mp4?sig=1", "https://cdn/b.mp4"]


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Said:
    """An output and what it wrote."""

    def __init__(self, *, terminal: bool = False, **given: Any) -> None:
        self.stdout: io.StringIO = Terminal() if terminal else io.StringIO()
        self.stderr: io.StringIO = Terminal() if terminal else io.StringIO()
        self.output = Output(stdout=self.stdout, stderr=self.stderr, **given)

    @property
    def out(self) -> str:
        return self.stdout.getvalue()

    @property
    def err(self) -> str:
        return self.stderr.getvalue()


class TestTasks:
    def test_a_pipe_gets_tab_separated_rows(self) -> None:
        said = Said()
        said.output.tasks([TASK, OTHER], now=NOON)
        assert [line.split("\t")[:2] for line in said.out.splitlines()] == [["01K5", "completed"], ["01K6", "running"]]

    def test_a_pipe_gets_the_plain_lines_where_a_command_has_such(self) -> None:
        said = Said()
        said.output.tasks([TASK], now=NOON, plain=URLS)
        assert said.out.splitlines() == URLS

    def test_a_terminal_gets_a_table_and_then_the_plain_lines(self) -> None:
        said = Said(terminal=True)
        said.output.tasks([TASK], now=NOON, plain=URLS)
        lines = said.out.splitlines()
        assert lines[0].split()[0] == "id"
        assert "01K5" in lines[1]
        assert lines[2:] == URLS

    def test_a_terminal_hears_that_there_are_no_tasks_and_a_pipe_gets_nothing(self) -> None:
        terminal, pipe = Said(terminal=True), Said()
        terminal.output.tasks([], now=NOON)
        pipe.output.tasks([], now=NOON)
        assert (terminal.out, terminal.err) == ("", "no tasks\n")
        assert (pipe.out, pipe.err) == ("", "")

    def test_quiet_means_ids_but_for_results(self) -> None:
        listing, waiting = Said(quiet=True), Said(quiet=True)
        listing.output.tasks([TASK, replace(OTHER, id=None)], now=NOON)
        waiting.output.tasks([TASK], now=NOON, plain=URLS)
        assert listing.out == "01K5\nk\n"
        assert waiting.out.splitlines() == URLS

    @pytest.mark.parametrize("terminal", [True, False])
    def test_a_named_format_is_the_same_everywhere(self, terminal: bool) -> None:
        for named in (Format.IDS, Format.TSV, Format.JSON, Format.JSONL):
            with_plain, without = Said(terminal=terminal, format=named), Said(format=named, quiet=True)
            with_plain.output.tasks([TASK, OTHER], now=NOON, plain=URLS)
            without.output.tasks([TASK, OTHER], now=NOON)
            assert with_plain.out == without.out

    def test_tab_separated_is_tab_separated(self) -> None:
        said = Said(format=Format.TSV, terminal=True)
        said.output.tasks([TASK], now=NOON, plain=URLS)
        assert said.out == "01K5\tcompleted\t\tp\t\t2026-11-22T12:00:00Z\ta dog\n"

    def test_ids_are_ids(self) -> None:
        said = Said(format=Format.IDS)
        said.output.tasks([TASK, OTHER], now=NOON)
        assert said.out == "01K5\n01K6\n"

    def test_a_table_goes_into_a_pipe_where_asked_for(self) -> None:
        said = Said(format=Format.TABLE)
        said.output.tasks([TASK], now=NOON)
        assert said.out.splitlines()[0].startswith("id")
        assert "\x1b" not in said.out

    def test_json_is_one_document_with_its_errors(self) -> None:
        said = Said(format=Format.JSON)
        said.output.tasks([TASK], [NoAnswer("silence", task="01K5")], now=NOON, raw={"01K5": [1]})
        document = json.loads(said.out)
        assert list(document) == ["taskctl", "tasks", "errors"]
        assert document["tasks"][0]["raw"] == [1]
        assert document["errors"][0]["exit_code"] == 6

    def test_jsonl_is_a_task_per_line(self) -> None:
        said = Said(format=Format.JSONL)
        said.output.tasks([TASK, OTHER], now=NOON)
        said.output.line_of(TASK)
        assert [json.loads(line)["id"] for line in said.out.splitlines()] == ["01K5", "01K6", "01K5"]


class TestValues:
    ROWS = (["a", "x\ty"], ["b", "::error::z"])

    def said(self, **given: Any) -> Said:
        said = Said(**given)
        said.output.values("profiles", [{"name": "a"}, {"name": "b"}], rows=self.ROWS, names=["name", "what"])
        return said

    def test_a_pipe_gets_rows(self) -> None:
        assert self.said().out == "a\tx y\nb\t: :error::z\n"

    def test_a_terminal_gets_a_table(self) -> None:
        assert self.said(terminal=True).out.split() == ["name", "what", "a", "x", "y", "b", ":", ":error::z"]

    @pytest.mark.parametrize("given", [{"quiet": True}, {"format": Format.IDS}])
    def test_ids_are_the_first_column(self, given: dict[str, Any]) -> None:
        assert self.said(**given).out == "a\nb\n"

    def test_json_has_its_own_noun(self) -> None:
        assert json.loads(self.said(format=Format.JSON).out) == {
            "taskctl": 1, "profiles": [{"name": "a"}, {"name": "b"}], "errors": [],
        }  # fmt: skip

    def test_jsonl_is_a_value_per_line_and_a_single_value_is_one_line(self) -> None:
        assert self.said(format=Format.JSONL).out == '{"name":"a"}\n{"name":"b"}\n'
        single = Said(format=Format.JSONL)
        single.output.values("history", {"path": "x"}, rows=[], names=[])
        assert single.out == '{"taskctl":1,"history":{"path":"x"},"errors":[]}\n'


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "out"),
        [
            ("tasks[0].id", "01K5\n"),
            ("tasks[].id", '[\n  "01K5",\n  "01K6"\n]\n'),
            ("length(tasks)", "2\n"),
            ("tasks[0].nothing", "null\n"),
            ("tasks[0].input.prompt", "a dog\n"),
            ("omit(tasks[0].input, ['prompt'])", "{}\n"),
        ],
    )
    def test_a_query_is_json_and_a_string_is_raw(self, query: str, out: str) -> None:
        said = Said(query=query)
        said.output.tasks([TASK, OTHER], now=NOON, plain=URLS)
        assert (said.out, said.err) == (out, "")

    def test_with_jsonl_it_is_applied_to_each_task(self) -> None:
        said = Said(query="id", format=Format.JSONL)
        said.output.tasks([TASK, OTHER], now=NOON)
        assert said.out == "01K5\n01K6\n"

    @pytest.mark.parametrize(
        "query", ["tasks[", "", "nothing(@)", "tasks[?nothing(id)]", "length(tasks, tasks)", "(" * 5000]
    )
    def test_one_that_can_never_work_is_refused_before_anything_is_done(self, query: str) -> None:
        with pytest.raises(UsageError, match="--query"):
            Said(query=query)

    @pytest.mark.parametrize("format_", [Format.TABLE, Format.TSV, Format.IDS])
    def test_it_contradicts_other_formats(self, format_: Format) -> None:
        with pytest.raises(UsageError, match="--query gives JSON"):
            Said(query="tasks", format=format_)

    @pytest.mark.parametrize("query", ["length(tasks[0].progress)", "to_number('nan')", "to_number('1e999')"])
    def test_one_that_cannot_be_applied_gives_null_and_a_warning(self, query: str) -> None:
        said = Said(query=query)
        said.output.tasks([TASK], now=NOON)
        assert said.out == "null\n"
        assert said.err.startswith("warning: --query")

    def test_a_string_commands_no_runner(self) -> None:
        said = Said(query="tasks[0].input.prompt")
        said.output.tasks([replace(TASK, input={"prompt": "a\n::error::x ##[error]\x1b[0m"})], now=NOON)
        assert said.out == "a : :error::x # #[error]<U+001B>[0m\n"


class TestTalk:
    def test_quiet_silences_notes_and_nothing_else(self) -> None:
        said = Said(quiet=True)
        said.output.note("a note")
        said.output.warn("a warning")
        said.output.errors([NoAnswer("an error", hint="a hint")])
        assert said.err == "warning: a warning\nerror: an error\n  hint: a hint\n"
        assert said.out == ""

    def test_talk_goes_to_stderr(self) -> None:
        said = Said()
        said.output.note("a note")
        said.output.note("further", indent=2)
        assert (said.out, said.err) == ("", "a note\n  further\n")

    @pytest.mark.parametrize("text", ["\n::error::x", "  ::add-mask::x", "\x1b[2J##[error]", "a\r\n::group::x"])
    def test_foreign_text_moves_nothing(self, text: str) -> None:
        said = Said()
        for say in (said.output.note, said.output.warn, lambda text: said.output.note(text, indent=2)):
            say(text)
        said.output.errors([TaskctlError(text, hint=text)])
        said.output.lines([text])
        for line in (said.out + said.err).split("\n"):
            assert not line.lstrip().startswith("::")
            assert "##" not in line
            assert "\x1b" not in line
            assert "\r" not in line

    def test_a_terminal_is_told_what_comes_next(self) -> None:
        terminal, pipe, program = Said(terminal=True), Said(), Said(terminal=True, format=Format.JSON)
        for said in (terminal, pipe, program):
            said.output.hint_next(TASK)
        assert terminal.err == "next: taskctl wait 01K5 --download\n"
        assert (pipe.err, program.err) == ("", "")

    def test_only_a_terminal_that_can_is_lively(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        assert Said(terminal=True).output.lively
        assert not Said(terminal=True, quiet=True).output.lively
        assert not Said().output.lively
        monkeypatch.setenv("TERM", "dumb")
        assert not Said(terminal=True).output.lively


class TestFailed:
    def test_a_failed_command_has_one_valid_document(self) -> None:
        said = Said(format=Format.JSON)
        said.output.failed(CredentialsError("no key", hint="set it"))
        assert json.loads(said.out)["errors"][0]["code"] == "credentials"
        assert said.err == "error: no key\n  hint: set it\n"

    def test_a_document_that_was_printed_is_not_followed_by_another(self) -> None:
        ways: list[Callable[[Output], None]] = [
            lambda output: output.tasks([TASK], now=NOON),
            lambda output: output.values("x", {}, rows=[], names=[]),
            lambda output: output.line_of(TASK),
            lambda output: output.lines(["1"]),
        ]
        for way in ways:
            said = Said(format=Format.JSON)
            way(said.output)
            before = said.out
            said.output.failed(NoAnswer("late"))
            assert said.out == before
            json.loads(said.out)

    @pytest.mark.parametrize("format_", [None, Format.TABLE, Format.JSONL, Format.TSV, Format.IDS])
    def test_formats_for_people_and_lines_have_no_place_for_a_failure(self, format_: Format | None) -> None:
        said = Said(format=format_)
        said.output.failed(NoAnswer("silence"))
        assert (said.out, said.err) == ("", "error: silence\n")

    @pytest.mark.parametrize("format_", list(Format))
    def test_usage_errors_leave_stdout_empty(self, format_: Format) -> None:
        said = Said(format=format_)
        said.output.failed(UsageError("what?"))
        assert (said.out, said.err) == ("", "error: what?\n")

    def test_a_query_is_applied_to_a_failure_too(self) -> None:
        said = Said(query="errors[0].code")
        said.output.failed(NoAnswer("silence"))
        assert said.out == "no_answer\n"


class TestSecrets:
    def test_a_key_is_in_no_stream_and_no_format(self) -> None:
        key = 'canary"of ##[output]/\\key'
        Secret(key)
        leaky = replace(TASK, id=f"id-{key}", message=key, input={"prompt": key, key: [key]})
        for format_ in (None, *Format):
            for terminal in (True, False):
                said = Said(format=format_, terminal=terminal)
                said.output.tasks([leaky], [NoAnswer(key, hint=key)], now=NOON)
                said.output.values("x", {"a": key}, rows=[[key, key]], names=["a", "b"])
                said.output.errors([NoAnswer(key, hint=key)])
                said.output.note(key)
                said.output.lines([key])
                said.output.lines([key], clean=True)
                assert "canary" not in said.out + said.err
                assert MASK in said.out

    def test_a_number_that_looks_like_a_key_leaves_the_document_valid(self) -> None:
        Secret("20261122")
        said = Said(format=Format.JSON)
        said.output.tasks([replace(TASK, input={"seed": 20261122, "text": "20261122"})], now=NOON)
        assert json.loads(said.out)["tasks"][0]["input"] == {"seed": 20261122, "text": MASK}


def test_everything_is_on_its_way_as_soon_as_it_is_said() -> None:
    stdout, stderr = io.BytesIO(), io.BytesIO()
    output = Output(format=Format.JSONL, stdout=io.TextIOWrapper(stdout), stderr=io.TextIOWrapper(stderr))
    output.line_of(TASK)
    assert stdout.getvalue().endswith(b"}\n")
    output.lines(["a line"])
    assert stdout.getvalue().endswith(b"}\na line\n")
    output.note("a note")
    assert stderr.getvalue() == b"a note\n"


def test_a_console_takes_foreign_text_for_text() -> None:
    said = Said()
    said.output.console(said.stdout).print("[bold]x[/] :smile: [link=file:y]")
    assert said.out == "[bold]x[/] :smile: [link=file:y]\n"
