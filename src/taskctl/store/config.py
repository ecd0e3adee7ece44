"""The config file: profiles, checked at the door, written whole or not at all."""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
from msgspec import Meta

from taskctl import durations, tomlfile
from taskctl.errors import ConfigurationError
from taskctl.secret import Secret
from taskctl.store.files import exposed, locked, make_folder, write_private

NAME = r"[A-Za-z0-9._-]+"
NAMES = "letters, digits and . _ -"

TEXTS = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
"""The texts of a TOML file, in which a # begins no comment."""


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a profile sets; None is left to the environment and to the dialect."""

    dialect: Annotated[str, Meta(pattern=rf"^{NAME}\Z")]
    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?\Z")] | None = None
    api_key_env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")] | None = None
    api_key_command: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    api_key_keyring: bool = False
    api_key: Secret | None = None
    model: Annotated[str, Meta(min_length=1)] | None = None
    operation: Annotated[str, Meta(min_length=1)] | None = None
    rate: Annotated[float, Meta(gt=0, le=1000)] | None = None
    interval: Annotated[str, Meta(min_length=1)] | None = None
    dir: Annotated[str, Meta(min_length=1)] | None = None


ALLOWED = {
    "dialect": f"a dialect's name: {NAMES}",
    "base_url": 'an http or https address without user, query and fragment, like "https://api.example.org"',
    "api_key_env": 'the name of an environment variable, like "STUDIO_KEY"',
    "api_key_command": 'a program and its arguments as a list of texts, like ["pass", "studio"]',
    "api_key_keyring": "true or false",
    "api_key": "a text",
    "model": "a text",
    "operation": "a text",
    "rate": "requests a second, a number above 0 and not above 1000",
    "interval": f"a duration as text: {durations.ALLOWED}",
    "dir": "a folder's path as text",
}

HIDDEN = frozenset({"api_key", "api_key_env", "api_key_command", "base_url"})
"""Where a key is found that was put in the wrong place: no message shows what stands there."""


class Config(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole file."""

    default: str | None = None
    """The profile that is used where none is named."""
    profiles: dict[str, ProfileSettings] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveResult:
    """What became of a change."""

    backup: Path | None
    """Where the file as it was is kept, if it had comments: they are lost in the new one."""


def load(path: Path) -> Config:
    """The settings in this file; a missing file sets nothing."""
    return parse(_text(path), path)


def warnings(path: Path, config: Config) -> list[str]:
    """What a person should know about this file."""
    import shlex

    if exposed(path) and any(settings.api_key for settings in config.profiles.values()):
        return [f"{path} holds a key and others can read it; close it with: chmod 600 {shlex.quote(str(path))}"]
    return []


def save(path: Path, change: Callable[[Config], Config]) -> SaveResult:
    """Apply a change to the file as it is now; a file that cannot be read stays as it is."""
    target = Path(os.path.realpath(path))  # a linked file stays a link
    try:
        make_folder(target.parent)
        with locked(target.with_name(f"{target.name}.lock")):
            text = _text(target)
            before = parse(text, target)
            after = change(before)
            if after == before:
                return SaveResult(backup=None)
            content = _written(after, target)
            backup = target.with_name(f"{target.name}.bak") if _has_comments(text) else None
            if backup is not None:
                write_private(backup, text.encode())
            write_private(target, content)
            return SaveResult(backup=backup)
    except OSError as error:
        raise ConfigurationError(f"{target}: cannot be written: {error.strerror or error}") from error


def parse(text: str, path: Path) -> Config:
    """The settings in this text, or what is wrong with it; the path is for the message."""
    document = tomlfile.decode(text, dict, str(path), ConfigurationError)
    _refuse_unknown(document, ("default", "profiles"), path, "")
    default, profiles = document.get("default"), document.get("profiles", {})
    if default is not None and not (isinstance(default, str) and re.fullmatch(NAME, default)):
        _refuse(path, "default", f"the name of a profile: {NAMES}", found=default)
    if not isinstance(profiles, dict):
        _refuse(path, "profiles", "a table for each profile: [profiles.NAME]")
    return Config(default=default, profiles={name: _profile(name, raw, path) for name, raw in profiles.items()})


def _profile(name: str, raw: object, path: Path) -> ProfileSettings:
    place = f"profiles.{name}"
    if not re.fullmatch(NAME, name):
        _refuse(path, "profiles", f"a profile's name: {NAMES}", found=name)
    if not isinstance(raw, dict):
        _refuse(path, place, f"a table: [{place}]")
    _refuse_unknown(raw, ALLOWED, path, f"{place}.")
    if "dialect" not in raw:
        raise ConfigurationError(f'{path}: {place}: needs a dialect, like dialect = "evolink"')
    try:
        settings = msgspec.convert(raw, ProfileSettings, dec_hook=_secret)
        durations.seconds(settings.interval or "0")
    except ValueError as error:  # msgspec's are of that kind, and name the key
        named = re.search(r"at `\$\.(\w+)", str(error))
        key = named[1] if named else "interval"
        _refuse(path, f"{place}.{key}", ALLOWED[key], found=None if key in HIDDEN else raw[key], cause=error)
    return settings


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise TypeError


def _refuse(path: Path, place: str, wanted: str, *, found: object = None, cause: Exception | None = None) -> NoReturn:
    instead = "" if found is None else f", not {found!r:.60}"
    raise ConfigurationError(f"{path}: {place}: wanted is {wanted}{instead}") from cause


def _refuse_unknown(table: dict[str, object], known: Collection[str], path: Path, prefix: str) -> None:
    for name in (name for name in table if name not in known):
        import difflib

        like = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {like[0]}?" if like else f"allowed are {', '.join(known)}"
        raise ConfigurationError(f"{path}: {prefix}{name}: there is no such key; {meant}")


def _text(path: Path) -> str:
    """What the file says; nothing, if it is not there."""
    try:
        return tomlfile.read(path, ConfigurationError)
    except ConfigurationError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return ""
        raise


def _written(config: Config, path: Path) -> bytes:
    """The file that says this, which must be one that can be read again."""
    import tomli_w

    text = tomli_w.dumps(msgspec.to_builtins(config, enc_hook=Secret.reveal))
    parse(text, path)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{path}: a value is not UTF-8 text") from error


def _has_comments(text: str) -> bool:
    return "#" in TEXTS.sub("", text)
