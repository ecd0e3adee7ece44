import sys
from pathlib import Path

import httpx2
import pytest

from taskctl.errors import ConfigurationError, CredentialsError, HistoryError
from taskctl.flow import submitting
from taskctl.model import State, Task
from taskctl.runtime import Runtime
from taskctl.store.config import Config, ProfileSettings
from tests.conftest import FakeClock
from tests.flow.world import Script, World, nobody, says, wished


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> World:
    return World(tmp_path, clock)


def test_a_provider_is_connected_once_and_its_key_fetched_once(world: World, tmp_path: Path) -> None:
    counter = tmp_path / "asked"
    program = f"open({str(counter)!r}, 'a').write('x'); print('key')"
    settings = ProfileSettings(dialect="evolink", api_key_command=(sys.executable, "-c", program))

    async def twice(runtime: Runtime) -> bool:
        profile = runtime.profiles.selected()
        return await runtime.provider(profile) is await runtime.provider(profile)

    assert world.run(nobody, twice, chosen="studio", config=Config(profiles={"studio": settings}))
    assert counter.read_text() == "x"


def test_each_run_has_connections_of_its_own(world: World) -> None:
    script = Script(task_1=says(id="task-1", status="pending"))

    async def look(runtime: Runtime) -> State | None:
        provider = await runtime.provider(runtime.profiles.selected())
        return (await provider.look("task-1")).state

    with world.runtime(script, chosen="evolink") as runtime:
        assert [runtime.run(look(runtime)) for _ in range(2)] == [State.QUEUED, State.QUEUED]


def test_a_missing_key_is_missed_before_anything_is_connected(world: World) -> None:
    with world.runtime(nobody, chosen="evolink", environ={}) as runtime, pytest.raises(CredentialsError):
        runtime.run(runtime.provider(runtime.profiles.selected()))


def test_what_cannot_be_recorded_is_told_all_the_same(world: World) -> None:
    world.history_path.mkdir()
    task = Task(id="task-1", key=None, profile="evolink", dialect="evolink", base_url="https://api.evolink.ai")
    with world.runtime(nobody) as runtime:
        assert runtime.remember(task) == task
        with pytest.raises(HistoryError) as caught:
            runtime.need_history()
    assert "nothing was sent" in (caught.value.hint or "")


def test_the_sandbox_starts_when_it_is_asked_for_and_ends_with_the_invocation(world: World) -> None:
    with world.runtime(nobody, chosen="sandbox-evolink") as runtime:
        assert not (world.folder / "sandbox").exists()
        address = runtime.address(runtime.profiles.selected().base_url)
        assert address.endswith("/evolink")
        assert runtime.address("sandbox:/ephone") == address.replace("evolink", "ephone")
        assert runtime.address("https://api.evolink.ai") == "https://api.evolink.ai"
        assert httpx2.get(address, trust_env=False).status_code == 404
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(address, trust_env=False)


def test_a_sandbox_without_a_place_says_what_to_change(world: World) -> None:
    (world.folder / "sandbox").write_text("in the way")
    with world.runtime(nobody, chosen="sandbox") as runtime, pytest.raises(ConfigurationError) as caught:
        runtime.address("sandbox:/sandbox")
    assert "TASKCTL_HISTORY" in (caught.value.hint or "")


def test_a_sandbox_that_is_not_installed_says_how_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "taskctl.sandbox.server", None)
    with world.runtime(nobody, chosen="sandbox") as runtime, pytest.raises(ConfigurationError) as caught:
        runtime.address("sandbox:/sandbox")
    assert "taskctl[sandbox]" in (caught.value.hint or "")


def test_the_history_keeps_the_address_of_the_sandbox_and_not_its_port(world: World) -> None:
    with world.runtime(nobody, chosen="sandbox") as runtime:
        runtime.transport = None
        task = runtime.run(submitting.submit(runtime, wished(runtime, "sandbox", model=None)))
        submission = runtime.history.submission(task.key or "")
    assert submission is not None
    assert (task.base_url, submission.intent.url) == ("sandbox:/sandbox", "sandbox:/sandbox/v1/tasks")
