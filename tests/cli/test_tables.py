import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from rich.table import Table

from taskctl.cli.tables import ago, grid, reason, table, tsv
from taskctl.model import Failure, Kind, Output, State, Task
from taskctl.secret import MASK, Secret

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TASK = Task(
    id="01K5TASK", key="k", profile="studio", dialect="d", base_url="https://h", model="seedance-2.0", progress=40,
    state=State.RUNNING, submitted_at=NOON, input={"prompt": "a dog"},
)  # fmt: skip
HOSTILE = "\x1b[31m\r\n::error::x\t[bold]##[group]x\u202e"
SHOWN = "<U+001B>[31m : :error::x [bold]# #[group]x<U+202E>"


def drawn(made: Table, width: int = 120) -> str:
    stream = io.StringIO()
    Console(file=stream, markup=False, highlight=False, emoji=False, width=width).print(made)
    return stream.getvalue()


class TestTsv:
    def test_the_columns_are_the_documented_ones(self) -> None:
        assert tsv(TASK).split("\t") == [
            "01K5TASK", "running", "40", "studio", "seedance-2.0", "2026-11-22T12:00:00Z", "a dog",
        ]  # fmt: skip

    def test_what_is_not_known_is_empty(self) -> None:
        bare = Task(id=None, key=None, profile="p", dialect="d", base_url="https://h")
        assert tsv(bare).split("\t") == ["", "queued", "", "p", "", "", ""]

    def test_a_task_without_an_id_has_its_key(self) -> None:
        assert tsv(replace(TASK, id=None)).startswith("k\trunning\t")

    def test_progress_of_nought_is_known(self) -> None:
        assert tsv(replace(TASK, progress=0)).split("\t")[2] == "0"

    def test_foreign_text_adds_no_columns_lines_or_commands(self) -> None:
        hostile = replace(TASK, id=HOSTILE, model=HOSTILE, profile=HOSTILE, input={"prompt": HOSTILE})
        row = tsv(hostile)
        assert row.count("\t") == 6
        assert len(row.splitlines()) == 1
        assert not row.startswith("::")
        assert row.split("\t")[6] == SHOWN


class TestTable:
    def test_a_wide_screen_shows_everything(self) -> None:
        head, row = drawn(table([TASK], NOON + timedelta(minutes=3), 120)).splitlines()
        assert head.split() == ["id", "state", "profile", "model", "submitted", "prompt"]
        assert row.split() == ["01K5TASK", "running", "40%", "studio", "seedance-2.0", "3m00s", "ago", "a", "dog"]

    @pytest.mark.parametrize(
        ("left", "file", "shown"),
        [(90, None, "1m30s left"), (-1, None, "dead"), (90, "a.mp4", None), (None, None, None)],
    )
    def test_a_link_that_dies_says_when_until_its_file_is_here(
        self, left: int | None, file: str | None, shown: str | None
    ) -> None:
        dies = None if left is None else NOON + timedelta(seconds=left)
        task = replace(TASK, outputs=(Output(index=0, kind=Kind.VIDEO, url="https://h/a", expires_at=dies, file=file),))
        head, row = drawn(table([task], NOON, 120)).splitlines()
        assert ("links" in head.split()) is (shown is not None)
        assert shown is None or shown in row

    @pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 200])
    def test_an_id_is_never_cut_and_no_line_is_longer_than_the_screen(self, width: int) -> None:
        tasks = [replace(TASK, input={"prompt": "word " * 100}), replace(TASK, id="x", model=None, progress=None)]
        lines = drawn(table(tasks, NOON, width), width).splitlines()
        assert len(lines) == 3
        assert lines[1].startswith("01K5TASK")
        assert max(map(len, lines)) <= width

    def test_foreign_text_is_nothing_but_text(self) -> None:
        hostile = replace(TASK, id=HOSTILE, model="[link=file:x]y[/]", input={"prompt": HOSTILE})
        shown = drawn(table([hostile], NOON, 200), 200)
        assert "\x1b" not in shown
        assert "[link=file:x]y[/]" in shown
        assert SHOWN in shown

    def test_a_failed_task_shows_why_instead_of_its_prompt(self) -> None:
        failed = replace(TASK, state=State.FAILED, error=Failure(code="nsfw", message="not this one"))
        shown = drawn(table([failed], NOON, 120))
        assert "not this one (nsfw)" in shown
        assert "a dog" not in shown

    def test_no_tasks_are_a_head(self) -> None:
        assert drawn(table([], NOON, 80)).split()[0] == "id"

    def test_a_key_is_not_shown(self) -> None:
        Secret("canary-in-a-table")
        leaky = replace(TASK, input={"prompt": "my key is canary-in-a-table"})
        assert "canary" not in drawn(table([leaky], NOON, 120))
        assert "canary" not in tsv(leaky)
        assert MASK in drawn(grid(["a"], [["canary-in-a-table"]]))


def test_a_grid_holds_texts() -> None:
    assert drawn(grid(["name", "value"], [["[red]a", "1"], ["b", HOSTILE]])).splitlines() == [
        "name    value" + " " * (len(SHOWN) - 5),
        "[red]a  1" + " " * (len(SHOWN) - 1),
        f"b       {SHOWN}",
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, None),
        (Failure(code=None, message="boom"), "boom"),
        (Failure(code="x", message="boom"), "boom (x)"),
    ],
)
def test_a_reason_is_the_message_and_its_code(error: Failure | None, words: str | None) -> None:
    assert reason(replace(TASK, error=error)) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-3600), "just now"),
        (timedelta(0), "just now"),
        (timedelta(seconds=4.9), "just now"),
        (timedelta(seconds=5), "5s ago"),
        (timedelta(minutes=12, seconds=3), "12m03s ago"),
        (timedelta(hours=2, minutes=10), "2h10m ago"),
        (timedelta(days=6, hours=23), "6d23h ago"),
        (timedelta(days=7), "2026-11-15"),
    ],
)
def test_a_moment_is_said_as_people_say_it(span: timedelta, words: str) -> None:
    assert ago(NOON - span, NOON) == words


def test_a_moment_nobody_knows_is_a_dash() -> None:
    assert ago(None, NOON) == "-"
