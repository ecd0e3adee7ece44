from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskctl.model import FORGOTTEN, Cost, Failure, Kind, Output, Report, Role, State, Task

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
TASK = Task(id="1", key="k", profile="p", dialect="d", base_url="https://h")
VIDEO = Output(index=0, kind=Kind.VIDEO, url="https://cdn/a.mp4?sig=1")

states = st.sampled_from([state for state in State if state is not State.UNCONFIRMED])
moments = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the bounds are naive by contract
reports = st.builds(
    Report,
    id=st.none() | st.just("2"),
    state=st.none() | states,
    progress=st.none() | st.integers(0, 100),
    can_cancel=st.none() | st.booleans(),
    eta_seconds=st.none() | st.floats(0, 1e6),
    finished_at=moments,
    outputs=st.just(()) | st.just((VIDEO,)),
    error=st.none() | st.just(Failure(code="x", message="boom")),
    links_live=st.none() | st.just(timedelta(hours=24)),
)


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (State.QUEUED, False),
        (State.RUNNING, False),
        (State.UNKNOWN, False),
        (State.UNCONFIRMED, False),
        (State.COMPLETED, True),
        (State.FAILED, True),
        (State.CANCELLED, True),
        (State.EXPIRED, True),
    ],
)
def test_four_states_are_the_end(state: State, ended: bool) -> None:
    assert state.ended is ended


@settings(max_examples=50)
@given(st.lists(reports, max_size=5))
def test_an_ended_task_never_goes_back_and_progress_never_falls(told: list[Report]) -> None:
    tasks = [TASK]
    for minute, report in enumerate(told):
        tasks.append(tasks[-1].told(report, now=NOON + timedelta(minutes=minute)))
    for before, after in pairwise(tasks):
        if before.state.ended:
            assert after.state is before.state
            assert (after.error, after.progress, after.provider_state) == (
                before.error,
                before.progress,
                before.provider_state,
            )
        assert (after.progress or 0) >= (before.progress or 0)
        assert after.id == "1"
        assert (after.finished_at is not None) is after.state.ended
        if after.state.ended:
            assert after.can_cancel is False
            assert after.eta_seconds is None
        if after.state in (State.FAILED, State.EXPIRED):
            assert after.error is not None
        if after.state in (State.QUEUED, State.RUNNING, State.UNKNOWN, State.COMPLETED):
            assert after.error is None


@settings(max_examples=50)
@given(st.lists(reports, max_size=2), reports)
def test_hearing_the_same_twice_changes_nothing(told: list[Report], last: Report) -> None:
    task = TASK
    for report in [*told, last]:
        task = task.told(report, now=NOON)
    assert task.told(last, now=NOON) == task
    assert replace(task.told(last, now=LATER), updated_at=None) == replace(task, updated_at=None)


@pytest.mark.parametrize(
    ("state", "before", "said", "after"),
    [
        (State.RUNNING, None, None, None),
        (State.RUNNING, None, 0, 0),
        (State.RUNNING, 40, 30, 40),
        (State.RUNNING, 40, 60, 60),
        (State.RUNNING, 40, None, 40),
        (State.QUEUED, 40, 0, 40),
        (State.COMPLETED, 40, 100, 100),
        (State.COMPLETED, 40, None, 40),
        (State.FAILED, 40, 100, 40),
        (State.FAILED, None, 100, None),
        (State.CANCELLED, 40, 0, 40),
        (State.EXPIRED, 40, 90, 40),
    ],
)
def test_progress_is_what_was_said_and_stays_where_a_task_failed(
    state: State, before: int | None, said: int | None, after: int | None
) -> None:
    task = replace(TASK, state=State.RUNNING, progress=before)
    assert task.told(Report(state=state, progress=said), now=NOON).progress == after


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (State.QUEUED, State.RUNNING, State.RUNNING),
        (State.RUNNING, State.QUEUED, State.QUEUED),
        (State.RUNNING, State.UNKNOWN, State.UNKNOWN),
        (State.UNKNOWN, State.COMPLETED, State.COMPLETED),
        (State.RUNNING, None, State.RUNNING),
        (State.UNCONFIRMED, None, State.QUEUED),
        (State.UNCONFIRMED, State.RUNNING, State.RUNNING),
        (State.UNCONFIRMED, State.FAILED, State.FAILED),
        (State.COMPLETED, State.RUNNING, State.COMPLETED),
        (State.FAILED, State.COMPLETED, State.FAILED),
        (State.EXPIRED, State.RUNNING, State.EXPIRED),
    ],
)
def test_the_state_is_the_newest_until_the_end(before: State, said: State | None, after: State) -> None:
    assert replace(TASK, state=before).told(Report(state=said), now=NOON).state is after


