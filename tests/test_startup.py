"""Starting light: what a fresh interpreter has loaded after a light command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "httpx2",
    "asyncio",
    "msgspec",
    "jmespath",
    "rich",
    "importlib.metadata",
    "platformdirs",
    "starlette",
    "uvicorn",
}
PROGRAM = """
import json, sys
from taskctl.cli.main import main
code = main(json.loads(sys.argv[1]))
sys.stderr.write(json.dumps([code, sorted(sys.modules)]))
"""


def loaded(home: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(arguments)],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("--help",), ("list",), ("list", "-o", "json"), ("history", "path"), ("wait", "--help")],
)
def test_a_light_command_loads_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert loaded(tmp_path, *arguments) & HEAVY == set()
