from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from taskctl.cli.junit import write
from taskctl.errors import FileError, NoAnswer, StillPending, TaskFailed, Unconfirmed
from taskctl.flow.outcome import Outcome
from taskctl.model import State, Task
from taskctl.secret import MASK, Secret

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DONE = Task(
    id="1", key=None, profile="p", dialect="d", base_url="https://h", model="m", state=State.COMPLETED,
    submitted_at=NOON, finished_at=NOON + timedelta(seconds=90.5),
)  # fmt: skip


def report(path: Path, outcome: Outcome) -> ET.Element:
    write(path / "report.xml", outcome)
    return ET.fromstring((path / "report.xml").read_bytes())  # noqa: S314  # our own file


def test_every_task_is_a_case_that_says_what_became_of_it(tmp_path: Path) -> None:
    outcome = Outcome(
        tasks=[
            DONE,
            replace(DONE, id="2", state=State.FAILED),
            replace(DONE, id="3", state=State.RUNNING, finished_at=None),
            replace(DONE, id="4", state=State.CANCELLED),
            replace(DONE, id="5", state=State.EXPIRED),
            replace(DONE, id=None, key="key-6", state=State.UNCONFIRMED),
            replace(DONE, id="7"),
            replace(DONE, id="8", state=State.QUEUED, finished_at=None),
        ],
        errors=[
            TaskFailed("2 failed: too dark", task="2"),
            Unconfirmed("nobody knows of key-6", task="key-6"),
            FileError("video 0 of 7 is empty", task="7"),
            NoAnswer("about nobody here"),
        ],
        excused=[StillPending("3 is still running", task="3")],
    )
    suite = report(tmp_path, outcome)
    assert suite.attrib == {"name": "taskctl", "tests": "8", "failures": "3", "errors": "3", "skipped": "1"}
    assert [
        (case.get("name"), [(child.tag, child.get("type"), child.get("message")) for child in case]) for case in suite
    ] == [
        ("1", []),
        ("2", [("failure", "failed", "2 failed: too dark")]),
        ("3", [("error", "timeout", "3 is still running")]),
        ("4", [("failure", "cancelled", "cancelled")]),
        ("5", [("failure", "expired", "expired")]),
        ("key-6", [("error", "unconfirmed", "nobody knows of key-6")]),
        ("7", [("error", "file", "video 0 of 7 is empty")]),
        ("8", [("skipped", "queued", "queued")]),
    ]
    assert {case.get("classname") for case in suite} == {"p.m"}


@pytest.mark.parametrize(
    ("submitted", "finished", "took"),
    [
        (NOON, NOON + timedelta(seconds=90.5), "90.500"),
        (NOON, None, "0.000"),
        (None, NOON, "0.000"),
        (NOON, NOON - timedelta(seconds=9), "0.000"),
    ],
)
def test_a_case_took_as_long_as_the_task(
    tmp_path: Path, submitted: datetime | None, finished: datetime | None, took: str
) -> None:
    task = replace(DONE, submitted_at=submitted, finished_at=finished)
    assert report(tmp_path, Outcome(tasks=[task]))[0].get("time") == took


def test_foreign_text_leaves_the_report_well_formed_and_without_keys(tmp_path: Path) -> None:
    Secret("canary-in-a-report")
    hostile = "\x00\x1b[31m]]><&\"'\ud800\ufffe ##[error] canary-in-a-report"
    task = replace(DONE, id=hostile, model=hostile, state=State.FAILED)
    suite = report(tmp_path, Outcome(tasks=[task], errors=[TaskFailed(hostile, task=hostile)]))
    shown = f"<U+0000><U+001B>[31m]]><&\"'<U+D800><U+FFFE> # #[error] {MASK}"
    assert suite[0].get("name") == shown
    assert suite[0][0].get("message") == shown
    assert b"canary" not in (tmp_path / "report.xml").read_bytes()


def test_the_folder_of_a_report_is_made(tmp_path: Path) -> None:
    assert len(report(tmp_path / "a" / "b", Outcome(tasks=[DONE]))) == 1


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file.report\.xml cannot be written"):
        write(tmp_path / "file" / "report.xml", Outcome())
