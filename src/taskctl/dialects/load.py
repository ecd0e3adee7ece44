"""Finds dialect files, shipped and the user's own, and refuses a wrong one at the door."""

import re
from functools import cache
from pathlib import Path

from taskctl import tomlfile
from taskctl.dialects import door
from taskctl.dialects.dialect import Dialect
from taskctl.dialects.format import Format1
from taskctl.errors import DialectError

_SHIPPED = Path(__file__).parent / "shipped"  # importlib.resources would take longer than all the rest

_KEY_ENV = re.compile(r'^key_env = "(\w+)"', re.MULTILINE)


class Dialects:
    """Every dialect there is: the shipped ones and those in the user's folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._loaded: dict[str, Dialect] = {}

    def names(self) -> list[str]:
        """The names of all dialects, shipped ones first."""
        return [*shipped(), *sorted(self._own().keys() - set(shipped()))]

    def get(self, name: str) -> Dialect:
        """The dialect of that name.

        Raises:
            DialectError: there is none, or its file is wrong.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Dialect:
        path = self._own().get(name)
        if name in shipped():
            if path is not None:
                raise DialectError(
                    f"{path}: name: {name!r} is the name of a shipped dialect", hint="rename the file and its name"
                )
            return parse(_text(name), f"{name}.toml")
        if path is None:
            raise DialectError(f"there is no dialect {name!r}", hint=f"known are {', '.join(self.names())}")
        dialect = load(path)
        if dialect.name != name:
            raise DialectError(f"{path}: name: {dialect.name!r} must be the file's own name, {name!r}")
        owner = _variables().get(dialect.form.key_env or "")
        if owner is not None:
            raise DialectError(f"{path}: key_env: {dialect.form.key_env!r} belongs to the shipped dialect {owner!r}")
        return dialect

    def _own(self) -> dict[str, Path]:
        if self._folder is None or not self._folder.is_dir():
            return {}
        return {path.stem: path for path in self._folder.glob("*.toml")}


@cache
def shipped() -> tuple[str, ...]:
    """The names of the dialects that come with taskctl."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def load(path: Path) -> Dialect:
    """The dialect in this file.

    Raises:
        DialectError: it is wrong; the message holds file, key, value and what is allowed.
    """
    return parse(tomlfile.read(path, DialectError), str(path))


def parse(text: str, where: str) -> Dialect:
    """The dialect that this text describes; `where` is what messages call it.

    Raises:
        DialectError: it is wrong; the message has one line for each thing that is.
    """
    form = tomlfile.decode(text, Format1, where, DialectError)
    wrong = list(door.problems(form))
    if wrong:
        raise DialectError("\n".join(f"{where}: {problem}" for problem in wrong))
    return Dialect(form)


def _text(name: str) -> str:
    return (_SHIPPED / f"{name}.toml").read_text("utf-8")


@cache
def _variables() -> dict[str, str]:
    """The environment variables that belong to shipped dialects, and to which; without loading them all."""
    return {variable: name for name in shipped() for variable in _KEY_ENV.findall(_text(name))}
