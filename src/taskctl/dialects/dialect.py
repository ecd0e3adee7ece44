"""A dialect, loaded and compiled: what a provider can do, and the pieces that requests are built from."""

import re
import uuid
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from taskctl.dialects.answers import Reader
from taskctl.dialects.expressions import Expression, Finder
from taskctl.dialects.format import Call, Format1, Operation, Upload
from taskctl.dialects.templates import Template, split_request
from taskctl.errors import UsageError
from taskctl.model import Kind

KEYS = uuid.UUID("6f0d7c1e-2f5b-5d0c-9c1a-7a5b3e9d4c21")
"""The UUIDv5 name space of keys that do not fit a provider's pattern; never changes."""
ANY_KEY = "[!-~]{1,255}"
"""Keys that fit wherever a dialect does not say more: in a body, a path or a header."""
ABILITIES = ("query_by_key", "batch", "cancel", "cancel_by_key", "delete", "stream", "list", "upload", "check")


class CompiledCall:
    """One request of the file, ready to be filled in."""

    def __init__(self, call: Call) -> None:
        self.method, self.path = split_request(call.request)
        self.body = Expression(call.body) if call.body else None
        self.headers = {name: Template(text) for name, text in call.headers.items()}
        self.host = call.host.rstrip("/") if call.host else None

    @property
    def names(self) -> frozenset[str]:
        """Every variable it can make use of."""
        written = [self.path.names, *(template.names for template in self.headers.values())]
        return frozenset().union(*written, self.body.names if self.body else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledOperation:
    """A kind of submission, with everything that `[submit]` says for all."""

    name: str | None
    call: CompiledCall
    models: tuple[str, ...]
    prompt: str
    model: str
    acknowledges: Finder
    kind: Kind | None
    every: float

    @property
    def takes_callback(self) -> bool:
        """Whether the provider can be told where to call back."""
        return "callback_url" in self.call.names


class Dialect:
    """A provider's API, as its file describes it."""

    def __init__(self, form: Format1) -> None:
        self.form = form
        self.name = form.name
        self.reader = Reader(form)
        self.query = CompiledCall(form.query)
        self.query_by_key = _compiled(form.query_by_key)
        self.batch = _compiled(form.batch)
        self.cancel = _compiled(form.cancel)
        self.cancel_by_key = _compiled(form.cancel_by_key)
        self.delete = _compiled(form.delete)
        self.stream = _compiled(form.stream)
        self.listing = _compiled(form.listing)
        self.check = _compiled(form.check)
        self.uploads = [CompiledCall(upload) for upload in form.upload]
        self.headers = {name: Template(text) for name, text in form.headers.items()}
        self.operations = {name: _operation(form, name, one) for name, one in form.operations.items()}
        self._submit = _operation(form, None, Operation())

    def operation(self, name: str | None, model: str | None) -> CompiledOperation:
        """The operation that was named, or that the model asks for, or the default.

        Raises:
            UsageError: the provider has none of that name.
        """
        if name is not None:
            if name not in self.operations:
                known = ", ".join(self.operations) or "none that could be named"
                raise UsageError(f"{self.name} has no operation {name!r}", hint=f"it has {known}")
            return self.operations[name]
        for operation in self.operations.values():
            if model and any(fnmatchcase(model.casefold(), glob.casefold()) for glob in operation.models):
                return operation
        return next((self.operations[name] for name, one in self.form.operations.items() if one.default), self._submit)

    def upload_for(self, field: str) -> tuple[Upload, CompiledCall] | None:
        """The upload that takes a file given for this input; None where files go in as data URLs."""
        for upload, call in zip(self.form.upload, self.uploads, strict=True):
            if any(fnmatchcase(field, glob) for glob in upload.fields):
                return upload, call
        return None

    def wire_key(self, key: str) -> str:
        """The key as the provider may have it: as it is, or as its UUIDv5 where it does not fit."""
        if re.fullmatch(self.form.submit.key_pattern or ANY_KEY, key):
            return key
        return str(uuid.uuid5(KEYS, key.encode(errors="backslashreplace").decode()))

    @cached_property
    def abilities(self) -> frozenset[str]:
        """What the provider can do beyond submit and query."""
        able = {name for name in ABILITIES if getattr(self.form, "listing" if name == "list" else name)}
        return frozenset(able | {"callback"} if self._any_operation_takes_callback else able)

    @property
    def _any_operation_takes_callback(self) -> bool:
        return any(operation.takes_callback for operation in (self._submit, *self.operations.values()))


def _compiled(call: Call | None) -> CompiledCall | None:
    return CompiledCall(call) if call else None


def _operation(form: Format1, name: str | None, one: Operation) -> CompiledOperation:
    submit = form.submit
    written = Call(
        request=one.request or submit.request,
        body=one.body or submit.body,
        headers=submit.headers if one.headers is None else one.headers,
        host=submit.host,
    )
    return CompiledOperation(
        name=name,
        call=CompiledCall(written),
        models=tuple(one.models),
        prompt=one.prompt or submit.prompt,
        model=one.model or submit.model,
        acknowledges=Finder(one.id or submit.id or form.task.id),
        kind=Kind(one.kind) if one.kind else None,
        every=one.every or form.poll.every,
    )
