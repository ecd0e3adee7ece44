"""What a dialect says of itself: names, addresses, key, states, operations, numbers."""

import re
from collections.abc import Iterator
from math import isfinite
from urllib.parse import urlsplit

from taskctl import durations
from taskctl.dialects.format import Format1
from taskctl.model import Kind, State

STATES = [state for state in State if state not in (State.UNKNOWN, State.UNCONFIRMED)]
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The name of a header, as RFC 9110 allows it."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NAMES = "small letters, digits, dots, hyphens and underscores"
_PLAIN = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII without blanks and backslashes, which some read as slashes."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


def problems(form: Format1) -> Iterator[str]:
    """What is wrong with what it says of itself."""
    yield from _wrong_names(form)
    yield from _wrong_addresses(form)
    yield from _wrong_key(form)
    yield from _wrong_states(form)
    yield from _wrong_operations(form)
    yield from _wrong_spans(form)
    yield from _wrong_counts(form)


def is_address(url: str, *schemes: str) -> bool:
    """Whether this is a URL of one of these schemes, with a host and without user, query and fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    bare = not parts.query and not parts.fragment and "@" not in parts.netloc and port != 0
    return parts.scheme in schemes and bool(parts.hostname) and bare and bool(_PLAIN.fullmatch(url))


def doubles(words: list[str]) -> list[str]:
    """The words that stand there more than once."""
    return sorted({word for word in words if words.count(word) > 1})


def _wrong_names(form: Format1) -> Iterator[str]:
    if not _NAME.fullmatch(form.name):
        yield f"name: {form.name!r} may hold {_NAMES}"
    yield from (f"{key}: is empty" for key, said in (("title", form.title), ("unit", form.unit)) if not said.strip())
    for name in form.operations:
        if not _NAME.fullmatch(name):
            yield f"operations.{name}: {name!r} may hold {_NAMES}"


def _wrong_addresses(form: Format1) -> Iterator[str]:
    if not is_address(form.base_url, "http", "https"):
        yield f"base_url: {form.base_url!r} is no http or https URL without user, query and fragment"
    if form.docs is not None and not is_address(form.docs, "http", "https"):
        yield f"docs: {form.docs!r} is no http or https URL"
    for place, host in enumerate(form.hosts):
        if not is_address(host, "https") or urlsplit(host).path.strip("/"):
            yield f"hosts[{place}]: {host!r} is no https URL without a path"
    yield from (f"hosts: {host!r} stands there twice" for host in doubles(form.hosts))


def _wrong_key(form: Format1) -> Iterator[str]:
    carried = any("{api_key}" in text for text in form.headers.values())
    if form.key == "required" and form.key_env is None:
        yield "key_env: a required key needs the name of its environment variable"
    if form.key_env is not None and not _VARIABLE.fullmatch(form.key_env):
        yield f"key_env: {form.key_env!r} may hold capitals, digits and underscores"
    if form.key != "none" and not carried:
        yield f'headers: none holds {{api_key}}, though the key is "{form.key}"'
    if form.key_env is not None and form.key_env.startswith("TASKCTL_"):
        yield f"key_env: {form.key_env!r} is one of taskctl's own variables; a provider has one of its own"
    if form.key == "none" and (carried or form.key_env is not None):
        yield 'key: "none" contradicts key_env and {api_key}'


def _wrong_states(form: Format1) -> Iterator[str]:
    seen: dict[str, str] = {}
    for ours, words in form.states.items():
        if ours not in STATES:
            yield f"states.{ours}: {ours!r} is not one of {', '.join(STATES)}"
        for word in words:
            if not word or word != word.strip():
                yield f"states.{ours}: {word!r} is empty or has blanks around it; no answer is read so"
            if word.casefold() in seen:
                yield f"states.{ours}: {word!r} stands under {seen[word.casefold()]!r} already; case does not count"
            seen.setdefault(word.casefold(), ours)
    for needed in ("completed", "failed"):
        if not form.states.get(needed):
            yield f"states.{needed}: a dialect must say which words mean this"


def _wrong_operations(form: Format1) -> Iterator[str]:
    defaults = [name for name, one in form.operations.items() if one.default]
    if form.operations and len(defaults) != 1:
        yield f"operations: {len(defaults)} of them say `default = true`; one must"
    seen: dict[str, str] = {}
    for name, one in form.operations.items():
        if one.kind is not None and one.kind not in set(Kind):
            yield f"operations.{name}.kind: {one.kind!r} is not one of {', '.join(Kind)}"
        if one.models and (one.model or form.submit.model) == "none":
            yield f'operations.{name}.models: nobody names a model where model is "none"'
        yield from (f"operations.{name}.models: {glob!r} stands there twice" for glob in doubles(one.models))
        for glob in one.models:
            if (other := seen.setdefault(glob.casefold(), name)) != name:
                yield f"operations.{name}.models: {glob!r} stands under {other!r} already, which is asked first"


def _wrong_spans(form: Format1) -> Iterator[str]:
    for key, text in (("links_live", form.links_live), ("submit.key_lives", form.submit.key_lives)):
        if text is not None:
            try:
                durations.seconds(text)
            except ValueError as problem:
                yield f"{key}: {problem}"
    paces = [("poll", form.poll.every), *((f"operations.{name}", one.every) for name, one in form.operations.items())]
    for key, every in paces:
        if every is not None and not (isfinite(every) and every > 0):
            yield f"{key}.every: {every} is no number of seconds above 0"


def _wrong_counts(form: Format1) -> Iterator[str]:
    counts = [
        ("submit.max_body", form.submit.max_body),
        ("batch.size", form.batch.size if form.batch else None),
        ("list.page_size", form.listing.page_size if form.listing else None),
        *((f"upload[{place}].max_bytes", upload.max_bytes) for place, upload in enumerate(form.upload)),
    ]
    yield from (f"{key}: {count} is not 1 or more" for key, count in counts if count is not None and count < 1)
    if form.listing is not None and form.listing.first_page < 0:
        yield f"list.first_page: {form.listing.first_page} is not 0 or more"
