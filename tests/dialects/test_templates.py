"""Paths, queries and headers with variables."""

import pytest

from taskctl.dialects.expressions import ExpressionError
from taskctl.dialects.templates import Template, split_request


@pytest.mark.parametrize(
    ("text", "variables", "path"),
    [
        ("/v1/tasks/{id}", {"id": "a"}, "/v1/tasks/a"),
        ("/v1/tasks/{id}", {"id": "a b/c?d#e[f]%"}, "/v1/tasks/a%20b%2Fc%3Fd%23e%5Bf%5D%25"),
        ("/v1/tasks/{id}", {"id": "ä"}, "/v1/tasks/%C3%A4"),
        ("/v1/tasks/{id}", {"id": "{key}", "key": "k"}, "/v1/tasks/%7Bkey%7D"),
        ("/{model}/runs", {"model": "a/b c"}, "/a/b%20c/runs"),
        ("/t?id={id}&x=1", {"id": "a&b=c"}, "/t?id=a%26b%3Dc&x=1"),
        ("/t?id={id}&x=1", {"id": None}, "/t?x=1"),
        ("/t?id={id}", {}, "/t"),
        ("/t?p={page}&c={cursor}", {"page": "2", "cursor": None}, "/t?p=2"),
        ("/t?m={model}", {"model": "a/b"}, "/t?m=a%2Fb"),
        ("/t?id={id}", {"id": ".."}, "/t?id=.."),
    ],
)
def test_values_are_encoded_and_missing_parameters_left_out(
    text: str, variables: dict[str, str | None], path: str
) -> None:
    assert Template(text).path(variables) == path


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("/t/{id}", {"id": "."}),
        ("/t/{id}", {"id": ".."}),
        ("/t/{id}", {"id": ""}),
        ("/{model}", {"model": "a/../b"}),
        ("/{model}", {"model": ".."}),
        ("/{model}", {"model": "a//b"}),
        ("/{model}", {"model": "/a"}),
    ],
)
def test_a_value_that_leads_to_another_path_is_refused(text: str, variables: dict[str, str | None]) -> None:
    with pytest.raises(ValueError, match="it would lead to another path"):
        Template(text).path(variables)


def test_a_value_that_is_missing_in_the_path_is_the_dialects_error() -> None:
    with pytest.raises(ExpressionError, match=r"^\{id\} has no value here$"):
        Template("/t/{id}").path({"id": None})


def test_plain_text_is_filled_as_it_is_or_not_at_all() -> None:
    assert Template("Bearer {api_key}").plain({"api_key": "a b/ä"}) == "Bearer a b/ä"
    assert Template("Bearer {api_key}").plain({"api_key": None}) is None
    assert Template("2024-11-06").plain({}) == "2024-11-06"


def test_only_the_variables_of_the_path_itself_are_needed() -> None:
    assert Template("/a/{id}/b?c={cursor}").needed == {"id"}
    assert Template("/a/{id}/b?c={cursor}").names == {"id", "cursor"}


@pytest.mark.parametrize("text", ["/a/{", "/a/}", "/a/{ID}", "/a/{}", "/a/{{id}}"])
def test_a_stray_brace_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="a brace that belongs to no"):
        Template(text)


@pytest.mark.parametrize(
    "text", ["", "GET", "GET v1", "get /v1", "HEAD /v1", "GET  /v1", "/v1", "GET https://x.example/v1"]
)
def test_what_is_no_method_and_path_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="is not of the form 'METHOD /path'"):
        split_request(text)


@pytest.mark.parametrize("text", ["GET /a b", "GET /a#b", "GET /ä", "GET /a\\b", "GET /a\n", "GET /a\r\nX: 1"])
def test_a_path_that_is_not_encoded_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="must be percent-encoded"):
        split_request(text)


def test_a_request_is_split_into_method_and_path() -> None:
    method, path = split_request("DELETE /v1/tasks/{id}")
    assert (method, path.text) == ("DELETE", "/v1/tasks/{id}")
