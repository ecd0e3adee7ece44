"""What GitHub Actions is told of a wait."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from taskctl.cli import github
from taskctl.cli.output import Output
from taskctl.errors import FileError, NoAnswer, TaskctlError, TaskFailed, UsageError
from taskctl.flow.outcome import Outcome
from taskctl.model import Cost, Failure, Kind, State, Task
from taskctl.model import Output as Result
from taskctl.secret import MASK, Secret

DONE = Task(
    id="task-1", key=None, profile="p", dialect="d", base_url="https://h", model="m", state=State.COMPLETED,
    took_seconds=90.0, cost=Cost(estimated=2.0, final=1.5, unit="credits"),
    outputs=(Result(index=0, kind=Kind.VIDEO, url="https://cdn.example/a.mp4"),),
)  # fmt: skip
FAILED = replace(DONE, id="task-2", state=State.FAILED, outputs=(), error=Failure(code="x", message="too dark"))
RUNNING = replace(DONE, id="task-3", state=State.RUNNING, outputs=(), took_seconds=None, cost=None)
ON_GITHUB = {"GITHUB_ACTIONS": "true"}


def said(errors: list[TaskctlError], environ: dict[str, str]) -> list[str]:
    stderr = io.StringIO()
    github.errors(Output(stdout=io.StringIO(), stderr=stderr), errors, environ)
    return stderr.getvalue().splitlines()


def test_errors_about_tasks_are_annotations_on_github_alone() -> None:
    errors = [TaskFailed("task-2 failed: 90% dark", task="task-2", hint="retry it"), NoAnswer("nobody there")]
    assert said(errors, {}) == ["error: task-2 failed: 90% dark", "  hint: retry it", "error: nobody there"]
    assert said(errors, ON_GITHUB) == [
        "::error title=taskctl::task-2 failed: 90%25 dark",
        "  hint: retry it",
        "error: nobody there",
    ]


def test_a_provider_writes_no_command_of_its_own() -> None:
    Secret("canary-on-github")
    hostile = "x\n::stop-commands::y\r::set-output name=a::b canary-on-github"
    (line,) = said([TaskFailed(hostile, task="t")], ON_GITHUB)
    assert line.startswith("::error title=taskctl::x")
    assert not set(line) & {"\r", "\n", "\x1b"}
    assert MASK in line


def test_no_more_annotations_than_github_shows() -> None:
    lines = said([TaskFailed(f"task-{number} failed", task=f"task-{number}") for number in range(12)], ON_GITHUB)
    assert [line.startswith("::error") for line in lines] == [True] * 10 + [False] * 2


def summary(path: Path, *tasks: Task) -> str:
    github.summarise(Outcome(tasks=list(tasks)), {"GITHUB_STEP_SUMMARY": str(path)})
    return path.read_text()


def test_a_summary_has_a_row_for_each_task_the_bad_ones_first(tmp_path: Path) -> None:
    written = summary(tmp_path / "summary", DONE, FAILED, RUNNING)
    assert written.splitlines() == [
        "### taskctl: 1 running, 1 completed, 1 failed",
        "",
        "| task | model | state | time | cost | result |",
        "| --- | --- | --- | --- | --- | --- |",
        "| task-2 | m | failed\\: too dark | 1m30s | 1.5 credits |  |",
        "| task-1 | m | completed | 1m30s | 1.5 credits | [video](https://cdn.example/a.mp4) |",
        "| task-3 | m | running |  |  |  |",
    ]
    assert summary(tmp_path / "summary", DONE).startswith(written)


@pytest.mark.parametrize(
    ("url", "file", "shown"),
    [
        ("https://cdn.example/a.mp4?X-Amz-Signature=1", None, "video, by `taskctl download`"),
        ("http://10.0.0.1/a.mp4", None, "video, by `taskctl download`"),
        ("https://cdn.example/a](https://evil.example", None, "video, by `taskctl download`"),
        ("https://cdn.example/a.mp4?X-Amz-Signature=1", "/home/me/renders/a_b.mp4", "a\\_b.mp4"),
    ],
)
def test_a_summary_hands_out_no_signed_link(tmp_path: Path, url: str, file: str | None, shown: str) -> None:
    task = replace(DONE, outputs=(Result(index=0, kind=Kind.VIDEO, url=url, file=file),))
    assert summary(tmp_path / "summary", task).splitlines()[-1].endswith(f"| {shown} |")


def test_foreign_text_is_text_in_a_summary(tmp_path: Path) -> None:
    hostile = "| <img src=x> **b** [l](u) `c` @here #1\n| x | \x1b[31m"
    row = summary(tmp_path / "summary", replace(DONE, id=hostile, model=hostile, outputs=())).splitlines()[-1]
    unescaped = row.replace("\\|", "").replace("\\<", "").replace("\\[", "").replace("\\`", "").replace("\\@", "")
    assert unescaped.count("|") == 7
    assert not set(unescaped) & set("<[`@\x1b")


def test_a_summary_of_very_many_stays_within_what_github_takes(tmp_path: Path) -> None:
    tasks = [replace(DONE, id=f"task-{number:04}" * 20) for number in range(2000)] + [FAILED]
    written = summary(tmp_path / "summary", *tasks)
    assert len(written) < 1 << 20
    assert "| task-2 |" in written
    assert written.splitlines()[-1] == "| and 1501 more |"


def test_without_a_step_there_is_no_summary() -> None:
    github.summarise(Outcome(tasks=[DONE]), {})


def test_an_output_holds_the_lines_and_nothing_can_end_it_early(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text("before=1\n")
    github.set_output("links", ["https://a", "b\nlinks2<<x"], {"GITHUB_OUTPUT": str(path)})
    before, first, *lines, last = path.read_text().splitlines()
    name, mark, end = first.partition("<<")
    assert (before, name, mark, last, len(lines)) == ("before=1", "links", "<<", end, 2)
    assert end not in lines


@pytest.mark.parametrize("tell", [github.summarise, lambda _, env: github.set_output("a", [], env)])
def test_what_cannot_be_written_is_an_error(tmp_path: Path, tell: object) -> None:
    places = dict.fromkeys(("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"), str(tmp_path / "missing" / "file"))
    with pytest.raises(FileError, match="cannot be written"):
        tell(Outcome(tasks=[DONE]), places)  # type: ignore[operator]  # one of the two above


@pytest.mark.parametrize(
    ("name", "place"), [("a b", "x"), ("", "x"), ("1a", "x"), ("a<<b", "x"), ("a", ""), ("a", None)]
)
def test_an_output_that_cannot_be_is_refused(name: str, place: str | None) -> None:
    with pytest.raises(UsageError):
        github.check_output_name(name, {} if place is None else {"GITHUB_OUTPUT": place})
