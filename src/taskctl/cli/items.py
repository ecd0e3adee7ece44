"""ITEM syntax, as HTTPie users know it: `name=text`, `name:=JSON`, `name=@file`, `name@picture.png`."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from taskctl.errors import UsageError
from taskctl.wish import LocalFile

_ITEM = re.compile(r"(?P<name>(?:\\.|[^\\=:@]|:(?!=))+?)(?P<mark>:=@|:=|=@|=|@)(?P<value>.*)", re.DOTALL)
_STEP = re.compile(r"(?:\\.|[^.\\])+")
FORMS = "name=text, name:=JSON, name=@file, name:=@file.json, name@picture.png; a.b=1 nests, a[]=x appends"


@dataclass(slots=True)
class _Stdin:
    """Standard input, which only one item can have."""

    stream: BinaryIO
    taken_by: str | None = None

    def read(self, item: str) -> str:
        if self.taken_by is not None:
            raise UsageError(f"{item!r} and {self.taken_by!r} both want standard input")
        self.taken_by = item
        return _text(self.stream.read(), item).removesuffix("\n")


def parse(items: list[str], base: dict[str, object] | None = None, stdin: BinaryIO | None = None) -> dict[str, object]:
    """The input that these items make, over what `base` has.

    Raises:
        UsageError: an item says nothing that could be meant. FileError: its file cannot be read.
    """
    made: dict[str, object] = dict(base or {})
    source = _Stdin(stdin or sys.stdin.buffer)
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
    text = _text((stdin or sys.stdin.buffer).read(), "-i -") if path == "-" else _file(path, f"-i {path}")
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
            return stdin.read(item) if value == "-" else _file(value, item).removesuffix("\n")
        case ":=@":
            return _json(stdin.read(item) if value == "-" else _file(value, item), item)
        case _:
            return LocalFile(str(Path(value).expanduser()))


def _put(into: dict[str, object], written: str, value: object, item: str) -> None:
    """Put the value where the name says, making what lies on the way."""
    name, appends = (written[:-2], True) if written.endswith("[]") else (written, False)
    steps = [re.sub(r"\\(.)", r"\1", step) for step in _STEP.findall(name)]
    if not steps or name.startswith(".") or name.endswith(".") or ".." in name:
        raise UsageError(f"{item!r}: {written!r} is no name")
    for step in steps[:-1]:
        inner = into.setdefault(step, {})
        if not isinstance(inner, dict):
            raise UsageError(f"{item!r}: {step!r} has a value already, and cannot hold another")
        into = inner
    last = _clean(steps[-1], item)
    if not appends:
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
    return found


def _file(path: str, item: str) -> str:
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as problem:
        raise UsageError(f"{item!r}: {path} cannot be read: {problem.strerror}") from problem
    return _text(content, item)


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
