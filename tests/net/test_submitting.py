"""The whole decision table: what was met, what the provider promises, what went before, and our patience."""

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskctl.dialects.messages import Trouble
from taskctl.net.submitting import (
    BUSY_PATIENCE,
    CONNECT_PATIENCE,
    KEY_LIVES,
    LOST_ATTEMPTS,
    Attempt,
    Contract,
    Met,
    Move,
    Promise,
    decide,
)

HARMLESS = {Contract.REPLAY, Contract.EXISTING}


@dataclass(frozen=True)
class Answer:
    """What an attempt met."""

    met: Met
    trouble: Trouble | None = None
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.met}-{self.trouble or ''}-{self.status or ''}".strip("-")


def problem(trouble: Trouble, *statuses: int) -> list[Answer]:
    return [Answer(Met.PROBLEM, trouble, status) for status in statuses]


NEVER_ARRIVED = [Answer(Met.NOT_SENT)]
UNTRUSTED = [Answer(Met.UNTRUSTED)]
LOST = [
    Answer(Met.LOST),
    *problem(Trouble.UNAVAILABLE, 408, 500, 502, 503, 504),
    *problem(Trouble.UNREADABLE, 200, 201, 204, 299),
]
BUSY = problem(Trouble.BUSY, 429, 503, 200)
REFUSED = [
    *problem(Trouble.CREDENTIALS, 401, 403, 200),
    *problem(Trouble.PAYMENT, 402, 200),
    *problem(Trouble.NOT_FOUND, 404, 410),
    *problem(Trouble.CONFLICT, 409),
    *problem(Trouble.REFUSED, 301, 302, 307, 308, 400, 422, 451, 200),
    *problem(Trouble.UNREADABLE, 300, 302, 404),
    Answer(Met.PROBLEM, Trouble.UNREADABLE, None),
]
EVERYTHING = [*NEVER_ARRIVED, *UNTRUSTED, *LOST, *BUSY, *REFUSED]


def move(answer: Answer, contract: Contract, *, earlier: bool, elapsed: float, number: int = 1) -> Move:
    attempt = Attempt(
        met=answer.met,
        trouble=answer.trouble,
        status=answer.status,
        number=number,
        elapsed=elapsed,
        maybe_accepted=earlier,
    )
    return decide(attempt, Promise(contract=contract)).move


def expected(answer: Answer, contract: Contract, *, earlier: bool, patient: bool, attempts_left: bool) -> Move:
    stopped = Move.UNCONFIRMED if earlier else Move.GIVE_UP
    if answer in NEVER_ARRIVED or answer in BUSY:
        return Move.AGAIN if patient else stopped
    if answer in UNTRUSTED:
        return stopped
    if answer in LOST:
        return Move.AGAIN if contract in HARMLESS and attempts_left else Move.UNCONFIRMED
    return Move.UNCONFIRMED if earlier else Move.REFUSED


@pytest.mark.parametrize("contract", list(Contract))
@pytest.mark.parametrize("answer", EVERYTHING, ids=str)
def test_every_case_has_its_move(answer: Answer, contract: Contract) -> None:
    limit = CONNECT_PATIENCE if answer in NEVER_ARRIVED else BUSY_PATIENCE
    for earlier, patient, number in product((False, True), (False, True), (1, 2, 3)):
        said = move(answer, contract, earlier=earlier, elapsed=0.0 if patient else limit, number=number)
        assert said is expected(
            answer, contract, earlier=earlier, patient=patient, attempts_left=number < LOST_ATTEMPTS
        ), (earlier, patient, number)


@pytest.mark.parametrize("answer", EVERYTHING, ids=str)
def test_what_may_have_arrived_is_what_was_lost(answer: Answer) -> None:
    attempt = Attempt(met=answer.met, trouble=answer.trouble, status=answer.status, number=1, elapsed=0)
    assert attempt.may_have_arrived is (answer in LOST)


def test_our_patience_is_the_documented_one() -> None:
    assert (CONNECT_PATIENCE, BUSY_PATIENCE, LOST_ATTEMPTS) == (10.0, 60.0, 3)


anything = st.builds(
    Attempt,
    met=st.sampled_from(Met),
    trouble=st.none() | st.sampled_from(Trouble),
    status=st.none() | st.integers(100, 599),
    retry_after=st.none() | st.floats(-1e9, 1e9),
    number=st.integers(1, 50),
    elapsed=st.floats(0, 1e6),
    age=st.floats(-1e9, 1e9),
    maybe_accepted=st.booleans(),
)


@settings(max_examples=50)
@given(anything, st.sampled_from([Contract.NONE, Contract.REJECT]))
def test_without_a_contract_nothing_that_may_have_arrived_is_sent_again(attempt: Attempt, contract: Contract) -> None:
    decision = decide(attempt, Promise(contract=contract))
    if attempt.may_have_arrived:
        assert decision.move is Move.UNCONFIRMED


