"""ITEM syntax, as HTTPie users know it: `name=text`, `name:=JSON`, `name=@file`, `name@picture.png`."""

import copy
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from taskctl.errors import UsageError
from taskctl.wish import LocalFile

_ITEM = re.compile(r"(?P<name>(?:\\.|[^\\=:@]|:(?!=))+?)(?P<mark>:=@|:=|=@|=|@)(?P<value>.*)", re.DOTALL)
_NAME = re.compile(r"(?P<path>(?:\\.|[^\\])+?)(?P<appends>\[\])?", re.DOTALL)
_STEP = r"(?:\\.|[^.\\])+"
_PATH = re.compile(rf"{_STEP}(?:\.{_STEP})*", re.DOTALL)
_DEEPEST = 100
FORMS = "name=text, name:=JSON, name=@file, name:=@file.json, name@picture.png; a.b=1 nests, a[]=x appends"


@dataclass(slots=True)
class _Stdin:
    """Standard input, which only one item can have."""

    stream: BinaryIO | None
    taken_by: str | None = None

    def read(self, item: str) -> str:
        if self.taken_by is not None:
            raise UsageError(f"{item!r} and {self.taken_by!r} both want standard input")
        self.taken_by = item
        return _text(_all_of(self.stream), item)


def parse(items: list[str], base: dict[str, object] | None = None, stdin: BinaryIO | None = None) -> dict[str, object]:
    """The input that these items make, over what `base` has.

    Raises:
        UsageError: an item says nothing that could be meant. FileError: its file cannot be read.
    """
    made: dict[str, object] = copy.deepcopy(base or {})
    source = _Stdin(stdin)
    for item in items:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise UsageError(f"{item!r} is no item", hint=f"items are {FORMS}")
        _put(made, match["name"], _value(item, match["mark"], match["value"], source), item)
    return made


def read_object(path: str, stdin: BinaryIO | None = None) -> dict[str, object]:
    """The JSON object in a file, or on standard input for `-`.

    Raises:
        UsageError: it is none.
    """
    text = _text(_all_of(stdin), "-i -") if path == "-" else _file(path, f"-i {path}")
    found = _json(text, f"-i {path}")
    if not isinstance(found, dict):
        raise UsageError(f"-i {path} holds no JSON object", hint='give an object: {"prompt": "…"}')
    return found


def _value(item: str, mark: str, value: str, stdin: _Stdin) -> object:
    match mark:
        case "=":
            return _clean(value, item)
        case ":=":
            return _json(value, item)
        case "=@":
            text = stdin.read(item) if value == "-" else _file(value, item)
            return text.removesuffix("\n").removesuffix("\r")
        case ":=@":
            return _json(stdin.read(item) if value == "-" else _file(value, item), item)
        case _:
            return LocalFile(str(_path(value, item)))


def _put(into: dict[str, object], written: str, value: object, item: str) -> None:
    """Put the value where the name says, making what lies on the way."""
    name = _NAME.fullmatch(written)
    path = name["path"] if name else ""
    if not _PATH.fullmatch(path):
        raise UsageError(f"{item!r}: {written!r} is no name", hint="a dot nests, and \\. is a dot in a name")
    raw = re.findall(_STEP, path, re.DOTALL)
    if any(re.search(r"(?<!\\)\[\]", step) for step in raw):
        raise UsageError(f"{item!r}: [] appends at the end of a name alone", hint="give the list as JSON: name:=[...]")
    if len(raw) > _DEEPEST:
        raise UsageError(f"{item!r} is nested deeper than {_DEEPEST} levels")
    steps = [_clean(re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL), item) for step in raw]
    for step in steps[:-1]:
        inner = into.setdefault(step, {})
        if not isinstance(inner, dict):
            raise UsageError(f"{item!r}: {step!r} has a value already, and cannot hold another")
        into = inner
    last = steps[-1]
    if name is None or not name["appends"]:
        into[last] = value
        return
    row = into.setdefault(last, [])
    if not isinstance(row, list):
        raise UsageError(f"{item!r}: {last!r} has a value already that is no list")
    row.append(value)


def _json(text: str, item: str) -> object:
    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    try:
        found: object = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as problem:
        raise UsageError(
            f"{item!r}: is not JSON: {problem}", hint="use name=text for text, name:=JSON for anything else"
        ) from problem
    return _sound(found, item)


def _sound(found: object, item: str) -> object:
    """The value, where it is one that can go into a request: not too deep, of finite numbers and whole characters."""
    level = [found]
    for _ in range(_DEEPEST):
        for value in level:
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(f"{item!r} holds a number that is too large")
            if isinstance(value, str):
                _clean(value, item)
        level = [member for value in level for member in _members(value)]
        if not level:
            return found
    raise UsageError(f"{item!r} is nested deeper than {_DEEPEST} levels")


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _all_of(stdin: BinaryIO | None) -> bytes:
    if stdin is None and sys.stdin is None:
        raise UsageError("standard input is closed")
    content = (stdin or sys.stdin.buffer).read()
    if not content:
        raise UsageError("standard input is empty, or was read already")
    return content


def _file(path: str, item: str) -> str:
    try:
        content = _path(path, item).read_bytes()
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise UsageError(f"{item!r}: {path} cannot be read: {reason}") from problem
    return _text(content, item)


def _path(written: str, item: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError as problem:
        raise UsageError(f"{item!r}: nobody knows where {written.partition('/')[0]} is") from problem


def _text(content: bytes, item: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(
            f"{item!r}: is not UTF-8 at byte {problem.start}", hint="to send a file itself: name@file"
        ) from problem


def _clean(text: str, item: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise UsageError(f"{item!r}: holds bytes that are no UTF-8 text") from problem
    return text
