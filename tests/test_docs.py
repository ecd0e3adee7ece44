"""What the documentation takes from the program is what the program says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from taskctl.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make", ROOT / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_readme_are_those_of_the_program() -> None:
    assert made().filled(README) == README


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_readme_has_the_command_that_ci_runs(name: str) -> None:
    assert re.search(rf"<!-- run: {name} -->\n```sh\npython3 -m venv .*\n```", README)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_every_command_of_the_readme_exists() -> None:
    used = set(re.findall(r"^\s*(?:ID=\$\()?taskctl ([a-z]+)", README, re.MULTILINE))
    assert used
    assert used <= set(COMMANDS)
