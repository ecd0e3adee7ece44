"""Where the config file and the history live, unless the environment says otherwise."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from taskctl.errors import ConfigurationError

UNDER_HOME = {"config": ".config", "state": ".local/state"}


def config_path(env: Mapping[str, str]) -> Path:
    """The config file."""
    named = env.get("TASKCTL_CONFIG")
    return Path(named) if named else _folder("config", env) / "config.toml"


def history_path(env: Mapping[str, str]) -> Path:
    """The history's file."""
    named = env.get("TASKCTL_HISTORY")
    return Path(named) if named else _folder("state", env) / "history.db"


def user_dialects(env: Mapping[str, str]) -> Path:
    """The folder of the user's own dialects, beside the config file."""
    return config_path(env).parent / "dialects"


def sandbox_folder(env: Mapping[str, str]) -> Path:
    """Where the sandbox keeps its tasks, beside the history."""
    return history_path(env).parent / "sandbox"


def _folder(kind: Literal["config", "state"], env: Mapping[str, str]) -> Path:
    if sys.platform != "linux":
        import platformdirs

        _home(env)
        folder = platformdirs.user_config_path if kind == "config" else platformdirs.user_state_path
        return folder("taskctl", appauthor=False)
    chosen = Path(env.get(f"XDG_{kind.upper()}_HOME", ""))  # as platformdirs has it, which costs 26 ms to import
    return (chosen if chosen.is_absolute() else _home(env) / UNDER_HOME[kind]) / "taskctl"


def _home(env: Mapping[str, str]) -> Path:
    """The home folder; without one platformdirs would name a folder of the working directory."""
    named = Path(env.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path.home()
    except RuntimeError as error:
        raise ConfigurationError(
            "this user has no home folder", hint="set HOME, or TASKCTL_CONFIG and TASKCTL_HISTORY"
        ) from error
