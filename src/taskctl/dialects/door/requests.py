"""The requests of a dialect: paths, headers, bodies, and the variables that each may use."""

import re
from collections.abc import Iterator, Mapping

from taskctl.dialects.door.heading import HEADER, doubles
from taskctl.dialects.door.reading import wrong_expression
from taskctl.dialects.expressions import Expression, ExpressionError
from taskctl.dialects.format import Call, Format1, Operation
from taskctl.dialects.templates import Template, split_request

_SUBMIT = frozenset({"model", "operation", "key", "callback_url"})
_LIST = frozenset({"page", "page_size", "offset", "cursor"})
_ID, _KEY, _NONE = frozenset({"id"}), frozenset({"key"}), frozenset[str]()
VARIABLES = {
    "query": _ID,
    "query_by_key": _KEY,
    "batch": _NONE,
    "cancel": _ID,
    "cancel_by_key": _KEY,
    "delete": _ID,
    "stream": _ID,
    "listing": _LIST,
    "check": _NONE,
}
"""What each request but the submit and the uploads may fill in."""
_VALUE = re.compile(r"[ -~]*")
_OURS = ("host", "connection", "content-length", "content-type", "transfer-encoding")
_UUID = "123e4567-e89b-52d3-a456-426614174000"


def problems(form: Format1) -> Iterator[str]:
    """What is wrong with its requests."""
    yield from _wrong_headers("headers", form.headers, frozenset({"api_key"}))
    yield from _wrong_submit(form)
    for name, allowed in VARIABLES.items():
        call: Call | None = getattr(form, name)
        shown = "list" if name == "listing" else name
        if call is not None:
            in_body = frozenset({"ids"}) if name == "batch" else allowed
            wrong = list(_wrong_call(form, shown, call, allowed, in_body))
            yield from wrong
            needed = in_body - _LIST
            if needed and not wrong and not needed & _mentioned(call):
                yield f"{shown}: nothing in it names the task; use {_braced(in_body)} in the request or its body"
    yield from _wrong_paging(form)
    yield from _wrong_uploads(form)
    yield from _wrong_download(form)


def _wrong_submit(form: Format1) -> Iterator[str]:
    yield from _wrong_call(form, "submit", form.submit, _SUBMIT, _SUBMIT | {"input"})
    operations = form.operations or {"": Operation()}
    for name, one in form.operations.items():
        where = f"operations.{name}"
        if one.request is not None:
            yield from _wrong_request(f"{where}.request", one.request, _SUBMIT)
        if one.headers is not None:
            yield from _wrong_headers(f"{where}.headers", one.headers, _SUBMIT, form.headers)
        if one.body is not None:
            yield from _wrong_body(f"{where}.body", one.body, _SUBMIT | {"input"})
    for name, one in operations.items():
        where = f"operations.{name}" if name else "submit"
        headers = form.submit.headers if one.headers is None else one.headers
        call = Call(request=one.request or form.submit.request, body=one.body or form.submit.body, headers=headers)
        if form.submit.idempotency != "none" and "key" not in _mentioned(call):
            yield f"{where}: idempotency {form.submit.idempotency!r} needs the key in the request, body or headers"
        needed = _needed(call.request)
        if "model" in needed and (one.model or form.submit.model) != "required":
            yield f'{where}.model: must be "required", since the path holds {{model}}'
        if "operation" in needed and not name:
            yield "submit.request: {operation} needs at least one [operations.NAME]"
        if "callback_url" in needed:
            yield f"{where}.request: {{callback_url}} may be missing; it can stand behind the '?' alone"
    yield from _wrong_pattern(form)


def _wrong_pattern(form: Format1) -> Iterator[str]:
    pattern = form.submit.key_pattern
    if pattern is None:
        return
    try:
        if not re.fullmatch(pattern, _UUID):
            yield f"submit.key_pattern: {pattern!r} must admit a UUID, which stands for keys that do not fit"
    except (re.error, RecursionError) as problem:
        yield f"submit.key_pattern: {pattern!r} is no regular expression: {problem}"


def _wrong_call(
    form: Format1, name: str, call: Call, allowed: frozenset[str], in_body: frozenset[str]
) -> Iterator[str]:
    yield from _wrong_request(f"{name}.request", call.request, allowed)
    yield from _wrong_headers(f"{name}.headers", call.headers, allowed, form.headers)
    if call.host is not None and call.host.rstrip("/") not in {host.rstrip("/") for host in form.hosts}:
        yield f"{name}.host: {call.host!r} is not one of `hosts`, so it would not get the key"
    if call.body is not None:
        yield from _wrong_body(f"{name}.body", call.body, in_body)
        if call.request.startswith("GET "):
            yield f"{name}.body: a GET carries none"


