"""Finds dialect files, shipped and the user's own, and refuses a wrong one at the door."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from taskctl import durations, tomlfile
from taskctl.dialects.dialect import CompiledCall, Dialect
from taskctl.dialects.expressions import Expression, ExpressionError
from taskctl.dialects.format import Call, Format1
from taskctl.dialects.templates import Template, split_request
from taskctl.errors import DialectError
from taskctl.model import Kind, State

_VARIABLES = {
    "submit": {"model", "operation", "key", "callback_url"},
    "operations": {"model", "operation", "key", "callback_url"},
    "query": {"id"},
    "query_by_key": {"key"},
    "batch": set(),
    "cancel": {"id"},
    "cancel_by_key": {"key"},
    "delete": {"id"},
    "stream": {"id"},
    "list": {"page", "page_size", "cursor"},
    "upload": set(),
    "check": set(),
}
_STATES = [state for state in State if state not in (State.UNKNOWN, State.UNCONFIRMED)]


class Dialects:
    """Every dialect there is: the shipped ones and those in the user's folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._loaded: dict[str, Dialect] = {}

    def names(self) -> list[str]:
        """The names of all dialects, shipped ones first."""
        return [*shipped(), *sorted(self._own())]

    def get(self, name: str) -> Dialect:
        """The dialect of that name.

        Raises:
            DialectError: there is none, or its file is wrong.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Dialect:
        if name in shipped():
            source = resources.files(__package__) / "shipped" / f"{name}.toml"
            return parse(source.read_text("utf-8"), f"{name}.toml")
        if name not in self._own():
            known = ", ".join(self.names())
            raise DialectError(f"there is no dialect {name!r}", hint=f"known are {known}")
        path = self._own()[name]
        dialect = load(path)
        if dialect.name != name:
            raise DialectError(f"{path}: name: {dialect.name!r} must be the file's own name, {name!r}")
        for taken in shipped():
            if dialect.form.key_env is not None and dialect.form.key_env == self.get(taken).form.key_env:
                raise DialectError(f"{path}: key_env: {dialect.form.key_env!r} belongs to the shipped dialect {taken!r}")
        return dialect

    def _own(self) -> dict[str, Path]:
        if self._folder is None or not self._folder.is_dir():
            return {}
        return {path.stem: path for path in self._folder.glob("*.toml") if path.stem not in shipped()}


@cache
def shipped() -> tuple[str, ...]:
    """The names of the dialects that come with taskctl."""
    folder = resources.files(__package__) / "shipped"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load(path: Path) -> Dialect:
    """The dialect in this file.

    Raises:
        DialectError: it is wrong; the message holds file, key, value and what is allowed.
    """
    return parse(tomlfile.read(path, DialectError), str(path))


def parse(text: str, where: str) -> Dialect:
    """The dialect that this text describes; `where` is what messages call it."""
    form = tomlfile.decode(text, Format1, where, DialectError)
    for problem in _problems(form):
        raise DialectError(f"{where}: {problem}")
    try:
        return Dialect(form)
    except ExpressionError as problem:
        raise DialectError(f"{where}: {problem}") from problem


def _problems(form: Format1) -> Iterator[str]:
    """Everything that the types alone cannot tell, each as `key: value and what is allowed`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", form.name):
        yield f"name: {form.name!r} may hold small letters, digits, dots, hyphens and underscores"
    if urlsplit(form.base_url).scheme not in ("http", "https") or not urlsplit(form.base_url).hostname:
        yield f"base_url: {form.base_url!r} is no http or https URL"
    for place, host in enumerate(form.hosts):
        if urlsplit(host).scheme != "https":
            yield f"hosts[{place}]: {host!r} is no https URL"
    if form.key == "required" and not form.key_env:
        yield "key_env: a required key needs the name of its environment variable"
    if form.links_live is not None:
        yield from _wrong_duration("links_live", form.links_live)
    if form.submit.key_lives is not None:
        yield from _wrong_duration("submit.key_lives", form.submit.key_lives)
    yield from _wrong_headers("headers", form.headers, {"api_key"})
    yield from _wrong_states(form)
    yield from _wrong_operations(form)
    for name, call in _calls(form):
        yield from _wrong_call(name, call)
    yield from _wrong_expressions(form)
    if form.submit.idempotency != "none" and "key" not in CompiledCall(form.submit).names:
        yield f"submit.idempotency: {form.submit.idempotency!r} needs a {{key}} in the request, its body or its headers"


