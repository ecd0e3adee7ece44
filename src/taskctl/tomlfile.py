"""A TOML file at the door: bounded, strict, and refused with file, key, value and what is allowed."""

import re
from pathlib import Path
from typing import TypeVar

from taskctl.errors import TaskctlError

LARGEST = 256 * 1024
_DOTS = 20
"""Parts of a dotted key; tomllib takes seconds over thousands of them."""
_AT = re.compile(r"(?P<what>.*?) - at `\$(?P<path>[^`]*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")

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

    for line, written in enumerate(text.splitlines(), 1):
        if written.partition("=")[0].count(".") > _DOTS:
            raise error(f"{where}: line {line}: a key of more than {_DOTS} parts")
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except tomllib.TOMLDecodeError as problem:
        raise error(f"{where}: is not TOML: {problem}") from problem
    except RecursionError as problem:
        raise error(f"{where}: is nested too deeply") from problem
    except msgspec.ValidationError as problem:
        raise error(f"{where}: {_said(str(problem), kind)}") from problem


def _said(message: str, kind: object) -> str:
    """msgspec's message in the words of a person: `submit.request: Expected str, got int`."""
    match = _AT.fullmatch(message)
    what, path = (match["what"], match["path"].lstrip(".")) if match else (message, "")
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is None:
        return f"{path}: {what}" if path else what
    allowed = ", ".join(_fields_at(kind, path))
    name = f"{path}.{unknown['name']}" if path else unknown["name"]
    return f"{name}: unknown key" + (f"; allowed are {allowed}" if allowed else "")


def _fields_at(kind: object, path: str) -> list[str]:
    """The keys that the struct at this path has."""
    import msgspec

    info: object = msgspec.inspect.type_info(kind)
    for step in (part for part in re.split(r"[.\[]", path) if part):
        while isinstance(info, msgspec.inspect.UnionType):
            info = next((one for one in info.types if isinstance(one, msgspec.inspect.StructType)), None)
        if isinstance(info, msgspec.inspect.StructType):
            info = next((field.type for field in info.fields if field.encode_name == step), None)
        elif isinstance(info, msgspec.inspect.DictType):
            info = info.value_type
        elif isinstance(info, msgspec.inspect.ListType):
            info = info.item_type
    while isinstance(info, msgspec.inspect.UnionType):
        info = next((one for one in info.types if isinstance(one, msgspec.inspect.StructType)), None)
    return [field.encode_name for field in info.fields] if isinstance(info, msgspec.inspect.StructType) else []
