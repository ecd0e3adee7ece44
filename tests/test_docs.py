"""What the documentation takes from the program is what the program says."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from taskctl.cli.main import COMMANDS
from tests.inside import Inside

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
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


def test_every_fault_of_the_table_has_a_test_and_every_fault_test_is_in_it() -> None:
    faults = tomllib.loads((ROOT / "docs" / "faults.toml").read_text("utf-8"))["faults"]
    tested = {
        name
        for module in (ROOT / "tests" / "faults").glob("test_*.py")
        for name in re.findall(r"(?<![A-Za-z0-9])([PLSR][0-9]{1,2})(?=[_\"-])", module.read_text("utf-8"))
    }
    assert set(faults) - tested == {"S18"}, "there is nothing that receives webhooks"
    assert tested <= set(faults)


def test_each_promise_of_the_readme_names_its_tests() -> None:
    promised = README.partition("three promises")[2].partition("\n\n")[0]
    for promise in ("never pays twice", "loses nothing", "leaks nothing"):
        said = promised.partition(f"**{promise}**")[2].partition("**")[0]
        assert re.search(r"\]\(tests/faults/test_\w+\.py\)", said), promise


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
