"""What an answer means that is not a task."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from taskctl.dialects.messages import Answer, Problem, Trouble
from taskctl.dialects.problems import by_status, heading
from tests.dialects.small import answer, small

NOW = datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)
LISTS = (
    "[problem]",
    """[problem]
not_found = ["no_such_*", "*went missing"]
credentials = ["bad_key"]
payment = ["NO_MONEY"]
conflict = ["key_used"]
busy = ["later"]
unavailable = ["who_knows"]
refused = ["no_*"]
reset = "X-Reset"
remaining = "X-Left"
""",
)


def told(told_by: Answer, *, submits: bool = False) -> Problem:
    dialect = small(LISTS)
    acknowledges = dialect.operation(None, None).acknowledges if submits else None
    found = dialect.reader.task(replace(told_by, at=NOW), acknowledges=acknowledges)
    assert isinstance(found, Problem)
    return found


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (301, Trouble.REFUSED),
        (400, Trouble.REFUSED),
        (401, Trouble.CREDENTIALS),
        (402, Trouble.PAYMENT),
        (403, Trouble.CREDENTIALS),
        (404, Trouble.NOT_FOUND),
        (405, Trouble.REFUSED),
        (408, Trouble.UNAVAILABLE),
        (409, Trouble.CONFLICT),
        (410, Trouble.NOT_FOUND),
        (413, Trouble.REFUSED),
        (422, Trouble.REFUSED),
        (425, Trouble.REFUSED),
        (429, Trouble.BUSY),
        (451, Trouble.REFUSED),
        (500, Trouble.UNAVAILABLE),
        (503, Trouble.UNAVAILABLE),
        (524, Trouble.UNAVAILABLE),
        (100, Trouble.UNREADABLE),
        (200, Trouble.UNREADABLE),
    ],
)
def test_a_status_means_something_by_itself(status: int, trouble: Trouble) -> None:
    assert by_status(status) is trouble


@pytest.mark.parametrize(
    ("code", "status", "trouble"),
    [
        ("no_such_job", 400, Trouble.NOT_FOUND),
        ("NO_SUCH_JOB", 500, Trouble.NOT_FOUND),
        ("bad_key", 400, Trouble.CREDENTIALS),
        ("no_money", 403, Trouble.PAYMENT),
        ("no_money", 429, Trouble.PAYMENT),
        ("key_used", 400, Trouble.CONFLICT),
        ("later", 400, Trouble.BUSY),
        ("who_knows", 409, Trouble.UNAVAILABLE),
        ("no_way", 503, Trouble.REFUSED),
        ("something", 400, Trouble.REFUSED),
    ],
)
def test_a_code_outweighs_the_status(code: str, status: int, trouble: Trouble) -> None:
    assert told(answer({"error": {"code": code, "message": "m"}}, status)).trouble is trouble


def test_a_message_is_matched_like_a_code() -> None:
    assert told(answer({"error": {"message": "It Went Missing"}}, 400)).trouble is Trouble.NOT_FOUND


def test_a_number_for_a_code_is_text() -> None:
    problem = told(answer({"error": {"code": 4031, "message": "m"}}, 400))
    assert (problem.code, problem.message, problem.status) == ("4031", "m", 400)


def test_409_is_about_the_key_of_a_submit_and_about_the_state_of_anything_else() -> None:
    assert told(answer({}, 409), submits=True).trouble is Trouble.CONFLICT
    assert told(answer({}, 409)).trouble is Trouble.REFUSED


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("", Trouble.NOT_FOUND),
        ({"detail": "?"}, Trouble.NOT_FOUND),
        ("<h1>404</h1>", Trouble.UNREADABLE),
        ("404 page not found", Trouble.UNREADABLE),
    ],
)
def test_only_what_the_api_itself_answers_can_say_that_a_task_is_gone(body: object, trouble: Trouble) -> None:
    assert told(answer(body, 404)).trouble is trouble


@pytest.mark.parametrize(
    "body", ["", "null", "<html>", "[]", "{}", '"x"', '{"status": null}', "NaN", '{"outputs": []}']
)
def test_a_good_status_without_a_task_is_unreadable(body: str) -> None:
    assert told(answer(body)).trouble is Trouble.UNREADABLE


def test_a_code_tells_more_than_unreadable_even_with_200() -> None:
    assert told(answer({"error": {"code": "no_money", "message": "m"}})).trouble is Trouble.PAYMENT


@pytest.mark.parametrize(
    ("ok", "body", "refused"),
    [
        ("code == `0`", {"code": 0, "id": "a", "status": "done"}, False),
        ("code == `0`", {"code": 7, "id": "a", "status": "done", "error": {"message": "m"}}, True),
        ("code == `0`", {"id": "a", "status": "done"}, True),
        ("success", {"success": False, "id": "a"}, True),
        ("success", {"id": "a"}, False),
        ("join(',', code)", {"id": "a", "code": 1}, False),
    ],
)
def test_an_envelope_refuses_with_200_where_ok_is_false(ok: str, body: object, refused: bool) -> None:
    found = small(("[problem]", f'[problem]\nok = "{ok}"')).reader.task(answer(body))
    assert (isinstance(found, Problem) and found.trouble is Trouble.REFUSED) is refused


@pytest.mark.parametrize(
    ("headers", "status", "seconds"),
    [
        ({"retry_after": "7"}, 429, 7.0),
        ({"retry_after": "7"}, 503, 7.0),
        ({"retry_after": "Mon, 26 Oct 2026 07:33:50 GMT"}, 503, 30.0),
        ({"x_reset": "1793000060", "x_left": "0"}, 429, 60.0),
        ({"x_reset": "1793000060"}, 429, 60.0),
        ({"x_reset": "1793000060", "x_left": "3"}, 429, None),
        ({"x_reset": "1793000060", "x_left": "0"}, 503, None),
        ({"x_reset": "1793000060", "retry_after": "1"}, 429, 1.0),
        ({}, 429, None),
    ],
)
def test_a_problem_says_how_long_to_wait(headers: dict[str, str], status: int, seconds: float | None) -> None:
    assert told(answer({}, status, **headers)).retry_after == seconds


@pytest.mark.parametrize(("reset", "seconds"), [("30", 30.0), ("1793000060", 60.0), ("soon", None)])
def test_the_usual_header_of_a_limit_is_understood_anyway(reset: str, seconds: float | None) -> None:
    found = small().reader.task(replace(answer({}, 429, x_ratelimit_reset=reset), at=NOW))
    assert isinstance(found, Problem)
    assert found.retry_after == seconds


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Answer(status=502), "HTTP 502"),
        (
            Answer(status=502, headers={"content-type": "text/html; charset=x"}, body=b"<p>\n  no\n</p>"),
            "HTTP 502, text/html: <p> no </p>",
        ),
        (Answer(status=500, body=b"x" * 5000), f"HTTP 500: {'x' * 200}"),
        (Answer(status=500, body=b"\xff"), "HTTP 500: �"),
        (
            Answer(status=302, headers={"location": "https://a.example/b?token=c"}),
            "HTTP 302: it points to https://a.example/b, and no request is sent there",
        ),
        (Answer(status=304), "HTTP 304"),
    ],
)
def test_an_answer_without_words_is_described(given: Answer, words: str) -> None:
    assert heading(given) == words


def test_a_message_that_fills_books_is_cut() -> None:
    assert len(told(answer({"error": {"message": "x" * 10_000}}, 400)).message) == 2000
