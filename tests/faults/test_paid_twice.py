"""P1 to P18: whatever happens to a submission, nobody pays twice, and the truth can be found out."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import contextlib
import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.faults.conftest import Serve
from tests.faults.console import Console, Running, until
from tests.faults.paying import (
    BAD_GATEWAY,
    BY_CONTRACT,
    FULL,
    HTML,
    IMPATIENT,
    KEY,
    LISTED,
    NO_ANSWER,
    Customer,
    Fault,
    Till,
    faster,
    impatient,
    instead,
    shortened,
)
from tests.faults.server import PATIENCE, Hold, Pause, Reset, Server, Step, Taken, answer, cut, json_answer, redirect
from tests.harness import Done

Open = Callable[..., "Served"]
SPEED = 20
SPEEDS = [SPEED, 1] if FULL else [SPEED]
"""How fast the clock runs in a test of a time-out; its full length is half a minute."""
ROUNDS = range(20 if FULL else 1)
"""How often each kill is repeated."""
UNAVAILABLE = json_answer({"error": {"message": "try later"}}, 503)
OTHER_DIALECTS = {
    "evolink": {"success": False, "error": {"message": "no"}},
    "moneyprinterturbo": {"status": 400, "message": "no"},
    "yescale": {"code": "fail_to_fetch_task", "message": "no"},
    "bytespike": {"type": "error", "error": {"message": "no"}},
}
"""Refusals that come with HTTP 200."""


class Served(Customer):
    """A customer, and the server that is the till's."""

    def __init__(self, console: Console, till: Till, server: Server, *, more: str = "") -> None:
        super().__init__(console, till, server.url, more=more)
        self.server = server


@pytest.fixture
def opened(taskctl: Console, serve: Serve) -> Open:
    """Opens the till of a provider, and gives the customer who pays there."""

    def opening(contract: str = "none", *, more: str = "") -> Served:
        till = Till(contract)
        return Served(taskctl, till, serve(till, trusted=True), more=more)

    return opening


def held() -> Fault:
    """A task is made, and nobody hears of it as long as the server runs."""
    return Fault(lambda _: [Hold(threading.Event())])


def connected(server: Server, times: int) -> None:
    """Return as soon as so many connections were made."""
    ends = time.monotonic() + PATIENCE
    while server.connections < times:
        assert time.monotonic() < ends, "nobody connects"
        time.sleep(0.0002)  # what is tested happens in the first millisecond after


def storing(good: bytes, locked: threading.Event, taken: threading.Event) -> Iterator[Step]:
    """The answer comes once nobody can store it, and it is told when the client has read it."""
    yield Hold(locked)
    yield good
    yield Taken()
    taken.set()


def assert_settles(customer: Customer, *, tasks: int) -> None:
    """After a death, reconcile and the same submit find the truth: with so many tasks on the server before them."""
    till, posts = customer.till, len(customer.till.submits)
    known = till.contract == "existing"
    assert customer.standing() == [(None, "unconfirmed")]
    early = customer.here("reconcile")
    assert (early.code, early.out) == ((0, "task-1\n") if known and tasks else (9, "")), early.err
    assert len(till.submits) == posts  # another process could still be at it
    late = customer.here("reconcile", seconds_later=120)
    again = customer.submit_here(seconds_later=120)
    for done in (late, again) if known else ():
        assert done.code == 0, done.err
    if known:
        assert (again.out, customer.standing()) == ("task-1\n", [("task-1", "queued")])
        assert len(till.tasks) == 1
    else:
        assert (late.code, late.out, again.code, again.out) == (9, "", 9, ""), late.err
        assert customer.standing() == [(None, "unconfirmed")]
        assert (len(till.tasks), len(till.submits)) == (tasks, posts)
    assert len(till.bodies) <= 1


def test_P1_an_acknowledgement_that_is_lost_is_not_asked_for_by_submitting_again(opened: Open) -> None:
    customer = opened()
    customer.till.faults = [NO_ANSWER]
    customer.assert_lost(customer.submit())
    done = customer.here("reconcile")
    customer.assert_lost(done)
    assert f"taskctl reconcile -P ephone --key {KEY} --resubmit" in done.err
    assert f"taskctl history forget {KEY}" in done.err
    customer.assert_lost(customer.here("reconcile", "-P", "ephone", "--key", KEY))
    customer.assert_lost(customer.submit_here(seconds_later=86400))


