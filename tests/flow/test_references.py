from datetime import timedelta

import pytest

from taskctl.errors import TaskNotFound, UsageError
from taskctl.flow.references import resolve
from taskctl.model import State, Task
from tests.flow.world import World, nobody

EVOLINK = "https://api.evolink.ai"


def task(world: World, id_: str | None, **more: object) -> Task:
    """A task on record, each a second younger than the one before."""
    world.clock.passed += 1
    given = {"key": None, "profile": "evolink", "dialect": "evolink", "base_url": EVOLINK, "state": State.RUNNING}
    made = Task(id=id_, submitted_at=world.clock.now(), **{**given, **more})  # type: ignore[arg-type]  # as given
    with world.history() as history:
        return history.record(made)


def meant(world: World, *references: str, chosen: str | None = None) -> list[str]:
    with world.runtime(nobody, chosen=chosen) as runtime:
        return [found.name for found in resolve(runtime, references)]


@pytest.mark.parametrize(
    "reference",
    ["task-unified-1-abcd", "task-unified-1", "task", "abcd", "1-abcd", "my key 1", "my k", "ey 1"],
)
def test_an_id_a_key_and_a_unique_beginning_or_end_of_either_mean_the_task(world: World, reference: str) -> None:
    task(world, "task-unified-1-abcd", key="my key 1")
    task(world, "other")
    assert meant(world, reference) == ["task-unified-1-abcd"]
    whole = reference in ("task-unified-1-abcd", "my key 1")
    assert world.heard.notes == ([] if whole else [f"{reference} means task-unified-1-abcd"])


def test_three_characters_are_too_few_to_be_a_beginning(world: World) -> None:
    task(world, "task-1")
    with pytest.raises(TaskNotFound):
        meant(world, "tas")


def test_a_whole_id_wins_over_the_beginnings_of_others(world: World) -> None:
    task(world, "task-1")
    task(world, "task-11")
    assert meant(world, "task-1") == ["task-1"]


def test_several_matches_are_listed_and_refused(world: World) -> None:
    for end in ("a", "b"):
        task(world, f"task-unified-{end}")
    with pytest.raises(UsageError) as caught:
        meant(world, "task-unified")
    assert "means 2 tasks: task-unified-b (evolink, running), task-unified-a (evolink, running)" in caught.value.message
    assert "-P" in (caught.value.hint or "")


def test_the_address_of_the_chosen_profile_tells_two_servers_apart(world: World) -> None:
    task(world, "task-1", base_url="https://gateway.example.org")
    task(world, "task-1")
    assert meant(world, "task-1", chosen="evolink") == ["task-1"]
    with pytest.raises(UsageError, match=r"evolink at https://gateway\.example\.org, running"):
        meant(world, "task-1")


def test_of_many_matches_ten_are_listed_and_the_others_counted(world: World) -> None:
    for number in range(12):
        task(world, f"task-{number}")
    with pytest.raises(UsageError, match=r"means 12 tasks: .* and 2 more"):
        meant(world, "task")


def test_one_id_at_two_servers_is_two_tasks_until_a_profile_is_named(world: World) -> None:
    task(world, "task-1")
    task(world, "task-1", profile="mine", base_url="https://gateway.example.org")
    with pytest.raises(UsageError, match="means 2 tasks"):
        meant(world, "task-1")
    with world.runtime(nobody, chosen="evolink") as runtime:
        (found,) = resolve(runtime, ["task-1"])
    assert found.base_url == EVOLINK


def test_only_an_explicit_profile_restricts(world: World) -> None:
    task(world, "task-1", state=State.FAILED)
    task(world, "task-2", profile="ephone", dialect="ephone", base_url="https://api.ephone.ai")
    with world.runtime(nobody, environ={"TASKCTL_PROFILE": "evolink"}) as runtime:
        assert [found.id for found in resolve(runtime, ["@last", "task-2"])] == ["task-2"]
    assert meant(world, "@last", chosen="evolink") == ["task-1"]
    assert meant(world, "@unfinished", chosen="evolink") == []
    assert meant(world, "@failed", chosen="ephone") == []


def test_an_id_of_another_profile_is_a_stranger_to_the_named_one(world: World) -> None:
    task(world, "task-1")
    with world.runtime(nobody, chosen="ephone") as runtime:
        (found,) = resolve(runtime, ["task-1"])
    assert (found.profile, found.base_url, found.state) == ("ephone", "https://api.ephone.ai", State.UNKNOWN)


def test_selections_find_by_age_and_state(world: World) -> None:
    for number, state in enumerate(State):
        task(world, f"task-{state}", state=state, finished_at=world.clock.now() + timedelta(seconds=number))
    assert meant(world, "@last") == ["task-unconfirmed"]
    unfinished = ["task-unconfirmed", "task-unknown", "task-running", "task-queued"]
    assert meant(world, "@unfinished") == unfinished
    assert meant(world, "@failed") == ["task-failed"]


def test_an_empty_history_has_no_last_task(world: World) -> None:
    assert meant(world, "@last", "@unfinished", "@failed") == []


def test_a_selection_that_does_not_exist_is_refused_with_those_that_do(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        meant(world, "@lst")
    assert "@last, @unfinished, @failed and @expiring" in (caught.value.hint or "")


def test_each_task_comes_once_in_the_order_of_the_references(world: World) -> None:
    for number in range(3):
        task(world, f"task-{number}")
    assert meant(world, "task-1", "@last", "task-2", "task-0", "task-1") == ["task-1", "task-2", "task-0"]


def test_an_unconfirmed_submission_is_meant_by_its_key(world: World) -> None:
    task(world, None, key="batch7-shot03", state=State.UNCONFIRMED)
    assert meant(world, "batch7-shot03", "shot03") == ["batch7-shot03"]


def test_an_unknown_id_belongs_to_the_selected_profile(world: World) -> None:
    for environ, chosen in (({"TASKCTL_PROFILE": "evolink"}, None), ({}, "evolink")):
        with world.runtime(nobody, environ=environ, chosen=chosen) as runtime:
            (found,) = resolve(runtime, ["of-another-machine"])
        assert (found.id, found.profile, found.base_url) == ("of-another-machine", "evolink", EVOLINK)
        assert found.submitted_at is None


def test_an_unknown_id_without_a_profile_is_not_found_and_the_hint_names_the_option(world: World) -> None:
    with pytest.raises(TaskNotFound) as caught:
        meant(world, "of-another-machine")
    assert (caught.value.task, caught.value.exit_code) == ("of-another-machine", 5)
    assert "-P" in (caught.value.hint or "")


@pytest.mark.parametrize("reference", ["", " ", "a b", "task\n", "ärger", "a\0b", "\udcff", "x" * 513])
def test_what_can_be_no_id_is_refused_before_anybody_is_asked(world: World, reference: str) -> None:
    with pytest.raises(UsageError, match="is no task id"):
        meant(world, reference, chosen="evolink")


def test_a_known_task_keeps_the_address_it_was_recorded_with(world: World) -> None:
    made = task(world, "task-1")
    environ = {"TASKCTL_BASE_URL": "https://gateway.example.org", "TASKCTL_PROFILE": "evolink"}
    with world.runtime(nobody, environ=environ) as runtime:
        assert resolve(runtime, ["task-1"]) == [made]
