"""Answers read as tasks, pages, values and events."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskctl.dialects.answers import Page, decoded
from taskctl.dialects.expressions import Expression
from taskctl.dialects.load import Dialects, shipped
from taskctl.dialects.messages import Answer, Problem, Trouble
from taskctl.model import Cost, Failure, Kind, Report, State
from tests.dialects.small import answer, small

AT = ("[task]", '[task]\nat = ["data", "jobs"]\nkey = "key"')
EVERY = [Dialects().get(name) for name in shipped()]
NAMES = st.sampled_from(
    sorted({word for one in EVERY for word in re.findall(r"[a-z_]{2,}", repr(one.form.task) + repr(one.form.problem))})
)
WORDS = st.sampled_from(
    ["completed", "SUCCESS", "failed", "running", "1", "-1", "success", "https://a.example/b.mp4", "45%"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=12
)


def report(body: object, *changes: tuple[str, str], **asked: Any) -> Report:
    told = small(*changes).reader.task(answer(body), **asked)
    assert isinstance(told, Report), told
    return told


@pytest.mark.parametrize(
    ("word", "state", "kept"),
    [
        ("waiting", State.QUEUED, "waiting"),
        ("WORKING", State.RUNNING, "WORKING"),
        (" Done ", State.COMPLETED, "Done"),
        ("broken", State.FAILED, "broken"),
        ("musing", State.UNKNOWN, "musing"),
        (7, State.UNKNOWN, "7"),
        ("", None, None),
        (None, None, None),
        (True, None, None),
        (["done"], None, None),
    ],
)
def test_a_state_is_mapped_without_case_and_an_unknown_word_is_kept(
    word: object, state: State | None, kept: str | None
) -> None:
    told = report({"id": "a", "status": word})
    assert (told.state, told.provider_state) == (state, kept)


@pytest.mark.parametrize("status", ["waiting", "working", "broken"])
def test_outputs_count_only_when_the_task_is_completed(status: str) -> None:
    assert report({"id": "a", "status": status, "outputs": ["https://a/x.mp4"]}).outputs == ()


@pytest.mark.parametrize("status", ["done", "musing", None])
def test_outputs_count_when_it_is_completed_or_nobody_knows(status: str | None) -> None:
    assert len(report({"id": "a", "status": status, "outputs": ["https://a/x.mp4"]}).outputs) == 1


@pytest.mark.parametrize(
    ("status", "counts"), [("broken", True), ("musing", True), (None, True), ("done", False), ("working", False)]
)
def test_an_error_counts_only_when_the_task_may_have_failed(status: str | None, counts: bool) -> None:
    assert (report({"id": "a", "status": status, "error": "no"}).error is not None) is counts


def test_an_error_is_put_together_from_what_there_is() -> None:
    fields = ('error = "error"', 'error = "error"\nerror_code = "why"\nerror_message = ["said", "text"]')
    told = report(
        {"id": "a", "status": "broken", "error": {"code": "x", "message": "y"}, "why": "z", "said": ""}, fields
    )
    assert told.error == Failure(code="z", message="y")
    assert report({"id": "a", "status": "broken", "why": 7}, fields).error == Failure(code="7", message="7")
    assert report({"id": "a", "status": "broken"}, fields).error is None


def test_an_id_that_is_missing_is_the_one_asked_for() -> None:
    assert report({"status": "done"}, asked="a").id == "a"
    assert report({"id": 7, "status": "done"}, asked="a").id == "7"
    assert report({"id": "two words", "status": "done"}, asked="a").id == "a"


def test_an_acknowledgement_needs_an_id_of_its_own() -> None:
    dialect = small(("[query]", 'id = ["ticket", "data"]\n[query]'))
    finder = dialect.operation(None, None).acknowledges
    acknowledged: list[tuple[object, str]] = [
        ({"ticket": 5}, "5"),
        ({"data": "x"}, "x"),
        ({"id": "y", "ticket": ""}, "y"),
    ]
    for body, id_ in acknowledged:
        told = dialect.reader.task(answer(body), acknowledges=finder)
        assert isinstance(told, Report)
        assert told.id == id_
    for nothing in ({"status": "waiting"}, {"data": {"x": 1}}, {"ticket": "two words"}, {}):
        lost = dialect.reader.task(answer(nothing), asked="asked", acknowledges=finder)
        assert isinstance(lost, Problem)
        assert lost.trouble is Trouble.UNREADABLE


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"id": "a", "status": "done"}},
        {"jobs": [{"id": "a", "status": "done"}, {"id": "b", "status": "done"}]},
        {"data": {}, "jobs": [7, {"id": "a", "status": "done"}]},
        {"data": "text", "id": "a", "status": "done"},
        {"id": "a", "status": "done"},
    ],
)
def test_a_task_is_found_where_the_dialect_says_or_in_the_whole_answer(body: object) -> None:
    assert report(body, AT).id == "a"


@pytest.mark.parametrize(
    ("jobs", "asked", "found"),
    [
        ([{"id": "a", "status": "done"}, {"id": "b", "status": "done"}], "b", "b"),
        ([{"id": "a", "status": "done"}, {"id": "b", "status": "done"}], None, "a"),
        ([{"status": "done"}], "b", "b"),
        ([{"id": "a", "status": "done"}, {"status": "done"}], "b", "b"),
        ([{"id": 7, "status": "done"}], "7", "7"),
        ([{"id": "a", "status": "done"}], "b", None),
        ([7], "b", None),
        ([], None, None),
    ],
)
def test_of_a_list_the_task_is_the_one_that_was_asked_for(jobs: object, asked: str | None, found: str | None) -> None:
    told = small(AT).reader.task(answer({"jobs": jobs}), asked=asked)
    assert (told.trouble if isinstance(told, Problem) else told.id) == (found or Trouble.NOT_FOUND)


def test_an_acknowledgement_without_a_task_is_lost_and_not_denied() -> None:
    dialect = small(AT)
    bodies: list[object] = [{"jobs": []}, {"jobs": [7]}, {"jobs": [{"status": "done"}]}]
    for body in bodies:
        told = dialect.reader.task(answer(body), acknowledges=dialect.operation(None, None).acknowledges)
        assert isinstance(told, Problem)
        assert told.trouble is Trouble.UNREADABLE


def test_an_empty_list_means_that_there_is_no_such_task() -> None:
    told = small(AT).reader.task(answer({"jobs": []}))
    assert isinstance(told, Problem)
    assert told.trouble is Trouble.NOT_FOUND


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"jobs": [{"id": "a", "status": "done", "key": "k"}]}, "a"),
        ({"jobs": [{"id": "b", "status": "done", "key": "x"}, {"id": "a", "status": "done", "key": "k"}]}, "a"),
        ({"jobs": [{"id": "a", "status": "done"}]}, "a"),
        ({"id": "a", "status": "done"}, "a"),
        ({"id": "a", "status": "done", "key": "k"}, "a"),
        ({"jobs": []}, Trouble.NOT_FOUND),
        ({"jobs": [{"id": "b", "status": "done", "key": "x"}]}, Trouble.NOT_FOUND),
        ({"jobs": [{"id": "b", "status": "done"}, {"id": "c", "status": "done"}]}, Trouble.NOT_FOUND),
        ({"id": "b", "status": "done", "key": "x"}, Trouble.NOT_FOUND),
        ({"jobs": [7]}, Trouble.UNREADABLE),
        ({"x": 1}, Trouble.UNREADABLE),
        ("<html>", Trouble.UNREADABLE),
    ],
)
def test_a_task_found_by_its_key_is_the_one_with_that_key(body: object, found: str | Trouble) -> None:
    told = small(AT).reader.by_key(answer(body), "k")
    assert (told.trouble if isinstance(told, Problem) else told.id) == found


def page(body: object, *, total: Expression | None = None, cursor: Expression | None = None) -> Page | Problem:
    return small().reader.page(answer(body), Expression("jobs"), total=total, cursor=cursor)


def test_a_page_holds_the_tasks_that_can_be_told_apart() -> None:
    told = page({"jobs": [{"id": "a", "status": "done"}, {"status": "done"}, 7, None, [], {"id": 8}]})
    assert isinstance(told, Page)
    assert [one.id for one in told.reports] == ["a", "8"]


@pytest.mark.parametrize(
    ("said", "total"), [(57, 57), ("57", 57), (0, 0), (-1, None), (None, None), ("many", None), (True, None)]
)
def test_a_total_is_a_number_or_unknown(said: object, total: int | None) -> None:
    told = page({"jobs": [], "total": said}, total=Expression("total"))
    assert isinstance(told, Page)
    assert told.total == total


def test_a_cursor_is_text_and_an_empty_one_is_the_end() -> None:
    for said, cursor in (("abc", "abc"), (7, "7"), ("", None), (None, None)):
        told = page({"jobs": [], "next": said}, cursor=Expression("next"))
        assert isinstance(told, Page)
        assert told.cursor == cursor


def test_null_is_an_empty_page_only_where_the_total_is_nought() -> None:
    empty = page({"jobs": None, "total": 0}, total=Expression("total"))
    assert empty == Page(reports=(), total=0)
    bodies: list[object] = [{"jobs": None, "total": 3}, {"jobs": None}, {"jobs": {"id": "a"}}, {}, []]
    for body in bodies:
        told = page(body, total=Expression("total"))
        assert isinstance(told, Problem)
        assert told.trouble is Trouble.UNREADABLE


@pytest.mark.parametrize(
    ("body", "expression", "value"),
    [
        ({"url": "https://a/x"}, "url", "https://a/x"),
        ({"file": "x"}, "{provider: 'local', url: file}", {"provider": "local", "url": "x"}),
        ({"n": 0}, "n", 0),
        ({"data": []}, "data[].id", []),
    ],
)
def test_a_value_is_what_the_expression_finds(body: object, expression: str, value: object) -> None:
    assert small().reader.value(answer(body), Expression(expression)) == value


@pytest.mark.parametrize(
    ("body", "expression"),
    [({}, "url"), ({"url": ""}, "url"), ({}, "{provider: 'local', url: file}"), ({}, "{a: {b: c}}"), ("<html>", "url")],
)
def test_a_value_that_lacks_something_is_unreadable(body: object, expression: str) -> None:
    told = small().reader.value(answer(body), Expression(expression))
    assert isinstance(told, Problem)
    assert told.trouble is Trouble.UNREADABLE


@pytest.mark.parametrize(
    ("body", "status", "trouble"),
    [
        ("", 204, None),
        ("", 200, None),
        ({"deleted": True}, 200, None),
        ("<html>", 200, Trouble.UNREADABLE),
        ("", 404, Trouble.NOT_FOUND),
        ({}, 409, Trouble.REFUSED),
    ],
)
def test_where_content_does_not_matter_only_problems_are_told(
    body: object, status: int, trouble: Trouble | None
) -> None:
    told = small().reader.accepted(answer(body, status))
    assert (told.trouble if told else None) == trouble


@pytest.mark.parametrize(
    "data",
    [
        '{"id": "a", "status": "done"}',
        '\ufeff{"id": "a", "status": "done"}',
        '{"data": {"id": "a", "status": "done"}}',
        '{"event": "x", "task": {"id": "a", "status": "done"}}',
    ],
)
def test_an_event_tells_of_a_task_one_level_deep_at_most(data: str) -> None:
    told = small().reader.event(data)
    assert told is not None
    assert (told.id, told.state) == ("a", State.COMPLETED)


@pytest.mark.parametrize(
    "data", ["", "[DONE]", "ping", "7", "null", "[]", "{}", '{"id": "a"}', '{"quota": 1}', "\ud800", '"\\ud800"']
)
def test_an_event_that_tells_nothing_is_none(data: str) -> None:
    assert small().reader.event(data) is None


def test_an_event_may_bring_progress_alone() -> None:
    told = small(("[task]", '[task]\nprogress = "progress"')).reader.event('{"id": "a", "progress": 5}')
    assert told is not None
    assert (told.state, told.progress) == (None, 5)


def test_facts_of_the_dialect_go_with_every_report() -> None:
    told = report(
        {"id": "a", "status": "done", "cost": "1.5", "outputs": ["https://a/x"]},
        ("key_env", 'links_live = "24h"\nunit = "USD"\nkey_env'),
        ("[task]", '[task]\ncost_final = "cost"'),
        kind=Kind.AUDIO,
    )
    assert (told.cost, told.links_live) == (Cost(estimated=None, final=1.5, unit="USD"), timedelta(days=1))
    assert told.outputs[0].kind is Kind.AUDIO
    assert told.raw == {"id": "a", "status": "done", "cost": "1.5", "outputs": ["https://a/x"]}


def check(told: object) -> None:
    """That this is something a program can store and print."""
    assert isinstance(told, Report | Problem | Page | None)
    for one in told.reports if isinstance(told, Page) else [told]:
        if isinstance(one, Report):
            json.dumps(one.raw, allow_nan=False, ensure_ascii=False).encode()
            assert one.id is None or (one.id.isascii() and one.id.isprintable() and 0 < len(one.id) <= 512)
            assert one.progress is None or 0 <= one.progress <= 100
            assert all(output.url or output.text for output in one.outputs)


@pytest.mark.parametrize("dialect", EVERY, ids=lambda dialect: dialect.name)
@settings(max_examples=60)
@given(
    body=JSON.map(json.dumps).map(str.encode) | st.binary(),
    status=st.sampled_from([200, 201, 204, 302, 400, 404, 409, 429, 500]),
)
def test_no_answer_at_all_raises(dialect: Any, body: bytes, status: int) -> None:
    reader, given_answer = dialect.reader, Answer(status=status, headers={"retry-after": "soon"}, body=body)
    check(reader.task(given_answer, asked="asked"))
    check(reader.by_key(given_answer, "key"))
    check(reader.accepted(given_answer))
    check(reader.event(body.decode(errors="replace")))
    for table in (dialect.form.batch, dialect.form.listing):
        if table is not None:
            check(
                reader.page(given_answer, Expression(table.items), total=Expression("total"), cursor=Expression("next"))
            )
    for upload in dialect.form.upload:
        reader.value(given_answer, Expression(upload.value))
    for operation in dialect.operations.values() or [dialect.operation(None, None)]:
        told = reader.task(given_answer, acknowledges=operation.acknowledges)
        check(told)
        if isinstance(told, Report):
            assert 200 <= status < 300
            assert told.id
            assert decoded(body) is not None