def test_P1_a_key_that_nobody_gave_is_told_when_the_answer_is_lost(opened: Open) -> None:
    customer = opened()
    customer.till.faults = [NO_ANSWER]
    done = customer.here("submit", "-m", "a-model", "prompt=a dog", "-o", "json")
    (error,), (task,) = done.json()["errors"], customer.listed()
    assert (done.code, error["code"], error["exit_code"]) == (9, "unconfirmed", 9)
    assert (task["state"], task["id"]) == ("unconfirmed", None)
    assert task["key"] in error["message"]
    assert task["key"] in error["hint"]
    assert len(customer.till.submits) == 1


def test_P1_reconcile_adopts_a_task_that_is_found_by_its_key(opened: Open, tmp_path: Path) -> None:
    customer = opened("existing")
    customer.till.faults, customer.till.blind = [NO_ANSWER] * 3, True
    with impatient():
        customer.assert_lost(customer.submit_here(), posts=3)
    customer.till.blind = False
    done = customer.console("reconcile", "-P", "bytespike", "--key", KEY, HOME=str(tmp_path / "elsewhere"))
    assert (done.code, done.out) == (0, "task-1\n"), done.err
    customer.assert_submitted(customer.here("reconcile"), posts=3)


LOST = {
    "P1-closed": NO_ANSWER,
    "P1-reset": Fault(lambda _: [Reset()]),
    "P3": instead(UNAVAILABLE),
    "P4": instead(BAD_GATEWAY),
    "P6-whole": Fault(shortened),
    "P6-cut": Fault(lambda good: cut(good, 20)),
    "P7": instead(HTML),
}


@pytest.mark.parametrize("fault", LOST)
def test_P1_P3_P4_P6_P7_a_lost_answer_is_one_request_and_no_task(opened: Open, fault: str) -> None:
    customer = opened()
    customer.till.faults = [LOST[fault]]
    customer.assert_lost(customer.submit() if fault in ("P3", "P4", "P7") else customer.submit_here())


@pytest.mark.parametrize("contract", ["existing", "replay"])
@pytest.mark.parametrize("fault", LOST)
def test_P1_P3_P4_P6_P7_where_a_key_makes_it_harmless_the_same_request_goes_again(
    opened: Open, contract: str, fault: str
) -> None:
    customer = opened(contract)
    customer.till.faults = [LOST[fault]]
    with impatient():
        customer.assert_submitted(customer.submit_here(), posts=2)


@pytest.mark.parametrize("fault", LOST)
def test_P1_P3_P4_P6_P7_where_a_repeated_key_is_refused_nothing_goes_again_by_itself(opened: Open, fault: str) -> None:
    customer = opened("reject")
    customer.till.faults = [LOST[fault]]
    customer.assert_lost(customer.submit_here())
    customer.assert_lost(customer.here("reconcile"), posts=2)
    customer.assert_lost(customer.submit_here(), posts=3)
    assert len(customer.till.bodies) == len(customer.till.tasks) == 1


def test_P1_a_refusal_of_a_repeated_key_and_the_list_tell_which_task_it_is(opened: Open) -> None:
    customer = opened("reject", more=LISTED)
    customer.till.faults = [NO_ANSWER]
    customer.assert_lost(customer.submit_here())
    customer.assert_submitted(customer.here("reconcile"), posts=1)


def test_P1_three_faults_in_a_row_are_three_requests_with_one_key(opened: Open) -> None:
    customer = opened("replay")
    customer.till.faults = [NO_ANSWER, instead(UNAVAILABLE), Fault(shortened)]
    with impatient():
        customer.assert_lost(customer.submit_here(), posts=3)
    assert len(customer.till.bodies) == len(customer.till.tasks) == 1
    customer.assert_submitted(customer.here("reconcile"), posts=4)


@pytest.mark.parametrize("speed", SPEEDS)
def test_P2_a_server_that_says_nothing_is_asked_once(opened: Open, speed: int) -> None:
    customer = opened()
    customer.till.faults = [held()]
    run = customer.console.running(*customer.submitting(), within=faster(speed))
    run.process.wait(60)
    done = run.ended()
    customer.assert_lost(done)
    assert "did not answer in time" in done.err


