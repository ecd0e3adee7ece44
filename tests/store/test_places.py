"""Where things are kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from taskctl.errors import ConfigurationError
from taskctl.store import places

linux = pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")


def test_the_environment_names_the_files() -> None:
    env = {"TASKCTL_CONFIG": "/etc/taskctl/my.toml", "TASKCTL_HISTORY": "/var/lib/taskctl/h.db"}
    assert places.config_path(env) == Path("/etc/taskctl/my.toml")
    assert places.history_path(env) == Path("/var/lib/taskctl/h.db")
    assert places.user_dialects(env) == Path("/etc/taskctl/dialects")
    assert places.sandbox_folder(env) == Path("/var/lib/taskctl/sandbox")


@linux
@pytest.mark.parametrize(
    ("env", "config", "history"),
    [
        ({"HOME": "/h"}, "/h/.config/taskctl/config.toml", "/h/.local/state/taskctl/history.db"),
        ({"HOME": "/h", "TASKCTL_CONFIG": ""}, "/h/.config/taskctl/config.toml", "/h/.local/state/taskctl/history.db"),
        ({"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/taskctl/config.toml", "/s/taskctl/history.db"),
        (
            {"HOME": "/h", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": ""},
            "/h/.config/taskctl/config.toml",
            "/h/.local/state/taskctl/history.db",
        ),
    ],
)
def test_the_folders_of_linux(env: dict[str, str], config: str, history: str) -> None:
    assert places.config_path(env) == Path(config)
    assert places.history_path(env) == Path(history)


@linux
def test_they_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/state")
    monkeypatch.setenv("HOME", "/home/somebody")
    env = {"HOME": "/home/somebody", "XDG_STATE_HOME": "/somewhere/state"}
    assert places.config_path(env).parent == platformdirs.user_config_path("taskctl")
    assert places.history_path(env).parent == platformdirs.user_state_path("taskctl")


@linux
def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigurationError, match="no home") as caught:
        places.history_path({})
    assert caught.value.hint is not None
    assert "TASKCTL_HISTORY" in caught.value.hint


@linux
def test_the_history_starts_light() -> None:
    heavy = (
        "asyncio",
        "httpx2",
        "jmespath",
        "msgspec",
        "platformdirs",
        "rich",
        "tempfile",
        "tomli_w",
        "tomllib",
        "typer",
    )
    script = f"""
import sys
sys.path[:] = {sys.path!r}
import taskctl.store.history, taskctl.store.places
taskctl.store.places.history_path({{"HOME": "/h"}})
print([name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
