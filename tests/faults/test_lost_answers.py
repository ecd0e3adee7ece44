"""L1: an answer that is cut, at whatever byte, neither makes nor ends a task, and is never read as what it is not."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import itertools
from collections.abc import Callable

import pytest

from tests.faults.conftest import Serve
from tests.faults.console import Console
from tests.faults.paying import Customer, Fault, Till, borders, framed, impatient, places
from tests.faults.server import json_answer

FRAMINGS = ("length", "chunks", "close")
OUTPUTS = {"outputs": ["/files/task-1.mp4"], "output": ["/files/task-1.mp4"]}
ENDS: dict[str, bytes] = {
    "completed": json_answer({"id": "task-1", "task_id": "task-1", "status": "completed", **OUTPUTS}),
    "failed": json_answer({"id": "task-1", "task_id": "task-1", "status": "failed", "error": "no such voice"}),
    "cancelled": json_answer({"id": "task-1", "task_id": "task-1", "status": "cancelled"}),
}
"""Answers to a look that would end the task."""
GONE = json_answer({"error": {"code": "task_not_found", "message": "no such task"}}, 404)

Open = Callable[[str], Customer]


@pytest.fixture
def opened(taskctl: Console, serve: Serve) -> Open:
    def opening(contract: str) -> Customer:
        till = Till(contract)
        return Customer(taskctl, till, serve(till, trusted=True).url)

    return opening


@pytest.fixture
def submitted(opened: Open) -> Customer:
    """A customer whose one task is queued, at a provider that can cancel."""
    customer = opened("existing")
    customer.assert_submitted(customer.submit_here(), posts=1)
    return customer


def saying(said: bytes) -> Callable[[bytes], bytes]:
    """Whatever would be right, this is said instead."""
    return lambda _: said


def in_framing(framing: str, place: int | None = None) -> Fault:
    """The answer in this framing, up to this place."""
    return Fault(lambda good: framed(good, framing)[:place])


def submitted_whole(customer: Customer, framing: str) -> bytes:
    """What the answer to a submission is where nothing is cut: all answers of a test have the same length."""
    customer.till.ids, heard = "task-{:04}", []

    def hear(good: bytes) -> bytes:
        heard.append(framed(good, framing))
        return heard[0]

    customer.till.faults = [Fault(hear)]
    done = customer.submit_here(key="cut-whole")
    assert (done.code, done.out) == (0, "task-0001\n"), done.err
    return heard[0]


@pytest.mark.parametrize("number", range(7))
def test_L1_a_submission_whose_answer_is_cut_at_a_border_is_unconfirmed(opened: Open, number: int) -> None:
    customer = opened("none")
    place = borders(submitted_whole(customer, "length"))[number]
    customer.till.faults = [in_framing("length", place)]
    done = customer.submit(key="cut-short")
    assert (done.code, done.out) == (9, ""), done.err
    assert "taskctl reconcile -P ephone --key cut-short" in done.err
    assert customer.standing() == [("task-0001", "queued"), (None, "unconfirmed")]
    assert len(customer.till.submits) == 2


@pytest.mark.parametrize(("contract", "framing"), [*itertools.product(["none"], FRAMINGS), ("reject", "close")])
def test_L1_a_submission_whose_answer_is_cut_is_unconfirmed_and_sent_once(
    opened: Open, contract: str, framing: str
) -> None:
    customer = opened(contract)
    where = places(submitted_whole(customer, framing))
    for number, place in enumerate(where):
        customer.till.faults = [in_framing(framing, place)]
        done = customer.submit_here(key=f"cut-{place:05}")
        assert (done.code, done.out) == (9, ""), f"{place}: {done.err}"
        assert f"--key cut-{place:05}" in done.err
        assert len(customer.till.submits) == number + 2, place
    assert customer.standing() == [("task-0001", "queued"), *[(None, "unconfirmed")] * len(where)]


@pytest.mark.parametrize(("contract", "framing"), [*itertools.product(["replay"], FRAMINGS), ("existing", "length")])
def test_L1_a_submission_whose_answer_is_cut_is_one_task_where_a_key_makes_that_sure(
    opened: Open, contract: str, framing: str
) -> None:
    customer = opened(contract)
    where = places(submitted_whole(customer, framing))
    with impatient():
        for number, place in enumerate(where, 2):
            customer.till.faults = [in_framing(framing, place)]
            done = customer.submit_here(key=f"cut-{place:05}")
            assert (done.code, done.out) == (0, f"task-{number:04}\n"), f"{place}: {done.err}"
            assert (len(customer.till.tasks), len(customer.till.submits)) == (number, 2 * number - 1), place
            first, second = customer.till.submits[-2:]
            assert first.body == second.body, place
    assert {state for _, state in customer.standing()} == {"queued"}


@pytest.mark.parametrize(
    ("end", "framing"), [*itertools.product(["completed"], FRAMINGS), ("failed", "chunks"), ("cancelled", "close")]
)
def test_L1_a_look_whose_answer_is_cut_ends_nothing(submitted: Customer, end: str, framing: str) -> None:
    said = framed(ENDS[end], framing)
    for place in places(said):
        submitted.till.on_look = [saying(said[:place])]
        done = submitted.here("status", "task-1", "-o", "json")
        assert done.code in (5, 6), f"{place}: {done.err}"
        assert [task["state"] for task in done.json()["tasks"]] == ["queued"], place
        assert (submitted.standing(), submitted.till.on_look) == ([("task-1", "queued")], []), place
    submitted.till.on_look = [saying(said)]
    assert submitted.here("status", "task-1").code == 0
    assert submitted.standing() == [("task-1", end)]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_L1_a_denial_that_is_cut_ends_nothing(submitted: Customer, framing: str) -> None:
    said = framed(GONE, framing).replace(b"200", b"404", 1)
    for place in [*places(said), len(said)]:
        submitted.till.on_look = [saying(said[:place])]
        done = submitted.here("status", "task-1")
        assert done.code in (5, 6), f"{place}: {done.err}"
        assert submitted.standing() == [("task-1", "queued")], place


def test_L1_a_wait_outlives_answers_that_are_cut_at_every_border(submitted: Customer) -> None:
    said = [framed(ENDS["completed"], framing) for framing in FRAMINGS]
    cuts = [whole[:place] for whole in said for place in borders(whole)]
    queued = json_answer({"id": "task-1", "task_id": "task-1", "status": "queued"})
    looks = [look for one in cuts for look in (one, queued)]
    submitted.till.on_look = [saying(look) for look in [*looks, said[0]]]
    done = submitted.console("wait", "task-1", "--interval", "10ms", "--rate", "1000")
    assert (done.code, done.lines[-1][-17:]) == (0, "/files/task-1.mp4"), done.err
    assert (submitted.till.on_look, submitted.standing()) == ([], [("task-1", "completed")])
    assert len(submitted.till.submits) == 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_L1_a_cancellation_whose_answer_is_cut_is_asked_for_once_and_claims_nothing(
    submitted: Customer, framing: str
) -> None:
    said = framed(ENDS["cancelled"], framing)
    for number, place in enumerate(places(said), 1):
        submitted.till.on_cancel = saying(said[:place])
        run = (
            submitted.console
            if framing == "length" and place in (0, said.index(b"{"), len(said) - 1)
            else submitted.here
        )
        done = run("cancel", "task-1", "-o", "json")
        assert [task["state"] for task in done.json()["tasks"]] == ["queued"], place
        assert (done.code == 6) or "it was not cancelled" in done.err, f"{place}: {done.err}"
        assert (submitted.standing(), len(submitted.till.cancels)) == ([("task-1", "queued")], number), place
    submitted.till.on_cancel = saying(said)
    assert submitted.here("cancel", "task-1").code == 0
    assert submitted.standing() == [("task-1", "cancelled")]
