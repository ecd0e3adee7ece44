"""What a task has brought."""

import pytest

from taskctl.dialects.format import Download, TaskFields
from taskctl.dialects.outputs import OutputReader
from taskctl.model import Kind, Output, Role


def outputs(
    task: object, *, id_: str | None = "t1", kind: Kind | None = None, url: str | None = None, **fields: object
) -> tuple[Output, ...]:
    table = TaskFields(**{"outputs": "outputs", **fields})  # type: ignore[arg-type]  # the fields are those of the table
    return OutputReader(table, Download(url=url)).read(task, id_, kind)


def urls(*found: Output) -> list[str | None]:
    return [output.url for output in found]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (["https://a/1.mp4", "https://a/2.mp4"], ["https://a/1.mp4", "https://a/2.mp4"]),
        ("https://a/1.mp4", ["https://a/1.mp4"]),
        ([{"url": "https://a/1.mp4"}], ["https://a/1.mp4"]),
        ({"url": "https://a/1.mp4"}, ["https://a/1.mp4"]),
        ([["https://a/1.mp4"], [["https://a/2.mp4"]]], ["https://a/1.mp4", "https://a/2.mp4"]),
        (["https://a/1.mp4", "https://a/1.mp4"], ["https://a/1.mp4"]),
        ([" https://a/1.mp4 "], ["https://a/1.mp4"]),
        (None, []),
        ([], []),
        ({}, []),
        ("", []),
        (["", " ", None, 7, True, {"url": None}, {"url": ""}, {"url": 7}, {"uri": "x"}], []),
    ],
)
def test_outputs_come_in_many_shapes(said: object, found: list[str]) -> None:
    assert urls(*outputs({"outputs": said})) == found


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"url": "https://a/x.mp4"}, Kind.VIDEO),
        ({"url": "https://a/x.mp4", "kind": "audio"}, Kind.AUDIO),
        ({"url": "https://a/x.mp4", "content_type": "image/png"}, Kind.IMAGE),
        ({"url": "https://a/x.mp4", "kind": "thing", "content_type": "audio/mpeg"}, Kind.AUDIO),
        ({"url": "https://a/x"}, Kind.FILE),
        ({"text": "la la"}, Kind.TEXT),
        ({"text": "la la", "kind": "audio"}, Kind.AUDIO),
    ],
)
def test_a_kind_is_what_the_item_says_else_its_type_else_its_extension(item: object, kind: Kind) -> None:
    assert outputs({"outputs": [item]})[0].kind is kind


def test_where_nothing_else_tells_the_task_does_and_then_the_operation() -> None:
    task = {"outputs": ["https://a/x", "https://a/y.png"], "type": "video"}
    assert [output.kind for output in outputs(task)] == [Kind.FILE, Kind.IMAGE]
    assert [output.kind for output in outputs(task, kind=Kind.AUDIO)] == [Kind.AUDIO, Kind.IMAGE]
    told = OutputReader(TaskFields(outputs="outputs", kind="type"), Download()).read(task, None, Kind.AUDIO)
    assert [output.kind for output in told] == [Kind.VIDEO, Kind.IMAGE]


def test_results_come_first_and_are_counted_from_nought() -> None:
    found = outputs(
        {
            "outputs": [
                {"url": "https://a/c.jpg", "role": "extra"},
                {"url": "https://a/1.mp3"},
                {"url": "https://a/2.mp3", "role": "odd"},
            ]
        }
    )
    assert [(output.index, output.url, output.role) for output in found] == [
        (0, "https://a/1.mp3", Role.RESULT),
        (1, "https://a/2.mp3", Role.RESULT),
        (2, "https://a/c.jpg", Role.EXTRA),
    ]


def test_a_url_mentioned_twice_is_one_output_with_what_both_mentions_tell() -> None:
    task = {"outputs": ["https://a/x"], "more": [{"url": "https://a/x", "kind": "audio", "duration_seconds": "12.5"}]}
    (found,) = outputs(task, outputs=["outputs", "more"])
    assert (found.kind, found.duration_seconds) == (Kind.AUDIO, 12.5)


def test_a_text_mentioned_twice_is_one_output_and_an_empty_one_is_none() -> None:
    found = outputs({"outputs": [{"text": "a\nb"}, {"text": "a\nb"}, {"text": " "}, {"text": 7}]})
    assert [(output.text, output.kind, output.url) for output in found] == [("a\nb", Kind.TEXT, None)]


def test_outputs_else_counts_only_where_outputs_finds_nothing() -> None:
    task = {"outputs": ["https://a/1.mp4"], "reason": "https://a/2.mp4"}
    assert urls(*outputs(task, outputs_else="reason")) == ["https://a/1.mp4"]
    assert urls(*outputs({**task, "outputs": [None]}, outputs_else="reason")) == ["https://a/2.mp4"]


@pytest.mark.parametrize(
    ("item", "id_", "found"),
    [
        ({"file": "a b.mp3"}, "t1", ["/files/t1/a%20b.mp3"]),
        ({"file": "a/../b"}, "t/1", ["/files/t%2F1/a%2F..%2Fb"]),
        ({"url": "https://a/x.mp3", "file": "a.mp3"}, "t1", ["https://a/x.mp3"]),
        ({"url": None, "file": "a.mp3"}, "t1", ["/files/t1/a.mp3"]),
        ({"file": ".."}, "t1", []),
        ({"file": ""}, "t1", []),
        ({"file": None}, "t1", []),
        ({"file": ["a"]}, "t1", []),
        ({"name": "a.mp3"}, "t1", []),
        ({"file": "a.mp3"}, None, []),
        ({"file": "\ud800"}, "t1", []),
        ({"file": 7}, "t1", ["/files/t1/7"]),
    ],
)
def test_a_url_is_built_where_an_item_has_none(item: object, id_: str | None, found: list[str]) -> None:
    assert urls(*outputs({"outputs": [item]}, id_=id_, url="/files/{id}/{file}")) == found


def test_times_and_lengths_are_read_or_left_out() -> None:
    (found,) = outputs(
        {"outputs": [{"url": "https://a/x", "expires_at": 1793000000, "duration_seconds": -1, "content_type": 7}]}
    )
    assert found.expires_at is not None
    assert found.expires_at.year == 2026
    assert (found.duration_seconds, found.content_type) == (None, "7")