def _wrong_request(key: str, text: str, allowed: frozenset[str]) -> Iterator[str]:
    try:
        unknown = sorted(split_request(text)[1].names - allowed)
    except ExpressionError as problem:
        yield f"{key}: {problem}"
    else:
        yield from (f"{key}: {{{one}}} is not one of {_braced(allowed)}" for one in unknown)


def _wrong_headers(
    key: str, headers: Mapping[str, str], allowed: frozenset[str], general: Mapping[str, str] | None = None
) -> Iterator[str]:
    seen = {name.lower() for name in general or {}}
    for header, text in headers.items():
        where = f"{key}.{header}"
        if not HEADER.fullmatch(header):
            yield f"{where}: {header!r} is no name of a header"
        if header.lower() in _OURS:
            yield f"{where}: taskctl writes this header itself"
        if header.lower() in seen:
            yield f"{where}: stands there twice; case does not count, and [headers] go with every request"
        seen.add(header.lower())
        if not _VALUE.fullmatch(text):
            yield f"{where}: {text!r} holds a line break or something else that no header can carry"
        try:
            unknown = sorted(Template(text).names - allowed)
        except ExpressionError as problem:
            yield f"{where}: {problem}"
        else:
            yield from (f"{where}: {{{one}}} is not one of {_braced(allowed)}" for one in unknown)


def _wrong_body(key: str, text: str, allowed: frozenset[str]) -> Iterator[str]:
    wrong = list(wrong_expression(key, text))
    yield from wrong
    if not wrong:
        unknown = sorted(Expression(text).names - allowed)
        known = ", ".join(sorted(allowed)) or "no variable at all"
        yield from (f"{key}: `{one}` is not one of {known}" for one in unknown)


def _wrong_paging(form: Format1) -> Iterator[str]:
    if form.listing is None:
        return
    asks = "cursor" in _mentioned(form.listing)
    if asks != (form.listing.next is not None):
        yield "list.next: {cursor} in the request and the expression `next` need each other"
    if "cursor" in _needed(form.listing.request):
        yield "list.request: {cursor} may be missing; it can stand behind the '?' alone"


def _wrong_uploads(form: Format1) -> Iterator[str]:
    for place, upload in enumerate(form.upload):
        yield from _wrong_call(form, f"upload[{place}]", upload, _NONE, _NONE)
        if not upload.fields:
            yield f"upload[{place}].fields: is empty; name the inputs that may hold a file"
        if upload.body is not None:
            yield f"upload[{place}].body: an upload sends the file alone"
        if not _VALUE.fullmatch(upload.part) or not upload.part or '"' in upload.part:
            yield f"upload[{place}].part: {upload.part!r} is no name of a part of a form"
    fields = [field for upload in form.upload for field in upload.fields]
    yield from (f"upload: {field!r} stands in `fields` twice" for field in doubles(fields))


def _wrong_download(form: Format1) -> Iterator[str]:
    rebase = form.download.rebase
    if rebase is not None and not (rebase.startswith("/") and rebase.endswith("/")):
        yield f"download.rebase: {rebase!r} is no beginning of a path, like /files/"
    written = _members(form.task.outputs) | _members(form.task.outputs_else)
    for key, allowed in (("url", _ID | written), ("fallback", _ID | {"file"}), ("stream", _ID | {"file"})):
        text: str | None = getattr(form.download, key)
        if text is not None:
            wrong = _wrong_request(f"download.{key}", f"GET {text}", allowed)
            yield from (problem.replace("'GET ", "'") for problem in wrong)


def _members(texts: str | list[str]) -> frozenset[str]:
    """The members of the items that these expressions build."""
    found: set[str] = set()
    for text in [texts] if isinstance(texts, str) else texts:
        if not list(wrong_expression("", text)):
            found |= Expression(text).members
    return frozenset(found)


def _mentioned(call: Call) -> frozenset[str]:
    """The variables that this request makes use of; nothing where it is wrong, which is told elsewhere."""
    written = frozenset(re.findall(r"\{([a-z_]+)\}", " ".join([call.request, *call.headers.values()])))
    body = call.body is not None and not list(wrong_expression("", call.body)) and Expression(call.body).names
    return written | (body or frozenset())


def _needed(request: str) -> frozenset[str]:
    try:
        return split_request(request)[1].needed
    except ExpressionError:
        return frozenset()


def _braced(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "no variable at all"
