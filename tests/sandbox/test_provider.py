import pytest

from tests.sandbox.calling import BY_NAME, Caller, Speech

KEY = "a-key-that-fits-everywhere"


def test_a_task_waits_runs_and_completes_as_time_goes_by(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse [takes 10s]")
    seen = [speech.seen(caller.after(seconds), task) for seconds in (0, 1.9, 3, 9, 10, 10_000)]
    assert seen == ["queued", "queued", "running", "running", "completed", "completed"]


def test_a_result_is_a_file_that_its_link_leads_to(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse")
    answer = caller.after(2).get(speech.result(caller, task), headers={})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content[4:8] == b"ftyp"


def test_links_do_not_name_the_port(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse")
    link = speech.links(speech.query(caller.after(2), task).json())[0]
    expected = f"/tasks/{task}/final-1.mp4" if speech.name == "moneyprinterturbo" else f"/{speech.name}/media/"
    assert link.startswith(expected)


def test_a_running_task_has_no_whole_file_yet(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse [takes 10s]")
    path = speech.result(caller.after(10), task)
    whole = caller.get(path).content
    early = caller.after(6).get(path)
    assert early.status_code == 404 or early.content == whole[: len(whole) // 2]


def test_fails_is_a_failure_at_the_end(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse [fails: no light]")
    assert speech.seen(caller.after(1), task) == "running"
    assert speech.seen(caller.after(2), task) == "failed"
    assert "no light" in speech.query(caller, task).text


def test_moderated_is_a_failure_too(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[moderated]")
    assert speech.seen(caller.after(2), task) == "failed"


def test_cancelled_ends_so_where_there_is_such_a_state(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[cancelled]")
    expected = "cancelled" if "cancelled" in speech.words.values() else "completed"
    assert speech.seen(caller.after(2), task) == expected


def test_stays_queued_and_stays_running_never_end(caller: Caller, speech: Speech) -> None:
    waiting, running = speech.submitted(caller, "[stays queued]"), speech.submitted(caller, "[stays running]")
    caller.after(1_000_000)
    assert (speech.seen(caller, waiting), speech.seen(caller, running)) == ("queued", "running")


def test_unknown_state_is_a_word_that_nobody_documents(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[unknown state]")
    assert [speech.seen(caller.after(seconds), task) for seconds in (0, 5, 500)] == ["unknown"] * 3


def test_outputs_says_how_many(caller: Caller, speech: Speech) -> None:
    three, none = speech.submitted(caller, "[outputs 3]"), speech.submitted(caller, "[no outputs]")
    caller.after(2)
    links = speech.links(speech.query(caller, three).json())
    assert len(set(links)) == 3
    assert speech.seen(caller, none) == "completed"
    assert speech.links(speech.query(caller, none).json()) == []


def test_forgotten_is_not_found_once_its_time_is_over(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[forgotten]")
    seen = [speech.seen(caller.after(seconds), task) for seconds in (1, 2, 500)]
    assert seen == ["running", "404", "404"]


def test_late_is_not_found_the_first_time(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[late]")
    assert [speech.seen(caller, task) for _ in range(3)] == ["404", "queued", "queued"]


def test_flaky_answers_with_a_page_at_first(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[flaky 2] [late]")
    assert [speech.seen(caller, task) for _ in range(4)] == ["404", "502", "502", "queued"]
    other = speech.submitted(caller, "[flaky 1]")
    page = speech.query(caller, other)
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.startswith("<!DOCTYPE html>")


def test_rate_limited_answers_429_and_takes_nothing(caller: Caller, speech: Speech) -> None:
    answers = [speech.submit(caller, "[rate limited 2]") for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [429, 429]
    assert answers[2].status_code in (200, 201)
    assert speech.rate_limited(answers[0].json())
    waits = {answer.headers.get("retry-after") for answer in answers[:2]}
    assert waits == ({"1"} if speech.name in ("ephone", "evolink", "sandbox") else {None})
    assert [task["submits"] for task in caller.get("/_sandbox/tasks").json()] == [3]


def test_refused_is_400_and_no_credit_has_a_status_of_its_own(caller: Caller, speech: Speech) -> None:
    assert speech.submit(caller, "[refused]").status_code == 400
    assert speech.submit(caller, "[no credit]").status_code == (403 if speech.name == "yescale" else 402)
    assert caller.get("/_sandbox/tasks").json() == []


def test_answers_503_has_taken_the_task_nevertheless(caller: Caller, speech: Speech) -> None:
    answer = speech.submit(caller, "[answers 503]", KEY)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    again = speech.submit(caller, "[answers 503]", KEY)
    assert again.status_code == (503 if speech.key is None else 200)
    assert len(caller.get("/_sandbox/tasks").json()) == (2 if speech.key is None else 1)


def test_a_lost_answer_has_taken_the_task_nevertheless(caller: Caller, speech: Speech) -> None:
    with pytest.raises(ConnectionAbortedError):
        speech.submit(caller, "[loses answer]", KEY)
    (task,) = caller.get("/_sandbox/tasks").json()
    if speech.key is not None:
        again = speech.submit(caller, "[loses answer]", KEY)
        assert again.status_code == 200
        assert speech.id(again.json()) == task["id"]
        assert [(each["submits"], each["key"]) for each in caller.get("/_sandbox/tasks").json()] == [(2, KEY)]


def test_links_expire_and_asking_again_gives_a_fresh_one(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[links expire 2s]")
    link = speech.result(caller.after(10), task)
    assert caller.after(11.9).get(link).content[4:8] == b"ftyp"
    old = caller.after(12).get(link)
    if speech.name == "evolink":
        assert (old.status_code, old.headers["content-type"]) == (200, "text/html; charset=utf-8")
    else:
        assert (old.status_code, old.headers["content-type"]) == (403, "application/xml")
    fresh = speech.result(caller, task)
    assert fresh != link
    assert caller.get(fresh).content[4:8] == b"ftyp"


@pytest.mark.parametrize("query", ["", "?expires=99999999999.000&sig=00", "?sig=x&expires=never"])
def test_an_end_date_cannot_be_made_up(caller: Caller, query: str) -> None:
    speech = BY_NAME["sandbox"]
    task = speech.submitted(caller, "[links expire 2s]")
    path = speech.result(caller.after(2), task).partition("?")[0]
    assert caller.get(path + query).status_code == 403


def test_html_is_what_the_link_answers(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "[html]")
    answer = caller.after(2).get(speech.result(caller, task))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_a_task_of_one_provider_is_unknown_to_another(caller: Caller, speech: Speech) -> None:
    task = speech.submitted(caller, "a lighthouse")
    others = [other for other in BY_NAME.values() if other is not speech]
    assert {other.seen(caller, task) for other in others} <= {"404", "400"}


def test_the_wrong_key_is_wrong_and_some_want_one(caller: Caller, speech: Speech) -> None:
    path, body = f"/{speech.name}{speech.path}", speech.body("a lighthouse")
    header = {"x-api-key": "wrong"} if speech.name == "moneyprinterturbo" else {"Authorization": "Bearer wrong"}
    assert caller.post(path, body, headers=header).status_code == 401
    without = caller.post(path, body, headers={}).status_code
    assert without == {"moneyprinterturbo": 200, "sandbox": 201}.get(speech.name, 401)


def test_a_body_that_is_no_object_is_refused(caller: Caller, speech: Speech) -> None:
    path = f"/{speech.name}{speech.path}"
    headers = {**speech.headers, "Content-Type": "application/json"}
    for content in (b"", b"{", b"[]", b'{"model": NaN}', b"\xff", b"[" * 100_000):
        assert caller.send("POST", path, headers=headers, content=content).status_code == 400


def test_a_body_must_say_that_it_is_json(caller: Caller, speech: Speech) -> None:
    path, headers = f"/{speech.name}{speech.path}", {**speech.headers, "Content-Type": "text/plain"}
    answer = caller.send("POST", path, headers=headers, content=b"{}")
    assert answer.status_code == (500 if speech.name == "moneyprinterturbo" else 400)


def test_a_request_without_a_prompt_is_refused(caller: Caller, speech: Speech) -> None:
    without = speech.body("PROMPT")
    for place in (without, without.get("input", {}), without.get("params", {})):
        for name in [name for name in place if place[name] == "PROMPT"]:
            del place[name]
    assert caller.post(f"/{speech.name}{speech.path}", without, headers=speech.headers).status_code == 400


def test_text_that_is_no_unicode_survives(caller: Caller, speech: Speech) -> None:
    headers = {**speech.headers, "Content-Type": "application/json"}
    body = str(speech.body("PROMPT")).replace("'", '"').replace("PROMPT", r"a \ud800 [fails: \ud800]")
    answer = caller.send("POST", f"/{speech.name}{speech.path}", headers=headers, content=body.encode())
    task = speech.id(answer.json())
    assert speech.seen(caller.after(2), task) == "failed"
    assert caller.get("/_sandbox/tasks").status_code == 200


@pytest.mark.parametrize("name", ["evolink", "bytespike", "sandbox"])
def test_a_key_that_comes_again_gives_the_same_task(caller: Caller, name: str) -> None:
    speech = BY_NAME[name]
    first, again = (speech.submit(caller, "a lighthouse", KEY) for _ in range(2))
    assert again.status_code == 200
    assert again.json() == first.json()
    assert again.headers.get("idempotency-replayed") == ("true" if name == "evolink" else None)
    assert "idempotency-replayed" not in first.headers
    other = speech.submit(caller, "a lighthouse", "another-key-that-fits")
    assert speech.id(other.json()) != speech.id(first.json())


@pytest.mark.parametrize(
    ("name", "code"),
    [("evolink", "idempotency_conflict"), ("bytespike", "duplicate_out_task_id"), ("sandbox", "key_conflict")],
)
def test_a_key_that_comes_again_with_another_request_conflicts(caller: Caller, name: str, code: str) -> None:
    speech = BY_NAME[name]
    speech.submit(caller, "a lighthouse", KEY)
    answer = speech.submit(caller, "a windmill", KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


@pytest.mark.parametrize("name", ["ephone", "yescale", "moneyprinterturbo"])
def test_others_make_a_new_task_each_time(caller: Caller, name: str) -> None:
    speech = BY_NAME[name]
    assert speech.submitted(caller, "a lighthouse") != speech.submitted(caller, "a lighthouse")


def test_a_key_works_across_processes(caller: Caller) -> None:
    speech, other = BY_NAME["sandbox"], caller.beside()
    first, again = speech.submit(caller, "a lighthouse", KEY), speech.submit(other, "a lighthouse", KEY)
    assert again.json()["id"] == first.json()["id"]