def test_the_first_id_stays() -> None:
    unconfirmed = replace(TASK, id=None, state=State.UNCONFIRMED)
    bound = unconfirmed.told(Report(id="7"), now=NOON)
    assert bound.id == "7"
    assert bound.told(Report(id="8", key="other"), now=NOON) == bound
    assert replace(TASK, key=None).told(Report(key="theirs"), now=NOON).key == "theirs"


def test_a_provider_that_gives_no_reason_is_quoted_as_giving_none() -> None:
    failed = TASK.told(Report(state=State.FAILED), now=NOON)
    assert failed.error == Failure(code=None, message="the provider gave no reason")
    assert TASK.told(Report(state=State.CANCELLED), now=NOON).error is None


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.EXPIRED])
def test_a_reason_is_the_providers_own(state: State) -> None:
    reason = Failure(code="nsfw", message="not this one")
    assert TASK.told(Report(state=state, error=reason), now=NOON).error == reason


def test_an_error_beside_a_running_state_is_not_the_tasks_error() -> None:
    report = Report(state=State.RUNNING, error=Failure(code="x", message="a hiccup"))
    assert TASK.told(report, now=NOON).error is None


def test_an_end_without_a_date_is_dated_now() -> None:
    assert TASK.told(Report(state=State.COMPLETED), now=NOON).finished_at == NOON
    assert TASK.told(Report(state=State.COMPLETED, finished_at=LATER), now=NOON).finished_at == LATER


def test_a_task_that_goes_on_has_no_end() -> None:
    assert TASK.told(Report(state=State.RUNNING, finished_at=LATER), now=NOON).finished_at is None


def test_an_answer_without_news_leaves_the_date_of_the_last_change() -> None:
    told = TASK.told(Report(state=State.RUNNING, progress=10), now=NOON)
    assert told.updated_at == NOON
    assert told.told(Report(state=State.RUNNING, progress=10), now=LATER).updated_at == NOON
    assert told.told(Report(state=State.RUNNING, progress=11), now=LATER).updated_at == LATER


@pytest.mark.parametrize(
    ("before", "said", "after"), [(None, 30.0, 30.0), (30.0, None, 30.0), (30.0, 0.0, 0.0), (30.0, 5.0, 5.0)]
)
def test_the_remaining_time_is_the_last_that_was_said_and_nothing_at_the_end(
    before: float | None, said: float | None, after: float
) -> None:
    task = replace(TASK, eta_seconds=before)
    assert task.told(Report(state=State.RUNNING, eta_seconds=said), now=NOON).eta_seconds == after
    assert task.told(Report(state=State.FAILED, eta_seconds=said), now=NOON).eta_seconds is None


@pytest.mark.parametrize(
    ("state", "said", "after"),
    [
        (State.RUNNING, None, True),
        (State.RUNNING, False, False),
        (State.COMPLETED, None, False),
        (State.COMPLETED, True, False),
    ],
)
def test_what_has_ended_cannot_be_cancelled(state: State, said: bool | None, after: bool) -> None:
    task = replace(TASK, can_cancel=True)
    assert task.told(Report(state=state, can_cancel=said), now=NOON).can_cancel is after


def test_costs_are_completed_by_later_answers() -> None:
    task = TASK.told(Report(cost=Cost(estimated=1.5, unit="credits")), now=NOON)
    assert task.told(Report(), now=NOON).cost == Cost(estimated=1.5, unit="credits")
    final = task.told(Report(cost=Cost(final=0.0)), now=NOON)
    assert final.cost == Cost(estimated=1.5, final=0.0, unit="credits")
    assert final.told(Report(cost=Cost(unit="USD")), now=NOON).cost == Cost(estimated=1.5, final=0.0, unit="USD")


def test_facts_said_once_are_kept() -> None:
    told = TASK.told(
        Report(model="m", message="warming up", submitted_at=NOON, provider_state="in_progress"), now=LATER
    )
    again = told.told(Report(state=State.RUNNING), now=LATER)
    assert (again.model, again.message, again.submitted_at, again.provider_state) == (
        "m",
        "warming up",
        NOON,
        "in_progress",
    )


def test_the_model_that_was_asked_for_stays() -> None:
    assert replace(TASK, model="asked").told(Report(model="served"), now=NOON).model == "asked"