def test_P2_a_server_that_never_ends_its_answer_is_asked_once(opened: Open) -> None:
    def trickle(_: bytes) -> Iterator[Step]:
        yield answer(200, headers={"Content-Length": 1_000_000, "Content-Type": "application/json"})
        while True:
            yield b" "
            yield Pause(5 / SPEED)  # sooner than the time-out for a byte

    customer = opened()
    customer.till.faults = [Fault(trickle)]
    done = customer.submit(within=faster(SPEED))
    customer.assert_lost(done)
    assert "did not answer in time" in done.err


def test_P2_a_server_that_says_nothing_is_asked_again_with_the_key_that_it_knows(opened: Open) -> None:
    customer = opened("existing")
    customer.till.faults = [held()] * 3
    customer.assert_submitted(customer.submit(within=faster(2 * SPEED)), posts=3)


def test_P2_a_job_that_is_ended_while_the_server_says_nothing_leaves_one_request(opened: Open) -> None:
    customer = opened()
    customer.till.faults = [held()]
    run = customer.start()
    customer.server.wait_for(1)
    customer.assert_lost(run.ended(signal.SIGTERM), code=143)
    customer.assert_lost(customer.here("reconcile"))  # nobody has to wait for a process that has ended


def test_P5_a_reset_half_way_through_the_request_is_no_second_request(opened: Open) -> None:
    customer = opened()
    (customer.console.cwd / "long.txt").write_bytes(b"a dog " * 300_000)
    customer.server.body_limit = 100_000
    customer.till.faults = [Fault(lambda _: [Reset()], creates=False)]
    arguments = ["submit", "-m", "a-model", "prompt=@long.txt", "--key", KEY]
    customer.assert_lost(customer.console(*arguments))
    customer.assert_lost(customer.here("reconcile"))
    assert customer.till.tasks == []


@pytest.mark.parametrize("contract", ["existing", "replay"])
def test_P5_after_a_reset_half_way_the_whole_request_goes_again_with_its_key(opened: Open, contract: str) -> None:
    customer = opened(contract)

    def reset(_: bytes) -> Iterator[Step]:
        customer.server.body_limit = None
        yield Reset()

    customer.server.body_limit = 1000
    customer.till.faults = [Fault(reset, creates=False)]
    customer.prompt = "a dog " * 100_000
    with impatient():
        done = customer.submit_here()
    assert (done.code, done.out) == (0, "task-1\n"), done.err
    half, whole = customer.till.submits
    assert (len(half.body), half.header("Content-Length")) == (1000, str(len(whole.body)))
    assert (len(customer.till.tasks), customer.standing()) == (1, [("task-1", "queued")])


def assert_refused(customer: Customer, done: Done, *, code: int, called: str, posts: int = 1) -> None:
    """The provider said no, and that is known for sure: nothing is left that somebody would have to settle."""
    document = done.json()
    assert (done.code, [error["code"] for error in document["errors"]]) == (code, [called]), done.err
    assert (document["tasks"], customer.standing()) == ([], [])
    assert len(customer.till.submits) == posts


@pytest.mark.parametrize(
    ("error", "code", "called"),
    [
        ({"message": "no such model", "code": "bad_model"}, 5, "refused"),
        ({"message": "top up", "code": "insufficient_quota"}, 5, "payment"),
        ("no such model", 5, "refused"),
    ],
)
def test_P8_an_error_that_comes_with_200_is_a_refusal_of_its_class(
    opened: Open, error: object, code: int, called: str
) -> None:
    customer = opened()
    customer.till.faults = [instead(json_answer({"error": error}), creates=False)]
    done = customer.submit("-o", "json") if called == "payment" else customer.submit_here("-o", "json")
    assert_refused(customer, done, code=code, called=called)
    assert done.json()["errors"][0]["message"] in done.err


@pytest.mark.parametrize("dialect", OTHER_DIALECTS)
def test_P8_every_dialect_reads_its_refusals_that_come_with_200(opened: Open, dialect: str) -> None:
    customer = opened()
    refusal = json_answer(OTHER_DIALECTS[dialect])
    customer.server.script = lambda _: refusal
    model = [] if dialect == "moneyprinterturbo" else ["-m", "a-model"]
    done = customer.here("submit", "-P", dialect, *model, "-p", "a dog", "-o", "json")
    assert_refused(customer, done, code=5, called="refused", posts=0)
    assert len(customer.server.asked) == 1