def _calls(form: Format1) -> Iterator[tuple[str, Call]]:
    for name in _VARIABLES:
        if name == "operations":
            for own, one in form.operations.items():
                request, body = one.request or form.submit.request, one.body or form.submit.body
                headers = form.submit.headers if one.headers is None else one.headers
                yield f"operations.{own}", Call(request=request, body=body, headers=headers)
        elif name == "upload":
            yield from ((f"upload[{place}]", upload) for place, upload in enumerate(form.upload))
        elif (call := getattr(form, "listing" if name == "list" else name)) is not None:
            yield name, call


def _wrong_call(name: str, call: Call) -> Iterator[str]:
    allowed = _VARIABLES[re.split(r"[.\[]", name)[0]]
    try:
        path = split_request(call.request)[1]
    except ExpressionError as problem:
        yield f"{name}.request: {problem}"
        return
    for unknown in sorted(path.names - allowed):
        yield f"{name}.request: {{{unknown}}} is not one of {_braced(allowed)}"
    yield from _wrong_headers(f"{name}.headers", call.headers, allowed)
    if call.host is not None and urlsplit(call.host).scheme != "https":
        yield f"{name}.host: {call.host!r} is no https URL"
    if call.body is not None:
        yield from _wrong_expression(f"{name}.body", call.body)


def _wrong_headers(name: str, headers: dict[str, str], allowed: set[str]) -> Iterator[str]:
    for header, text in headers.items():
        try:
            unknown = sorted(Template(text).names - allowed)
        except ExpressionError as problem:
            yield f"{name}.{header}: {problem}"
            continue
        yield from (f"{name}.{header}: {{{one}}} is not one of {_braced(allowed)}" for one in unknown)


def _wrong_states(form: Format1) -> Iterator[str]:
    seen: dict[str, str] = {}
    for ours, words in form.states.items():
        if ours not in _STATES:
            yield f"states.{ours}: {ours!r} is not one of {', '.join(_STATES)}"
        for word in words:
            if (other := seen.setdefault(word.casefold(), ours)) != ours:
                yield f"states.{ours}: {word!r} stands under {other!r} too"
    yield from (f"states.{needed}: a dialect must say what this is" for needed in ("completed", "failed") if needed not in form.states)


def _wrong_operations(form: Format1) -> Iterator[str]:
    defaults = [name for name, one in form.operations.items() if one.default]
    if form.operations and len(defaults) != 1:
        yield f"operations: {len(defaults)} of them say `default = true`; one must"
    for name, one in form.operations.items():
        if one.kind is not None and one.kind not in set(Kind):
            yield f"operations.{name}.kind: {one.kind!r} is not one of {', '.join(Kind)}"


def _wrong_expressions(form: Format1) -> Iterator[str]:
    for table, fields in (("task", form.task), ("problem", form.problem)):
        for key in fields.__struct_fields__:
            value = getattr(fields, key)
            if table == "problem" and key not in ("ok", "message", "code"):
                continue
            for text in [value] if isinstance(value, str) else value or []:
                yield from _wrong_expression(f"{table}.{key}", text)
    for name, text in (
        ("batch.items", form.batch and form.batch.items),
        ("list.items", form.listing and form.listing.items),
        ("list.total", form.listing and form.listing.total),
        ("list.next", form.listing and form.listing.next),
        ("check.models", form.check and form.check.models),
        ("check.balance", form.check and form.check.balance),
        *((f"upload[{place}].value", upload.value) for place, upload in enumerate(form.upload)),
    ):
        if text:
            yield from _wrong_expression(name, text)
    if not form.task.id:
        yield "task.id: a dialect must say where the id is"
    if not form.task.state:
        yield "task.state: a dialect must say where the state is"


def _wrong_expression(name: str, text: str) -> Iterator[str]:
    try:
        Expression(text)
    except ExpressionError as problem:
        yield f"{name}: {problem}"


def _wrong_duration(name: str, text: str) -> Iterator[str]:
    try:
        durations.seconds(text)
    except ValueError as problem:
        yield f"{name}: {problem}"


def _braced(names: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "no variable at all"
