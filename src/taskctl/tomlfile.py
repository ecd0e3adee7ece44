"""A TOML file at the door: bounded, strict, and refused with file, key, value and what is allowed."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from taskctl.errors import TaskctlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import inspect

LARGEST = 256 * 1024
_DOTS = 20
"""Dots in a dotted key; tomllib takes seconds over thousands of them."""
_MANY_DOTS = 1000
"""Dots in a line: parts of keys can be written in ways that `_LONG_KEY` does not know."""
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_.\"'-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{_DOTS + 1}}}")
_AT = re.compile(r"(?P<what>.*?) - at `\$(?P<path>.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `[^`]*`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}

T = TypeVar("T")


def read(path: Path, error: type[TaskctlError]) -> str:
    """The text of a file of sensible size.

    Raises:
        TaskctlError: of the given class, where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise error(f"{path}: larger than {LARGEST // 1024} KiB, which no such file is")
        return content.decode("utf-8-sig")
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror or problem}") from problem
    except UnicodeDecodeError as problem:
        raise error(f"{path}: is not UTF-8 at byte {problem.start}") from problem


def decode(text: str, kind: type[T], where: str, error: type[TaskctlError]) -> T:
    """The text as a struct of this kind; `where` is what messages call it.

    Raises:
        TaskctlError: of the given class; the message holds file, key, value and what is allowed.
    """
    import tomllib

    import msgspec

    long_key = _LONG_KEY.search(text)
    if long_key:
        line = text.count("\n", 0, long_key.start()) + 1
        raise error(f"{where}: line {line}: a key of more than {_DOTS} parts")
    for number, content in enumerate(text.splitlines(), 1):
        if content.count(".") > _MANY_DOTS:
            raise error(f"{where}: line {number}: more than {_MANY_DOTS} dots, which no key and no text here has")
    try:
        document = tomllib.loads(text)
    except ValueError as problem:  # TOMLDecodeError, or an integer of more digits than Python reads
        raise error(f"{where}: is not TOML: {problem}") from problem
    except RecursionError as problem:
        raise error(f"{where}: is nested too deeply") from problem
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as problem:
        raise error(f"{where}: {_said(str(problem), document, kind)}") from problem


def _said(message: str, document: object, kind: type) -> str:
    """The message of msgspec in the words of a person: `submit.request: 5 is not a text`."""
    match = _AT.fullmatch(message)
    what, steps = (match["what"], _exact(document, kind, _steps(match["path"]), message)) if match else (message, [])
    info, value, path = _type_at(kind, steps), _value_at(document, steps), _path(steps)
    if unknown := _UNKNOWN.fullmatch(what):
        return f"{_path([*steps, unknown['name']])}: unknown key; allowed are {', '.join(_fields(info))}"
    if missing := _MISSING.fullmatch(what):
        return f"{_path([*steps, missing['name']])}: is missing"
    if what.startswith("Invalid enum value"):
        return f"{path}: {_short(value)} is not {_one_of(_literals(info))}"
    if expected := _EXPECTED.fullmatch(what):
        wanted = [_WORDS.get(one, one) for one in expected["wanted"].split(" | ") if one != "null"]
        return f"{path}: {_short(value)} is not {' or '.join(wanted)}"
    return f"{path}: {what}"


def _steps(path: str) -> list[str | int]:
    return [int(index) if index.isdigit() else index or name for name, index in _STEP.findall(path)]


def _exact(document: object, kind: type, steps: list[str | int], message: str) -> list[str | int]:
    """The steps with the keys that msgspec leaves out as `...`: with each entry alone, the one that is refused."""
    import msgspec

    while "..." in steps:
        place = steps.index("...")
        table = _value_at(document, steps[:place])
        if not isinstance(table, dict):
            return steps
        whole = dict(table)
        for key, value in whole.items():
            table.clear()
            table[key] = value
            try:
                msgspec.convert(document, kind)
            except msgspec.ValidationError as problem:
                if str(problem) == message:
                    steps[place] = key
                    break
        table.clear()
        table.update(whole)
        if steps[place] == "...":
            return steps
    return steps


def _value_at(document: object, steps: list[str | int]) -> object:
    for step in steps:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
    return document


def _type_at(kind: type, steps: list[str | int]) -> "inspect.Type | None":
    """The type that a place in the file has; for a table it may be, the table."""
    from msgspec import inspect

    found: inspect.Type | None = _info(kind)
    for step in steps:
        for one in _alternatives(found):
            if isinstance(one, inspect.StructType):
                found = next((field.type for field in one.fields if field.encode_name == step), None)
            elif isinstance(one, inspect.DictType):
                found = one.value_type
            elif isinstance(one, inspect.ListType):
                found = one.item_type
            else:
                continue
            break
    return found


@cache
def _info(kind: type) -> "inspect.Type":
    from msgspec import inspect

    return inspect.type_info(kind)


def _alternatives(info: "inspect.Type | None") -> "Iterator[inspect.Type]":
    from msgspec import inspect

    if isinstance(info, inspect.UnionType):
        yield from info.types
    elif info is not None:
        yield info


def _fields(info: "inspect.Type | None") -> list[str]:
    from msgspec import inspect

    return [
        field.encode_name for one in _alternatives(info) if isinstance(one, inspect.StructType) for field in one.fields
    ]


def _literals(info: "inspect.Type | None") -> list[str]:
    from msgspec import inspect

    return [str(value) for one in _alternatives(info) if isinstance(one, inspect.LiteralType) for value in one.values]


def _one_of(allowed: list[str]) -> str:
    return allowed[0] if len(allowed) == 1 else f"one of {', '.join(allowed)}"


def _path(steps: list[str | int]) -> str:
    written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return written.lstrip(".") or "the file"


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 80 else f"{said[:80]}…"