def busy(after: float, *, as_date: bool) -> Fault:
    """Too many requests: come back in so many seconds."""
    now = datetime.now(UTC).replace(microsecond=0)
    said = format_datetime(now + timedelta(seconds=after), usegmt=True) if as_date else after
    headers = {"Retry-After": said, "Date": format_datetime(now, usegmt=True)}
    return instead(answer(429, b'{"error": {"message": "slower"}}', headers), creates=False)


@pytest.mark.parametrize(("contract", "as_date"), [("none", False), ("existing", True)])
def test_P9_after_429_the_same_request_comes_when_it_was_asked_to(opened: Open, contract: str, as_date: bool) -> None:
    customer = opened(contract)
    customer.till.faults = [busy(12, as_date=as_date), busy(8, as_date=as_date)]
    if contract == "none":
        done, speed = customer.submit(within=faster(SPEED)), SPEED
    else:
        with impatient():
            done, speed = customer.submit_here(), IMPATIENT
    customer.assert_submitted(done, posts=3)
    first, second, third = customer.till.times
    assert second - first > 11.5 / speed
    assert third - second > 7.5 / speed


def test_P9_whoever_asks_for_more_patience_than_we_have_is_not_asked_again(opened: Open) -> None:
    customer = opened()
    customer.till.faults = [busy(3600, as_date=False)]
    done = customer.submit_here("-o", "json")
    assert_refused(customer, done, code=6, called="no_answer")
    assert "try again in 1h00m" in done.err


def test_P9_429_for_want_of_money_is_not_asked_again(opened: Open) -> None:
    customer = opened("existing")
    poor = json_answer({"error": {"message": "top up", "code": "insufficient_balance"}}, 429)
    customer.till.faults = [instead(poor, creates=False)]
    assert_refused(customer, customer.submit_here("-o", "json"), code=5, called="payment")


