"""A dialect spoken at a base URL: every request it can make, and what its answers mean. No I/O."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import unquote, urljoin, urlsplit

from taskctl.dialects import values
from taskctl.dialects.dialect import CompiledCall, CompiledOperation, Dialect
from taskctl.dialects.expressions import ExpressionError
from taskctl.dialects.messages import FileRequest, Request
from taskctl.dialects.templates import Template
from taskctl.errors import CredentialsError, DialectError, Unsupported, UsageError
from taskctl.model import Output, Report
from taskctl.secret import Secret

_HEADER = re.compile("[ -~]*")
"""What a header can carry whole and unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to have made."""

    operation: CompiledOperation
    model: str | None
    input: dict[str, object] = field(default_factory=dict)
    key: str
    callback_url: str | None = None


class Site:
    """One provider at one address."""

    def __init__(self, dialect: Dialect, base_url: str) -> None:
        self.dialect = dialect
        self.base_url = base_url.rstrip("/")
        self._own = self.base_url == dialect.form.base_url.rstrip("/")

    def submit(self, order: Order) -> Request:
        """The request that starts a task.

        Raises:
            UsageError: the provider needs a model, or takes none. Unsupported: it cannot call back, or the body is
                too large for it.
        """
        operation, name = order.operation, self.dialect.name
        if operation.model == "required" and not order.model:
            raise UsageError(f"{name} needs a model", hint="name it with -m, or set it in the profile")
        if operation.model == "none" and order.model:
            raise UsageError(f"{name} takes no model, and {order.model!r} was given", hint="leave -m out")
        if order.callback_url and not operation.takes_callback:
            raise self._cannot("call back", "leave --callback-url out")
        variables = {
            "model": order.model,
            "operation": operation.name,
            "key": self.dialect.wire_key(order.key),
            "callback_url": order.callback_url,
        }
        request = self._request(operation.call, variables, {"input": order.input})
        most, size = self.dialect.form.submit.max_body, len(request.body or b"")
        if most is not None and size > most:
            raise Unsupported(
                f"{name} takes requests of {most} bytes at most, and this one has {size}",
                hint="host large files elsewhere and give their URLs",
            )
        return request

    def query(self, id_: str) -> Request:
        """The request that looks at a task."""
        return self._about(self.dialect.query, id_)

    def query_by_key(self, key: str) -> Request:
        """The request that finds the task submitted with this key."""
        return self._by_key(self._able(self.dialect.query_by_key, "find a task by its key"), key)

    def batch(self, ids: list[str]) -> Request:
        """The request that looks at many tasks."""
        return self._request(self._able(self.dialect.batch, "look at many tasks at once"), {}, {"ids": ids})

    def cancel(self, id_: str | None, key: str | None) -> Request:
        """The request that stops a task, by its id or, where it has none yet, by its key."""
        if id_ is not None:
            return self._about(self._able(self.dialect.cancel, "cancel"), id_)
        self._able(self.dialect.cancel or self.dialect.cancel_by_key, "cancel")
        call = self._able(self.dialect.cancel_by_key, "cancel a task whose id is not known")
        if key is None:
            raise UsageError("there is neither an id nor a key to cancel by")
        return self._by_key(call, key)

    def delete(self, id_: str) -> Request:
        """The request that removes a task and its files."""
        return self._about(self._able(self.dialect.delete, "delete"), id_)

    def stream(self, id_: str) -> Request:
        """The request that follows a task by server-sent events."""
        request = self._about(self._able(self.dialect.stream, "stream"), id_)
        return replace(request, headers={**request.headers, "Accept": "text/event-stream"})

    def listing(self, page: int, cursor: str | None) -> Request:
        """The request for one page of the provider's own list, counted as the provider counts."""
        call, form = self._able(self.dialect.listing, "list its tasks"), self.dialect.form.listing
        size, first = (form.page_size, form.first_page) if form else (0, 0)
        numbers = {"page": page, "page_size": size, "offset": (page - first) * size}
        return self._request(call, {**{name: str(one) for name, one in numbers.items()}, "cursor": cursor}, numbers)

    def check(self) -> Request:
        """The cheapest request that proves a key."""
        return self._request(self._able(self.dialect.check, "be checked"), {})

    def upload(self, call: CompiledCall, part: str, path: str) -> FileRequest:
        """The request that sends a file."""
        made = self._request(call, {})
        return FileRequest(method=made.method, url=made.url, headers=made.headers, part=part, path=path)

    def key_headers(self, url: str, key: Secret | None, *, written_as: str | None = None) -> dict[str, str]:
        """The headers that hold the key, for this URL: none unless it is on a host that the key was given for.

        `written_as` stands for the key where somebody is shown the request instead of sending it.

        Raises:
            CredentialsError: the provider needs a key and there is none.
        """
        form = self.dialect.form
        if not self._may_have_key(url):
            return {}
        value = written_as or (key.reveal() if key else None)
        if value is None and form.key == "required":
            raise CredentialsError(f"there is no key for {self.dialect.name}", hint=f"set {form.key_env}")
        if value is not None and not _HEADER.fullmatch(value):
            raise CredentialsError(f"the key for {self.dialect.name} holds a character that no header can carry")
        filled = {name: template.plain({"api_key": value}) for name, template in self.dialect.headers.items()}
        return {name: text for name, text in filled.items() if text is not None}

    def _may_have_key(self, url: str) -> bool:
        try:
            return origin(url) in self._keyed
        except ValueError:
            return False

    @cached_property
    def _keyed(self) -> frozenset[tuple[str, str, int]]:
        """The origins that the key was given for."""
        return frozenset(origin(host) for host in (self.base_url, *(self.dialect.form.hosts if self._own else ())))

    def resolved(self, report: Report) -> Report:
        """The report with absolute URLs."""
        if not report.outputs:
            return report
        return replace(report, outputs=tuple(self._absolute(output) for output in report.outputs))

    def fallback_url(self, output: Output, id_: str) -> str | None:
        """Another address of the same file, which wants the key; None where the provider has none."""
        return self._route(self.dialect.form.download.fallback, output, id_)

    def stream_url(self, output: Output, id_: str) -> str | None:
        """The address from which a player can play this output; None where it is the output's own."""
        return self._route(self.dialect.form.download.stream, output, id_)

    def _route(self, template: str | None, output: Output, id_: str) -> str | None:
        if template is None or output.url is None:
            return None
        try:
            file = unquote(urlsplit(output.url).path.rpartition("/")[2])
            return self.base_url + Template(template).path({"id": id_, "file": file})
        except ValueError:  # a name that leads elsewhere: there is no such route
            return None

    def _absolute(self, output: Output) -> Output:
        url, rebase = output.url, self.dialect.form.download.rebase
        if url is None:
            return output
        try:
            parts = urlsplit(url)
            belongs = rebase is not None and parts.path.startswith(rebase) and parts.scheme in ("", "http", "https")
            query = f"?{parts.query}" if parts.query else ""
            absolute = f"{self.base_url}{parts.path}{query}" if belongs else urljoin(f"{self.base_url}/", url)
        except ValueError:  # shown as it is; whoever fetches it will say that it is no URL
            return output
        return replace(output, url=absolute)

    def _able(self, call: CompiledCall | None, verb: str) -> CompiledCall:
        if call is None:
            raise self._cannot(verb)
        return call

    def _cannot(self, verb: str, hint: str | None = None) -> Unsupported:
        return Unsupported(f"{self.dialect.name} cannot {verb}", hint=hint)

    def _about(self, call: CompiledCall, id_: str) -> Request:
        if values.identifier(id_) != id_:
            raise UsageError(f"{id_!r} is no id of a task")
        return self._request(call, {"id": id_})

    def _by_key(self, call: CompiledCall, key: str) -> Request:
        return self._request(call, {"key": self.dialect.wire_key(key)})

    def _request(
        self, call: CompiledCall, variables: Mapping[str, str | None], scope: Mapping[str, object] | None = None
    ) -> Request:
        """The call, filled in. What a dialect wrote wrongly is its error, what cannot be written is the caller's."""
        try:
            url = (call.host if call.host and self._own else self.base_url) + call.path.path(variables)
            filled = {name: template.plain(variables) for name, template in call.headers.items()}
            headers = {name: _header(name, text) for name, text in filled.items() if text is not None}
            made = call.body.build({**variables, **(scope or {})}) if call.body else None
        except ExpressionError as problem:
            raise DialectError(f"{self.dialect.name}: {problem}") from problem
        except ValueError as problem:
            raise UsageError(f"{self.dialect.name}: {problem}") from problem
        if call.body is None:
            return Request(method=call.method, url=url, headers=headers)
        headers["Content-Type"] = "application/json"
        return Request(method=call.method, url=url, headers=headers, body=self._written(made))

    def _written(self, made: object) -> bytes:
        try:
            return json.dumps(made, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except TypeError as problem:
            raise DialectError(f"{self.dialect.name}: the body is no JSON: {problem}") from problem
        except (ValueError, RecursionError) as problem:
            raise UsageError(f"{self.dialect.name}: the input cannot be written as JSON: {problem}") from problem


def _header(name: str, text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueError(f"{text!r} cannot be sent as the header {name}")
    return text


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    if "\\" in parts.netloc:
        raise ValueError(f"{url!r} means one host to some and another to others")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


def new_key() -> str:
    """A key for one intended submission."""
    return str(uuid.uuid4())
