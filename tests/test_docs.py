"""What the documentation takes from the program is what the program says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from taskctl.cli.main import COMMANDS
from tests.inside import Inside

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GROUPS = ("profile", "dialect", "history")


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page: Path, inside: Inside) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    for name, rest in re.findall(r"\btaskctl ([a-z]+)((?: [^\n|;]*)?)", text):
        if name not in COMMANDS:
            assert not rest.strip().startswith("-"), (name, rest)
            continue
        sub = next((word for word in rest.split()[:1] if word.isalpha() and name in GROUPS), None)
        shown = inside(name, *([sub] if sub else []), "--help").out
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", rest):
            assert option in shown, (name, option)