@contextlib.contextmanager
def reserved() -> Iterator[int]:
    """A port that is ours and at which nobody listens."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        yield port


def knocked(run: Running) -> Callable[[], bool]:
    """Whether a run has said that it tries again."""
    return lambda: "trying again" in run._err.read_text()


@contextlib.contextmanager
def closed_till(taskctl: Console, contract: str) -> Iterator[tuple[Customer, Callable[[], Server]]]:
    """A customer before a till at which nobody listens yet, and how to open it."""
    till = Till(contract)
    with reserved() as port:
        yield Customer(taskctl, till, f"http://127.0.0.1:{port}"), lambda: Server(till, port=port)


def test_P10_a_provider_that_opens_while_we_knock_gets_one_request(taskctl: Console) -> None:
    with closed_till(taskctl, "none") as (customer, opening):
        run = customer.start()
        until(knocked(run), "a second attempt")
        assert customer.standing() == [(None, "unconfirmed")]
        with opening():
            customer.assert_submitted(run.ended(), posts=1)


def test_P10_where_nobody_ever_listens_nothing_was_paid_and_nothing_is_left(taskctl: Console) -> None:
    with closed_till(taskctl, "none") as (customer, _):
        done = customer.submit("-o", "json", within=faster(SPEED))
    assert_refused(customer, done, code=6, called="no_answer", posts=0)
    assert done.err.count("trying again") > 2


def test_P10_a_name_that_does_not_resolve_is_asked_for_again_and_leaves_nothing(taskctl: Console) -> None:
    with closed_till(taskctl, "none") as (customer, _):
        taskctl.environ["TASKCTL_BASE_URL"] = "http://till.invalid"
        done = customer.submit("-o", "json", within=faster(SPEED))
    assert_refused(customer, done, code=6, called="no_answer", posts=0)
    assert "till.invalid cannot be reached" in done.err
    assert done.err.count("trying again") > 2


@pytest.mark.parametrize("_", ROUNDS)
def test_P11_killed_before_the_intent_there_is_nothing(opened: Open, taskctl: Console, _: int) -> None:
    customer = opened()
    (taskctl.cwd / "dog.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    customer.till.others = lambda _: [Hold(threading.Event())]
    arguments = ["submit", "-P", "evolink", "-m", "a-model", "prompt=a dog", "image@dog.png", "--key", KEY]
    run = taskctl.running(*arguments)
    customer.server.wait_for(1)
    assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
    assert (customer.till.submits, customer.standing()) == ([], [])
    nothing = customer.here("reconcile")
    assert (nothing.code, nothing.out) == (0, ""), nothing.err
    customer.till.others = lambda _: json_answer({"data": {"file_url": "https://files.example/dog.png"}})
    customer.assert_submitted(customer.here(*arguments), posts=1)


@pytest.mark.parametrize("_", ROUNDS)
@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P11_killed_as_soon_as_the_intent_is_there(taskctl: Console, contract: str, _: int) -> None:
    with closed_till(taskctl, contract) as (customer, opening):
        customer.till.faults = [held()]
        with opening():
            run = customer.start()
            until(customer.intended, "an intent")
            assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
        customer.till.faults = []  # what was still under way has arrived by now, or never will
        with opening():
            assert_settles(customer, tasks=len(customer.till.tasks))


@pytest.mark.parametrize("_", ROUNDS)
@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P11_killed_before_it_connected(taskctl: Console, contract: str, _: int) -> None:
    with closed_till(taskctl, contract) as (customer, opening):
        run = customer.start()
        until(knocked(run), "a second attempt")
        assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
        with opening():
            assert_settles(customer, tasks=0)


@pytest.mark.parametrize("_", ROUNDS)
@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P11_killed_when_half_of_the_request_was_sent(opened: Open, contract: str, _: int) -> None:
    customer = opened(contract)
    customer.server.body_limit = 1000
    customer.till.faults = [Fault(lambda _: [Hold(threading.Event())], creates=False)]
    customer.prompt = "a dog " * 20_000
    run = customer.start()
    customer.server.wait_for(1)
    assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
    customer.server.body_limit = None
    (half,) = customer.till.submits
    customer.till.submits.clear()
    assert len(half.body) == 1000
    assert_settles(customer, tasks=0)


@pytest.mark.parametrize("_", ROUNDS)
@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P11_killed_when_the_request_was_sent_and_nothing_came(opened: Open, contract: str, _: int) -> None:
    customer = opened(contract)
    customer.till.faults = [held()]
    run = customer.start()
    customer.server.wait_for(1)
    assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
    assert_settles(customer, tasks=1)


@contextlib.contextmanager
def not_yet_stored(customer: Served) -> Iterator[Running]:
    """A submission that has read its answer, and waits for a history that somebody else is writing."""
    locked, taken = threading.Event(), threading.Event()
    customer.till.faults = [Fault(lambda good: storing(good, locked, taken))]
    run = customer.start()
    customer.server.wait_for(1)
    with customer.locked():
        locked.set()
        assert taken.wait(PATIENCE)
        yield run


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells what a process has read")
@pytest.mark.parametrize("_", ROUNDS)
@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P11_killed_when_the_answer_had_come_and_was_not_stored(opened: Open, contract: str, _: int) -> None:
    customer = opened(contract)
    with not_yet_stored(customer) as run:
        assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
    assert_settles(customer, tasks=1)


def test_P11_after_a_death_a_key_that_brings_the_first_answer_again_is_sent_again(opened: Open) -> None:
    customer = opened("replay")
    customer.till.faults = [held()]
    run = customer.start()
    customer.server.wait_for(1)
    assert run.ended(signal.SIGKILL).code == -signal.SIGKILL
    early = customer.here("reconcile")
    customer.assert_lost(early)
    assert "another process may be sending it right now" in early.err
    customer.assert_submitted(customer.submit_here(seconds_later=120), posts=2)


def test_P12_ctrl_c_while_the_request_is_under_way_leaves_it_unconfirmed(opened: Open) -> None:
    customer = opened("replay")
    customer.till.faults = [held()]
    run = customer.start()
    customer.server.wait_for(1)
    customer.assert_lost(run.ended(signal.SIGINT), code=130)
    customer.assert_submitted(customer.here("reconcile"), posts=2)  # at once: nobody sends it any more


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells what a process has read")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda by: by.name)
def test_P12_a_signal_while_the_answer_is_stored_does_not_hide_that_there_is_one(
    opened: Open, by: signal.Signals
) -> None:
    customer = opened()
    with not_yet_stored(customer) as run:
        run.process.send_signal(by)
    done = run.ended()
    assert_told(customer, done, by)


def assert_told(customer: Customer, done: Done, by: signal.Signals) -> None:
    """Somebody stopped us, and we say what is known of the request that had left: its task's id, or its key."""
    assert "nothing was sent" not in done.err
    assert done.code in (0, 128 + by), done.err
    ((id_, state),) = customer.standing()
    assert (id_, state) in (("task-1", "queued"), (None, "unconfirmed"))
    assert (id_ or KEY) in done.out + done.err
    assert len(customer.till.submits) == 1


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_P12_a_signal_at_whatever_moment_does_not_hide_a_request(opened: Open, by: signal.Signals) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311  # other moments each time; the seed is told where one is bad
    moments = random.Random(seed)  # noqa: S311  # as above
    customer = opened()
    said: dict[str, str] = {}
    for number in range(60 if FULL else 1):
        customer.prompt, customer.till.faults = f"dog {number}", [held()]
        connections = customer.server.connections
        run = customer.start(key=f"key-{number}")
        connected(customer.server, connections + 1)
        threading.Event().wait(moments.random() * 0.004)
        done = run.ended(by)
        assert done.code == 128 + by, f"seed {seed}: {done.err}"
        said[customer.prompt] = done.err
    for body in customer.till.bodies:
        prompt = json.loads(body)["input"]["prompt"]
        assert f"--key key-{prompt.removeprefix('dog ')}" in said[prompt], f"seed {seed}: {said[prompt]}"


