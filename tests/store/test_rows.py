"""A task comes back from its row as it went in."""

import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskctl.clock import SystemClock
from taskctl.model import Cost, Failure, Kind, Output, Role, State, Task
from taskctl.store.history import History
from taskctl.store.rows import moment, stamp

texts = st.text()
maybe_texts = st.none() | texts
first = datetime(2, 1, 1)  # noqa: DTZ001  # the strategy adds the zone
zones = st.sampled_from([UTC, timezone(timedelta(hours=8))])
times = st.none() | st.datetimes(min_value=first, timezones=zones)
numbers = st.none() | st.floats(allow_nan=False) | st.integers()
urls = st.none() | st.text(string.ascii_letters + string.digits + "/._~%:", max_size=40).map("https://h/".__add__)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
outputs = st.builds(
    Output,
    index=st.just(0),
    kind=st.sampled_from(Kind),
    role=st.sampled_from(Role),
    url=urls,
    text=maybe_texts,
    content_type=maybe_texts,
    duration_seconds=numbers,
    expires_at=times,
    file=maybe_texts,
    bytes=st.none() | st.integers(),
    sha256=maybe_texts,
)
tasks = st.builds(
    Task,
    id=st.text(string.printable[:94], min_size=1, max_size=512),
    key=maybe_texts,
    profile=texts,
    dialect=texts,
    base_url=texts,
    operation=maybe_texts,
    model=maybe_texts,
    state=st.sampled_from(State),
    provider_state=maybe_texts,
    progress=st.none() | st.integers(),
    can_cancel=st.none() | st.booleans(),
    message=maybe_texts,
    submitted_at=times,
    updated_at=times,
    finished_at=times,
    took_seconds=numbers,
    eta_seconds=numbers,
    outputs=st.lists(outputs, max_size=3).map(
        lambda some: tuple(replace(output, index=index) for index, output in enumerate(some))
    ),
    error=st.none() | st.builds(Failure, code=maybe_texts, message=texts),
    cost=st.none() | st.builds(Cost, estimated=numbers, final=numbers, unit=maybe_texts),
    tags=st.lists(texts, max_size=3, unique=True).map(tuple),
    input=st.dictionaries(texts, values, max_size=3),
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with History.open(tmp_path_factory.mktemp("rows") / "history.db", clock=SystemClock()) as history:
        yield history


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(task=tasks)
def test_a_task_comes_back_as_it_went_in(history: History, task: Task) -> None:
    try:
        history.record(task)
        assert history.find_in(task.base_url, task.id or "") == task
        assert history.tasks() == list(history.export()) == [task]
        history.record(task)
        assert history.tasks() == [task]
    finally:
        history.forget([task])


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_stamps_sort_as_their_times_do_and_lose_nothing(one: datetime, other: datetime) -> None:
    assert moment(stamp(one)) == one
    assert (stamp(one) < stamp(other)) == (one < other)


def test_a_local_file_path_of_the_user_is_no_url(history: History, tmp_path: Path) -> None:
    output = Output(index=0, kind=Kind.FILE, file=str(tmp_path / "why?.mp4"), url="data:image/png;base64,AAAA")
    task = Task(id="path", key=None, profile="p", dialect="d", base_url="http://h", outputs=(output,))
    history.record(task)
    assert history.find("path") == [task]