class TestOutputs:
    def test_outputs_before_the_end_are_not_yet_results(self) -> None:
        assert TASK.told(Report(state=State.RUNNING, outputs=(VIDEO,)), now=NOON).outputs == ()
        assert TASK.told(Report(state=State.FAILED, outputs=(VIDEO,)), now=NOON).outputs == ()

    def test_links_die_so_long_after_the_end(self) -> None:
        report = Report(state=State.COMPLETED, outputs=(VIDEO,), links_live=timedelta(hours=24))
        (output,) = TASK.told(report, now=NOON).outputs
        assert output.expires_at == NOON + timedelta(hours=24)

    def test_links_of_a_task_that_ended_nobody_knows_when_die_nobody_knows_when(self) -> None:
        ended = replace(TASK, state=State.COMPLETED)
        report = Report(state=State.COMPLETED, outputs=(VIDEO,), links_live=timedelta(hours=24))
        assert ended.told(report, now=NOON).outputs == (VIDEO,)

    def test_the_providers_own_date_of_a_links_death_counts(self) -> None:
        dated = replace(VIDEO, expires_at=LATER)
        report = Report(state=State.COMPLETED, outputs=(dated,), links_live=timedelta(hours=24))
        (output,) = TASK.told(report, now=NOON).outputs
        assert output.expires_at == LATER

    def test_a_text_does_not_expire(self) -> None:
        text = Output(index=0, kind=Kind.TEXT, text="la la")
        report = Report(state=State.COMPLETED, outputs=(text,), links_live=timedelta(hours=24))
        assert TASK.told(report, now=NOON).outputs == (text,)

    def test_a_later_answer_brings_fresh_links_and_keeps_the_files(self) -> None:
        done = TASK.told(Report(state=State.COMPLETED, outputs=(VIDEO,)), now=NOON)
        filed = replace(done, outputs=(replace(VIDEO, file="a.mp4", bytes=3, sha256="ab"),))
        fresh = replace(VIDEO, url="https://cdn/a.mp4?sig=2")
        (output,) = filed.told(Report(state=State.COMPLETED, outputs=(fresh,)), now=LATER).outputs
        assert output == replace(fresh, file="a.mp4", bytes=3, sha256="ab")

    def test_an_answer_that_mentions_no_outputs_takes_none_away(self) -> None:
        done = TASK.told(Report(state=State.COMPLETED, outputs=(VIDEO,)), now=NOON)
        assert done.told(Report(state=State.COMPLETED), now=LATER).outputs == (VIDEO,)

    def test_results_are_what_was_ordered(self) -> None:
        cover = Output(index=1, kind=Kind.IMAGE, role=Role.EXTRA, url="https://cdn/a.png")
        assert replace(TASK, outputs=(VIDEO, cover)).results == (VIDEO,)


class TestForgotten:
    def test_a_task_that_the_provider_denies_has_expired(self) -> None:
        running = replace(TASK, state=State.RUNNING, progress=40, eta_seconds=9.0, can_cancel=True)
        lost = running.forgotten(now=NOON)
        assert (lost.state, lost.finished_at, lost.updated_at) == (State.EXPIRED, NOON, NOON)
        assert lost.error is not None
        assert lost.error.code == FORGOTTEN
        assert (lost.progress, lost.eta_seconds, lost.can_cancel) == (40, None, False)

    @pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED])
    def test_a_task_that_had_ended_stays_as_it_was(self, state: State) -> None:
        ended = replace(TASK, state=state, finished_at=NOON)
        assert ended.forgotten(now=LATER) is ended

    def test_a_task_that_is_remembered_again_goes_on(self) -> None:
        lost = replace(TASK, state=State.RUNNING, progress=40).forgotten(now=NOON)
        again = lost.told(Report(state=State.RUNNING, progress=10), now=LATER)
        assert (again.state, again.error, again.finished_at, again.progress) == (State.RUNNING, None, None, 40)
        assert again.can_cancel is None
        assert again.updated_at == LATER

    def test_an_answer_without_a_state_does_not_bring_it_back(self) -> None:
        lost = TASK.forgotten(now=NOON)
        told = lost.told(Report(message="hello"), now=LATER)
        assert (told.state, told.error, told.finished_at) == (State.EXPIRED, lost.error, NOON)

    def test_a_task_that_is_remembered_as_completed_has_completed(self) -> None:
        done = TASK.forgotten(now=NOON).told(Report(state=State.COMPLETED, outputs=(VIDEO,)), now=LATER)
        assert (done.state, done.finished_at, done.outputs) == (State.COMPLETED, LATER, (VIDEO,))


@pytest.mark.parametrize(
    ("input_", "prompt"),
    [
        ({"prompt": "a dog", "negative": "cats, cats and more cats"}, "a dog"),
        ({"video_subject": "spring", "voice": "en"}, "spring"),
        ({"prompt": ["a", "b"], "text": "words"}, "words"),
        ({"duration": 5}, ""),
        ({}, ""),
    ],
)
def test_the_prompt_is_the_input_in_words(input_: dict[str, object], prompt: str) -> None:
    assert replace(TASK, input=input_).prompt == prompt


@pytest.mark.parametrize(("id_", "key", "name"), [("1", "k", "1"), (None, "k", "k"), (None, None, "?"), ("", "k", "k")])
def test_a_task_is_called_by_its_id_or_its_key(id_: str | None, key: str | None, name: str) -> None:
    assert replace(TASK, id=id_, key=key).name == name