def test_P12_ctrl_c_while_a_lost_task_is_looked_for_leaves_it_unconfirmed(opened: Open) -> None:
    customer = opened("existing")
    customer.till.faults = [NO_ANSWER] * 3
    customer.till.on_look = [lambda _: [Hold(threading.Event())]]
    run = customer.console.running(*customer.submitting(), within=faster(SPEED))
    customer.server.wait_for(4)
    customer.assert_lost(run.ended(signal.SIGINT), code=130, posts=3)
    customer.assert_submitted(customer.here("reconcile"), posts=3)


def test_P12_ctrl_c_before_anything_was_sent_leaves_nothing(taskctl: Console) -> None:
    with closed_till(taskctl, "none") as (customer, _):
        run = customer.start()
        until(knocked(run), "a second attempt")
        done = run.ended(signal.SIGINT)
    assert (done.code, done.out, customer.standing()) == (130, "", [])
    assert "nothing was sent" in done.err


def test_P13_processes_with_one_key_make_one_request_and_print_one_id(opened: Open) -> None:
    customer = opened()
    go = threading.Event()
    customer.till.faults = [Fault(lambda good: [Hold(go), good])]
    first = customer.start()
    customer.server.wait_for(1)
    second = customer.start()
    if Path("/proc/self/fd").exists():  # so that it has seen that there is one already
        until(lambda: customer.history.resolve() in files(second), "a history that is open")
    go.set()
    for run in (first, second):
        customer.assert_submitted(run.ended(), posts=1)


def files(run: Running) -> set[Path]:
    """The files that a run has open, on Linux."""
    folder = Path(f"/proc/{run.process.pid}/fd")
    with contextlib.suppress(FileNotFoundError):
        return {path.readlink() for path in folder.iterdir()}
    return set()


def test_P13_machines_with_one_key_make_one_task_where_the_provider_knows_keys(opened: Open, tmp_path: Path) -> None:
    customer = opened("existing")
    elsewhere = {"HOME": str(tmp_path / "elsewhere")}
    runs = [customer.console.running(*customer.submitting(), **more) for more in ({}, elsewhere)]
    for run in runs:
        done = run.ended()
        assert (done.code, done.out) == (0, "task-1\n"), done.err
    assert (len(customer.till.submits), len(customer.till.tasks)) == (2, 1)


@pytest.mark.parametrize("contract", BY_CONTRACT)
def test_P14_a_key_with_another_request_is_refused_before_anything_is_sent(opened: Open, contract: str) -> None:
    customer = opened(contract)
    customer.assert_submitted(customer.submit_here(), posts=1)
    done = customer.submit_here("seconds:=8", "-o", "json")
    (error,) = done.json()["errors"]
    assert (done.code, error["code"], len(customer.till.submits)) == (5, "conflict", 1)
    assert KEY in error["message"]
    assert customer.standing() == [("task-1", "queued")]
    customer.assert_submitted(customer.submit_here(), posts=1)


