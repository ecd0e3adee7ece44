import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskctl.cli.document import VERSION, error_json, frame, iso, task_json, written
from taskctl.errors import CredentialsError, NoAnswer
from taskctl.model import Cost, Failure, Kind, Output, Role, State, Task

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BARE = Task(id=None, key=None, profile="p", dialect="d", base_url="https://h")
FULL = Task(
    id="01K5", key="k", profile="p", dialect="d", base_url="https://h", operation="video", model="m",
    state=State.COMPLETED, provider_state="done", progress=100, can_cancel=False, message="hi", submitted_at=NOON,
    updated_at=NOON, finished_at=NOON, took_seconds=61.5, eta_seconds=0.5, error=Failure(code="c", message="e"),
    cost=Cost(estimated=1.5, final=1.47, unit="credits"), tags=("a", "b"), input={"prompt": "a dog"},
    outputs=(
        Output(
            index=0, kind=Kind.VIDEO, role=Role.EXTRA, url="https://cdn/a", content_type="video/mp4",
            duration_seconds=8.0, expires_at=NOON, file="a.mp4", bytes=3, sha256="ab",
        ),
    ),
)  # fmt: skip
foreign = st.text() | st.sampled_from(["##[error]x", "###[x]", "::error::x", "\ud800", "\u2028", "\x1b[31m", "#"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | foreign
json_values = scalars | st.dictionaries(foreign, scalars | st.lists(scalars, max_size=3), max_size=3)

TASK_KEYS = [
    "id", "key", "profile", "dialect", "base_url", "operation", "model", "state", "provider_state", "progress",
    "can_cancel", "message", "submitted_at", "updated_at", "finished_at", "took_seconds", "eta_seconds", "outputs",
    "error", "cost", "tags", "input",
]  # fmt: skip
OUTPUT_KEYS = [
    "index", "kind", "role", "url", "text", "content_type", "duration_seconds", "expires_at", "file", "bytes", "sha256",
]  # fmt: skip


@pytest.mark.parametrize("task", [BARE, FULL], ids=["bare", "full"])
def test_every_key_of_version_1_is_always_there(task: Task) -> None:
    assert VERSION == 1
    made: dict[str, Any] = task_json(task)
    assert list(made) == TASK_KEYS
    assert all(list(output) == OUTPUT_KEYS for output in made["outputs"])


def test_what_is_not_known_is_null() -> None:
    known = {"profile": "p", "dialect": "d", "base_url": "https://h", "state": "queued"}
    assert task_json(BARE) == dict.fromkeys(TASK_KEYS) | known | {"outputs": [], "tags": [], "input": {}}


def test_a_task_is_written_as_documented() -> None:
    assert json.loads(written(task_json(FULL))) == {
        "id": "01K5", "key": "k", "profile": "p", "dialect": "d", "base_url": "https://h", "operation": "video",
        "model": "m", "state": "completed", "provider_state": "done", "progress": 100, "can_cancel": False,
        "message": "hi", "submitted_at": "2026-11-22T12:00:00Z", "updated_at": "2026-11-22T12:00:00Z",
        "finished_at": "2026-11-22T12:00:00Z", "took_seconds": 61.5, "eta_seconds": 0.5,
        "outputs": [
            {
                "index": 0, "kind": "video", "role": "extra", "url": "https://cdn/a", "text": None,
                "content_type": "video/mp4", "duration_seconds": 8.0, "expires_at": "2026-11-22T12:00:00Z",
                "file": "a.mp4", "bytes": 3, "sha256": "ab",
            }
        ],
        "error": {"code": "c", "message": "e"}, "cost": {"estimated": 1.5, "final": 1.47, "unit": "credits"},
        "tags": ["a", "b"], "input": {"prompt": "a dog"},
    }  # fmt: skip


def test_the_providers_own_answer_is_added_where_asked_for() -> None:
    assert task_json(FULL, {"01K5": {"x": 1}})["raw"] == {"x": 1}
    assert task_json(FULL, {})["raw"] is None
    assert "raw" not in task_json(FULL)


def test_errors_are_in_the_frame_of_every_command() -> None:
    errors = [CredentialsError("no key", hint="set it", task="t"), NoAnswer("silence")]
    assert frame("profiles", [1], list(errors)) == {
        "taskctl": 1,
        "profiles": [1],
        "errors": [
            {"code": "credentials", "exit_code": 4, "message": "no key", "hint": "set it", "task": "t"},
            {"code": "no_answer", "exit_code": 6, "message": "silence", "hint": None, "task": None},
        ],
    }
    assert json.loads(written(error_json(errors[0])))["exit_code"] == 4


@given(json_values, st.booleans())
@example("##[error]x", True)
@example(["###[error]x", {"####": "#"}], False)
@example({"::error::x": "\n::error::x"}, False)
def test_a_document_is_ascii_comes_back_and_commands_no_runner(value: object, compact: bool) -> None:
    text = written(value, compact=compact)
    assert text.isascii()
    assert all(character.isprintable() or (character == "\n" and not compact) for character in text)
    assert "##" not in text
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))
    assert json.loads(text) == value


def test_a_document_is_laid_out_for_people_unless_it_is_a_line() -> None:
    assert written({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
    assert written({"a": [1]}, compact=True) == '{"a":[1]}'


def test_numbers_that_json_has_not_are_no_document() -> None:
    with pytest.raises(ValueError, match="JSON"):
        written([float("nan")])


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, None),
        (NOON, "2026-11-22T12:00:00Z"),
        (NOON.replace(microsecond=999_999), "2026-11-22T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=45))), "2026-11-22T12:00:00Z"),
        (datetime(987, 1, 2, 3, 4, 5, tzinfo=UTC), "0987-01-02T03:04:05Z"),
    ],
)
def test_times_are_utc_to_the_second(moment: datetime | None, text: str | None) -> None:
    assert iso(moment) == text