@settings(max_examples=50)
@given(anything, st.sampled_from(Contract))
def test_what_may_have_been_accepted_is_never_said_to_be_refused(attempt: Attempt, contract: Contract) -> None:
    if attempt.maybe_accepted or attempt.may_have_arrived:
        assert decide(attempt, Promise(contract=contract)).move in (Move.AGAIN, Move.UNCONFIRMED)


@settings(max_examples=50)
@given(anything, st.sampled_from(Contract))
def test_a_pause_is_short_and_only_where_something_is_sent(attempt: Attempt, contract: Contract) -> None:
    decision = decide(attempt, Promise(contract=contract))
    assert 0 <= decision.pause <= BUSY_PATIENCE
    assert (decision.pause > 0) is (decision.move is Move.AGAIN)


@pytest.mark.parametrize(("number", "pause"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (40, 8.0)])
def test_pauses_double_up_to_eight_seconds(number: int, pause: float) -> None:
    attempt = Attempt(met=Met.PROBLEM, trouble=Trouble.BUSY, status=429, number=number, elapsed=0)
    assert decide(attempt, Promise()).pause == pause


@pytest.mark.parametrize(
    ("retry_after", "elapsed", "move", "pause"),
    [
        (None, 0.0, Move.AGAIN, 0.5),
        (0.0, 0.0, Move.AGAIN, 0.5),
        (-5.0, 0.0, Move.AGAIN, 0.5),
        (20.0, 0.0, Move.AGAIN, 20.0),
        (20.0, 40.0, Move.AGAIN, 20.0),
        (20.0, 40.1, Move.GIVE_UP, 0.0),
        (60.0, 0.0, Move.AGAIN, 60.0),
        (61.0, 0.0, Move.GIVE_UP, 0.0),
        (None, 59.6, Move.GIVE_UP, 0.0),
    ],
)
def test_a_busy_provider_is_waited_for_as_it_asks_for_a_minute_in_all(
    retry_after: float | None, elapsed: float, move: Move, pause: float
) -> None:
    attempt = Attempt(
        met=Met.PROBLEM, trouble=Trouble.BUSY, status=429, number=1, elapsed=elapsed, retry_after=retry_after
    )
    decision = decide(attempt, Promise())
    assert (decision.move, decision.pause) == (move, pause)


@pytest.mark.parametrize(("elapsed", "move"), [(0.0, Move.AGAIN), (9.5, Move.AGAIN), (9.6, Move.GIVE_UP)])
def test_a_door_that_does_not_open_is_knocked_at_for_ten_seconds(elapsed: float, move: Move) -> None:
    assert decide(Attempt(met=Met.NOT_SENT, number=1, elapsed=elapsed), Promise(contract=Contract.NONE)).move is move


@pytest.mark.parametrize(
    ("retry_after", "move", "pause"),
    [(None, Move.AGAIN, 0.5), (30.0, Move.AGAIN, 30.0), (60.0, Move.AGAIN, 60.0), (3600.0, Move.UNCONFIRMED, 0.0)],
)
def test_a_lost_answer_is_not_waited_for_by_the_hour(retry_after: float | None, move: Move, pause: float) -> None:
    attempt = Attempt(
        met=Met.PROBLEM, trouble=Trouble.UNAVAILABLE, status=503, number=1, elapsed=0, retry_after=retry_after
    )
    decision = decide(attempt, Promise(contract=Contract.REPLAY))
    assert (decision.move, decision.pause) == (move, pause)


def test_the_time_that_was_spent_waiting_for_an_answer_does_not_use_up_the_repetitions() -> None:
    attempt = Attempt(met=Met.LOST, number=2, elapsed=125.0, maybe_accepted=True)
    assert decide(attempt, Promise(contract=Contract.EXISTING)).move is Move.AGAIN


@pytest.mark.parametrize(("age", "fresh"), [(0.0, True), (100.0, True), (100.1, False), (1e9, False), (-0.1, False)])
@pytest.mark.parametrize("contract", list(Contract))
def test_a_key_is_trusted_for_as_long_as_it_lives(contract: Contract, age: float, fresh: bool) -> None:
    promise = Promise(contract=contract, lives=100.0)
    attempt = Attempt(met=Met.LOST, number=1, elapsed=0.0, age=age)
    assert promise.harmless(age) is (fresh and contract in HARMLESS)
    assert promise.telling(age) is (fresh and contract is not Contract.NONE)
    assert (decide(attempt, promise).move is Move.AGAIN) is promise.harmless(age)


def test_a_key_that_nobody_says_the_life_of_lives_for_an_hour() -> None:
    assert Promise().contract is Contract.NONE
    assert Promise().lives == KEY_LIVES == 3600.0