@pytest.mark.parametrize("status", [400, 409, 422])
def test_P14_a_provider_that_knows_the_key_with_another_request_is_asked_once(opened: Open, status: int) -> None:
    customer = opened("existing")
    conflict = {"error": {"code": "duplicate_out_task_id", "message": "out_task_id is taken"}}
    customer.till.faults = [instead(json_answer(conflict, status), creates=False)]
    done = customer.submit_here("-o", "json")
    assert_refused(customer, done, code=5, called="conflict")
    assert customer.till.submits[0].json()["out_task_id"] == KEY  # and no other was made up


def test_P14_409_is_about_the_key_whatever_else_it_says(opened: Open) -> None:
    customer = opened("replay")
    taken = json_answer({"error": {"code": "e-17", "message": "no"}}, 409)
    customer.till.faults = [instead(taken, creates=False)]
    assert_refused(customer, customer.submit_here("-o", "json"), code=5, called="conflict")


@pytest.mark.parametrize("status", [400, 409, 422])
def test_P14_a_conflict_after_a_lost_answer_may_be_our_own_task(opened: Open, status: int) -> None:
    customer = opened("existing")
    customer.till.blind = True
    conflict = {"error": {"code": "duplicate_out_task_id", "message": "out_task_id is taken"}}
    customer.till.faults = [NO_ANSWER, instead(json_answer(conflict, status))]
    with impatient():
        customer.assert_lost(customer.submit_here(), posts=2)
    customer.till.blind = False
    customer.assert_submitted(customer.here("reconcile"), posts=2)


def test_P15_a_key_that_the_provider_has_forgotten_is_not_sent_again(opened: Open) -> None:
    customer = opened("replay", more='key_lives = "24h"')
    customer.till.faults = [NO_ANSWER] * 3
    with impatient():
        customer.assert_lost(customer.submit_here(), posts=3)
    customer.till.tasks[0]["key"] = None  # its window has passed
    customer.assert_lost(customer.here("reconcile", seconds_later=25 * 3600), posts=3)
    customer.assert_lost(customer.submit_here(seconds_later=25 * 3600), posts=3)
    assert len(customer.till.tasks) == 1


def test_P15_a_key_that_is_remembered_is_sent_again(opened: Open) -> None:
    customer = opened("replay", more='key_lives = "24h"')
    customer.till.faults = [NO_ANSWER] * 3
    with impatient():
        customer.assert_lost(customer.submit_here(), posts=3)
    customer.assert_submitted(customer.here("reconcile", seconds_later=23 * 3600), posts=4)


@pytest.mark.parametrize("contract", ["existing", "replay", "reject"])
def test_P15_without_a_word_about_it_a_key_is_trusted_for_an_hour(opened: Open, contract: str) -> None:
    customer = opened(contract)
    customer.till.faults = [Fault(lambda _: [Reset()], creates=False)] * 3
    with impatient():
        done = customer.submit_here()
    customer.till.faults, posts = [], len(customer.till.submits)
    customer.assert_lost(done, posts=posts)
    for age in (-7200, 3660, 86400):  # a clock that was set back does not tell how old the key is
        customer.assert_lost(customer.here("reconcile", seconds_later=age), posts=posts)
        customer.assert_lost(customer.submit_here(seconds_later=age), posts=posts)
    customer.assert_submitted(customer.here("reconcile", seconds_later=3540), posts=posts + 1)


def test_P15_a_task_is_looked_for_by_its_key_before_the_key_is_sent_again(opened: Open) -> None:
    customer = opened("existing")
    customer.till.faults, customer.till.blind = [NO_ANSWER] * 3, True
    with impatient():
        customer.assert_lost(customer.submit_here(), posts=3)
    still = customer.here("reconcile", seconds_later=25 * 3600)
    assert (still.code, len(customer.till.submits)) == (6, 3), still.err  # nobody could say that it is not there
    assert customer.standing() == [(None, "unconfirmed")]
    customer.till.blind = False
    customer.assert_submitted(customer.here("reconcile", seconds_later=25 * 3600), posts=3)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P16_a_submission_is_not_sent_to_where_a_redirect_points(
    opened: Open, serve: Serve, contract: str, status: int
) -> None:
    customer = opened(contract)
    target = serve(lambda _: json_answer({"id": "task-9", "task_id": "task-9", "status": "queued"}))
    customer.till.faults = [instead(redirect(f"{target.url}/v1/task/submit", status), creates=False)]
    done = customer.submit("-o", "json") if (contract, status) == ("none", 307) else customer.submit_here("-o", "json")
    assert_refused(customer, done, code=5, called="refused")
    assert (target.asked, target.connections) == ([], 0)
    assert target.url in done.err


