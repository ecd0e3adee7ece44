"""What `explain` says about a sample answer."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskctl.dialects.explain import explain
from taskctl.dialects.load import Dialects, shipped
from tests.conformance import cases
from tests.dialects.small import answer, small


def explained(body: object, status: int = 200, *changes: tuple[str, str], asked: str | None = None) -> dict[str, Any]:
    said = explain(small(*changes), answer(body, status), asked=asked)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    return said


def test_it_shows_what_each_field_found_and_what_came_of_it() -> None:
    said = explained({"id": "a", "status": "done", "outputs": ["https://a/x.mp4"]})
    assert said["found"] == {
        "id": [{"expression": "id", "value": "a"}],
        "state": [{"expression": "status", "value": "done"}],
        "outputs": [{"expression": "outputs", "value": ["https://a/x.mp4"]}],
    }
    assert said["report"]["state"] == "completed"
    assert said["report"]["outputs"][0]["kind"] == "video"
    assert "raw" not in said["report"]
    assert said["problem"] is None


def test_it_names_the_members_that_nothing_reads_once_each() -> None:
    said = explained(
        {
            "id": "a",
            "status": "broken",
            "error": {"code": "x", "message": "y", "trace": "z"},
            "usage": {"a": 1, "b": 2},
            "outputs": [{"url": "https://a/x", "width": 1}, {"url": "https://a/y", "width": 2, "kind": "video"}],
            "steps": [{"n": 1}, {"n": 2}],
        }
    )
    assert said["unread"] == ["error.trace", "usage", "outputs[].width", "steps"]


def test_members_given_whole_to_a_function_are_read() -> None:
    said = explained(
        {"id": "a", "status": "done", "extra": {"x": 1}},
        200,
        ("[states]", 'message = "to_string(extra)"\n[states]'),
    )
    assert said["unread"] == []


def test_it_looks_inside_the_place_where_the_task_is() -> None:
    at = ("[task]", '[task]\nat = "data"')
    said = explained({"code": 0, "data": {"id": "a", "status": "done", "more": 1}}, 200, at)
    assert said["report"]["id"] == "a"
    assert said["unread"] == ["code", "data.more"]


def test_what_no_json_can_hold_is_shown_as_text() -> None:
    said = explained(
        {"id": "a", "status": "done", "n": "nan"}, 200, ("[states]", 'progress = "to_number(n)"\n[states]')
    )
    assert said["found"]["progress"] == [{"expression": "to_number(n)", "value": "nan"}]


def test_it_shows_a_problem() -> None:
    said = explained({"error": {"code": "x", "message": "y"}, "trace": 1}, 404)
    assert said["report"] is None
    assert said["problem"] == {"trouble": "not_found", "status": 404, "message": "y", "code": "x", "retry_after": None}
    assert said["unread"] == ["trace"]


def test_the_id_asked_for_stands_in_for_one_that_is_missing() -> None:
    assert explained({"status": "done"}, asked="a")["report"]["id"] == "a"


@pytest.mark.parametrize("name", shipped())
def test_every_sample_can_be_explained(name: str) -> None:
    for sample in cases.answers():
        if sample.dialect == name and sample.to in ("query", "submit"):
            said = explain(cases.dialect(name), sample.answer, asked=sample.asked)
            assert (said["report"] is None) is not (said["problem"] is None)
            json.dumps(said, allow_nan=False)


@settings(max_examples=50)
@given(
    st.binary()
    | st.sampled_from([b"null", b"[]", b'{"data": [[{"task_id": 1}]]}', b'{"task_result": {"videos": {}}}', b"<html>"])
)
def test_nothing_cannot_be_explained(body: bytes) -> None:
    json.dumps(explain(Dialects().get("yescale"), answer(body)), allow_nan=False)
