from typing import Any

import pytest

from taskctl.sandbox.directions import WORDS, Directions, End, Stuck, directions_of


@pytest.mark.parametrize(
    ("prompt", "changes"),
    [
        ("a lighthouse in a storm", {}),
        ("a lighthouse [takes 3s]", {"takes": 3.0}),
        ("[takes 500ms]", {"takes": 0.5}),
        ("[takes 1m]", {"takes": 60.0}),
        ("[takes 1.5 h]", {"takes": 5400.0}),
        ("[takes 7]", {"takes": 7.0}),
        ("[takes forever]", {}),
        ("[TAKES 3S]", {"takes": 3.0}),
        ("[  takes   3s ]", {"takes": 3.0}),
        ("[fails]", {"end": End.FAILED}),
        ("[fails: The reason, as it is]", {"end": End.FAILED, "reason": "The reason, as it is"}),
        ("[moderated]", {"end": End.MODERATED}),
        ("[cancelled]", {"end": End.CANCELLED}),
        ("[forgotten]", {"end": End.FORGOTTEN}),
        ("[stays queued]", {"stuck": Stuck.QUEUED}),
        ("[stays running]", {"stuck": Stuck.RUNNING}),
        ("[unknown state]", {"stuck": Stuck.UNKNOWN}),
        ("[outputs 3]", {"outputs": 3}),
        ("[no outputs]", {"outputs": 0}),
        ("[rate limited]", {"rate_limited": 1}),
        ("[rate limited 3]", {"rate_limited": 3}),
        ("[refused]", {"refused": True}),
        ("[no credit]", {"no_credit": True}),
        ("[loses answer]", {"loses_answer": True}),
        ("[answers 503]", {"answers": 503}),
        ("[answers 302]", {}),
        ("[late]", {"late": True}),
        ("[flaky 2]", {"flaky": 2}),
        ("[links expire 2s]", {"links_expire": 2.0}),
        ("[html]", {"html": True}),
        ("[no stream]", {"no_stream": True}),
        ("[stream breaks]", {"stream_breaks": True}),
        (
            "[takes 1s] a dog [fails: no dogs] [flux-kontext[max]]",
            {"takes": 1.0, "end": End.FAILED, "reason": "no dogs"},
        ),
        ("[takes 1s] [takes 2m]", {"takes": 120.0}),
        ("[", {}),
        ("takes 3s", {}),
    ],
)
def test_words_in_brackets_direct_and_all_else_is_ignored(prompt: str, changes: dict[str, Any]) -> None:
    assert directions_of(prompt) == Directions(**changes)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.example)
def test_every_example_means_something(word: Any) -> None:
    assert directions_of(f"[{word.example}]") != Directions()