@pytest.mark.parametrize("contract", ["none", "existing"])
def test_P17_the_end_of_patience_cancels_nothing_and_can_be_resumed(opened: Open, contract: str) -> None:
    customer = opened(contract)
    if contract == "none":
        done = customer.submit("--wait", "--timeout", "10s", within=faster(SPEED))
    else:
        done = customer.submit_here("--wait", "--timeout", "500ms")
    assert (done.code, done.out) == (8, ""), done.err
    assert "taskctl wait task-1" in done.err
    assert customer.standing() == [("task-1", "queued")]
    assert customer.till.cancels == []
    customer.till.status = "completed"
    done = customer.here("wait", "task-1")
    assert (done.code, done.out) == (0, f"{customer.server.url}/files/task-1.mp4\n"), done.err
    assert (customer.standing(), len(customer.till.submits)) == ([("task-1", "completed")], 1)
    assert customer.till.cancels == []


REFUSAL = {"error": {"code": "task_already_finished", "message": "the task has ended"}}
CANCELS: dict[str, Callable[[bytes], bytes]] = {
    "told": lambda _: json_answer({"id": "task-1", "task_id": "task-1", "status": "completed"}),
    "silent": lambda _: json_answer({"ok": True}),
    "no-content": lambda _: answer(204, headers={"Content-Length": None}),
    "refused-409": lambda _: json_answer(REFUSAL, 409),
    "refused-400": lambda _: json_answer(REFUSAL, 400),
}
"""What a provider may say to the cancellation of a task that has completed meanwhile."""


@pytest.mark.parametrize("said", CANCELS)
def test_P18_a_task_that_completes_before_its_cancellation_has_completed(opened: Open, said: str) -> None:
    customer = opened("existing")
    customer.assert_submitted(customer.submit_here(), posts=1)
    customer.till.status, customer.till.on_cancel = "completed", CANCELS[said]
    cancel = customer.console if said == "told" else customer.here
    done = cancel("cancel", "task-1", "-o", "json")
    (task,) = done.json()["tasks"]
    assert (done.code, task["state"]) == (0, "completed"), done.err
    assert "it was not cancelled" in done.err
    assert customer.standing() == [("task-1", "completed")]
    customer.till.others = lambda _: answer(200, b"\x00\x00\x00\x20ftypisom", {"Content-Type": "video/mp4"})
    done = customer.here("download", "task-1")
    assert (done.code, done.out) == (0, "task-1-0.mp4\n"), done.err
    assert len(customer.till.cancels) == 1


def test_P18_a_cancellation_that_came_in_time_is_one(opened: Open) -> None:
    customer = opened("existing")
    customer.assert_submitted(customer.submit_here(), posts=1)
    customer.till.status = "cancelled"
    done = customer.here("cancel", "task-1", "-o", "json")
    assert (done.code, [task["state"] for task in done.json()["tasks"]]) == (0, ["cancelled"]), done.err
    assert customer.standing() == [("task-1", "cancelled")]
    assert customer.here("cancel", "task-1").code == 0
    assert len(customer.till.cancels) == 1


@pytest.mark.parametrize("lost", [b"", answer(503), cut(json_answer({"task_id": "task-1", "status": "cancelled"}), 20)])
def test_P18_a_cancellation_whose_answer_is_lost_claims_nothing(opened: Open, lost: bytes) -> None:
    customer = opened("existing")
    customer.assert_submitted(customer.submit_here(), posts=1)
    customer.till.on_cancel = lambda _: lost
    done = customer.here("cancel", "task-1", "-o", "json")
    assert (done.code, [task["state"] for task in done.json()["tasks"]]) == (6, ["queued"]), done.err
    assert (customer.standing(), len(customer.till.cancels)) == ([("task-1", "queued")], 1)
