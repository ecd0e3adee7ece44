"""JMESPath as dialects use it."""

import pytest

from taskctl.dialects.expressions import Expression, ExpressionError, Finder, wrong_calls


@pytest.mark.parametrize(
    ("text", "document", "found"),
    [
        ("a.b", {"a": {"b": 1}}, 1),
        ("a.b", {"a": None}, None),
        ("a.b", [1], None),
        ("a.b", None, None),
        ("join('-', a)", {"a": [1]}, None),
        ("starts_with(a, 'x')", {"a": None}, None),
        ("floor(to_number(a))", {"a": "inf"}, None),
        ("ceil(to_number(a))", {"a": "nan"}, None),
        ("a[::0]", {"a": [1]}, None),
        ("sort_by(a, &b)", {"a": [{"b": 1}, {"b": "x"}]}, None),
        ("a < `1`", {"a": "x"}, None),
        ("omit(a, ['x'])", {"a": {"x": 1, "y": None}}, {"y": None}),
    ],
)
def test_reading_finds_or_gives_null(text: str, document: object, found: object) -> None:
    assert Expression(text).read(document) == found


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{model: model, seed: seed}", {"model": "m"}),
        ("{input: input}", {"input": {"prompt": "p", "seed": None}}),
        ("merge(input, {model: model, callback_url: callback_url})", {"prompt": "p", "seed": None, "model": "m"}),
        ("{outer: {inner: callback_url}}", {"outer": {}}),
        ("{config: omit(input, ['prompt', 'seed']) || `null`}", {}),
        ("{list: [model, callback_url]}", {"list": ["m", None]}),
        ("[{type: 'text', text: input.prompt}]", [{"type": "text", "text": "p"}]),
    ],
)
def test_building_drops_the_nulls_it_wrote_and_keeps_the_others(text: str, made: object) -> None:
    scope = {"model": "m", "input": {"prompt": "p", "seed": None}, "callback_url": None, "seed": None}
    assert Expression(text).build(scope) == made


def test_building_leaves_what_it_was_given_as_it_was() -> None:
    scope = {"input": {"a": None}, "model": None}
    Expression("merge(input, {model: model})").build(scope)
    assert scope == {"input": {"a": None}, "model": None}


def test_building_that_fails_says_what_failed() -> None:
    with pytest.raises(ExpressionError, match=r"^\"join\('-', model\)\" fails: "):
        Expression("join('-', model)").build({"model": "m"})


@pytest.mark.parametrize("text", ["", "a.", "a[", "{a}", "`{bad`", "a b", "(" * 5000, "!" * 100_000])
def test_what_is_no_jmespath_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="is not JMESPath"):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{model: model, input: input}", {"model", "input"}),
        ("input.key", {"input"}),
        ("input.list[].key", {"input"}),
        ("input.list[?key == 'x'].id", {"input"}),
        ("input | key", {"input"}),
        ("input.*.key", {"input"}),
        ("merge(input, {a: key.b})", {"input", "key"}),
        ("map(&id, ids)", {"ids"}),
        ("[ids, key][0]", {"ids", "key"}),
        ("!key && `1` || 'x'", {"key"}),
        ("@", set()),
    ],
)
def test_names_are_the_variables_taken_from_the_scope(text: str, names: set[str]) -> None:
    assert Expression(text).names == names


def test_members_are_the_names_it_writes() -> None:
    assert Expression("a[].{url: u, deep: {er: x}}").members == {"url", "deep", "er"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("length(a)", []),
        ("merge(a, b, c)", []),
        ("not_null(a)", []),
        ("join(a)", ["join() takes 2 arguments, not 1"]),
        ("length(a, b)", ["length() takes 1 arguments, not 2"]),
        ("merge()", ["merge() takes 1 arguments or more, not 0"]),
    ],
)
def test_wrong_numbers_of_arguments_are_told_before_the_call(text: str, wrong: list[str]) -> None:
    assert list(wrong_calls(Expression(text))) == wrong


def test_an_unknown_function_is_told_with_those_there_are() -> None:
    (wrong,) = wrong_calls(Expression("a.{x: lenght(b)}"))
    assert wrong.startswith("there is no function lenght(); there are abs, avg, ")
    assert "omit" in wrong


def test_a_finder_takes_the_first_that_is_accepted() -> None:
    finder = Finder(["a", "b", "c"])
    assert finder.first({"a": 1, "b": "x", "c": "y"}, lambda value: value if isinstance(value, str) else None) == "x"
    assert Finder("a").first({}, lambda value: value) is None
    assert Finder([]).first({"a": 1}, lambda value: value) is None


def test_a_finder_flattens_all_it_finds_and_leaves_nulls_out() -> None:
    assert list(Finder(["a", "b", "c"]).all({"a": [1, [2, None]], "b": None, "c": "x"})) == [1, 2, "x"]
