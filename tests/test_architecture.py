"""The rooms and who may enter them: imports point downwards, and foreign packages have one room each."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "taskctl"
LEAVES = {"model", "errors", "clock", "secret", "safe", "durations"}
MAY_IMPORT = {
    "cli": {"cli", "flow", "runtime", "profiles", "wish", "net", "store", "dialects", "sandbox", "tomlfile", *LEAVES},
    "flow": {"flow", "runtime", "profiles", "wish", "net", "store", "dialects", *LEAVES},
    "runtime": {"interrupts", "profiles", "net", "store", "dialects", "sandbox", *LEAVES},
    "wish": {"profiles", *LEAVES},
    "net": {"net", "profiles", "dialects", *LEAVES},
    "profiles": {"keys", "dialects", "store", *LEAVES},
    "keys": LEAVES,
    "store": {"store", "tomlfile", *LEAVES},
    "dialects": {"dialects", "tomlfile", *LEAVES},
    "sandbox": {"sandbox"},
    "tomlfile": {"errors"},
    "errors": set(),
    "interrupts": set(),
    "model": set(),
    "clock": set(),
    "secret": set(),
    "safe": set(),
    "durations": set(),
    "__main__": {"cli"},
    "__init__": set(),
}
ONE_ROOM = {
    "typer": {"cli"},
    "rich": {"cli"},
    "httpx2": {"net"},
    "httpcore2": {"net"},
    "h11": {"net"},
    "sqlite3": {"store"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "jmespath": {"dialects", "cli"},  # `--query` is an expression of the user's
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_downwards(path: Path) -> None:
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("taskctl.")}
    assert ours - {"__version__"} <= MAY_IMPORT[room(path)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_foreign_package_has_one_room(path: Path) -> None:
    if path.name == "runtime.py":  # names httpx2 for the type checker alone
        return
    for name in {name.split(".")[0] for name in imports(path)} & set(ONE_ROOM):
        assert room(path) in ONE_ROOM[name], name


def test_the_rooms_are_those_of_the_table() -> None:
    assert {room(path) for path in MODULES} == set(MAY_IMPORT)


def test_nothing_catches_everything_but_the_last_resort() -> None:
    catching = [
        str(path.relative_to(SOURCE))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    assert catching == ["cli/main.py"]
