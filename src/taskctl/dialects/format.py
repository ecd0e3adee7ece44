"""Format 1 of a dialect file: its tables and keys. `docs/dialects.md` explains them to those who write one.

An expression is JMESPath. Where a key takes one expression or a list, scalars take the first that finds
something and `outputs` joins what each finds. Sizes are in bytes, spans of time in seconds, unless they are
texts such as "24h".
"""

from typing import Literal

import msgspec

Expressions = str | list[str]


class Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of the file; a key that it does not name is an error."""


class Call(Table, frozen=True, kw_only=True):
    """One request: `METHOD /path?query` with `{variables}`, a body expression, headers of its own.

    `host` is another origin that serves this path; it is used only while the base URL is the dialect's own.
    """

    request: str
    body: str | None = None
    headers: dict[str, str] = {}
    host: str | None = None


class Operation(Table, frozen=True, kw_only=True):
    """A kind of submission. What it leaves out, `[submit]` says."""

    default: bool = False
    models: list[str] = []
    """Globs, compared without case: a model that matches one goes to this operation."""
    kind: str | None = None
    """What its outputs are, where neither the answer nor the URL tells."""
    prompt: str | None = None
    model: Literal["required", "optional", "none"] | None = None
    request: str | None = None
    body: str | None = None
    headers: dict[str, str] | None = None
    id: Expressions | None = None
    every: float | None = None
    """Seconds between two looks."""


class Submit(Call, frozen=True, kw_only=True):
    """How a task is started, and what the provider is known to do with a repeated key."""

    idempotency: Literal["none", "replay", "existing", "reject"] = "none"
    key_pattern: str | None = None
    key_lives: str | None = None
    """How long the provider remembers a key, where known."""
    prompt: str = "prompt"
    """The input that `-p` fills."""
    model: Literal["required", "optional", "none"] = "required"
    id: Expressions = []
    """Where the acknowledgement holds the id, where `[task]` does not say."""
    max_body: int | None = None
    """Bytes; a larger request is refused before it is sent."""


class Batch(Call, frozen=True, kw_only=True):
    """Many tasks in one request."""

    items: str
    size: int


class Listing(Call, frozen=True, kw_only=True):
    """What the provider knows, page by page: by `{page}` or `{offset}`, `{page_size}`, or by `{cursor}` from `next`."""

    items: str
    total: str | None = None
    next: str | None = None
    first_page: int = 1
    page_size: int = 20
    outputs: bool = True
    """Whether an item tells its outputs as a query does."""


class Upload(Call, frozen=True, kw_only=True):
    """Where the file of an ITEM `name@file` goes, and what takes its place in the input."""

    fields: list[str]
    """Globs of input names; the first upload that matches takes the file."""
    part: str = "file"
    value: str
    max_bytes: int | None = None


class TaskFields(Table, frozen=True, kw_only=True):
    """Where an answer that describes a task holds what."""

    at: Expressions = []
    """Where the task itself is in the answer: the first place that holds an object, or a list; of a list it is the
    object with the id asked for. A list without it means that the provider knows no such task. Where nothing is
    found, it is the whole answer."""
    id: Expressions = []
    key: Expressions = []
    state: Expressions = []
    message: Expressions = []
    model: Expressions = []
    progress: Expressions = []
    can_cancel: Expressions = []
    submitted_at: Expressions = []
    finished_at: Expressions = []
    eta_seconds: Expressions = []
    outputs: Expressions = []
    """URLs as texts, or objects of `url` or `text`, `kind`, `role`, `content_type`, `duration_seconds`, `expires_at`.
    They count once the task is completed."""
    outputs_else: Expressions = []
    """Where outputs may be that `outputs` does not find: read only where that finds none."""
    kind: Expressions = []
    """What its outputs are, where neither they nor their URLs tell."""
    error: Expressions = []
    """A text, or an object with code and message. Errors count unless the task goes on or is completed."""
    error_code: Expressions = []
    error_message: Expressions = []
    cost_estimated: Expressions = []
    cost_final: Expressions = []


class ProblemFields(Table, frozen=True, kw_only=True):
    """How an answer that is not a task is read, and what its codes and messages mean (globs, without case)."""

    ok: str | None = None
    """False where an answer of HTTP 200 is a problem all the same."""
    message: Expressions = []
    code: Expressions = []
    not_found: list[str] = []
    credentials: list[str] = []
    payment: list[str] = []
    conflict: list[str] = []
    busy: list[str] = []
    unavailable: list[str] = []
    """Nobody can say whether the request was carried out; a submission is then unconfirmed."""
    refused: list[str] = []
    reset: str | None = None
    """A header that holds the Unix time at which a limit ends."""
    remaining: str | None = None
    """A header that holds what the limit leaves; while that is above zero, `reset` is not why we were refused."""


class Poll(Table, frozen=True, kw_only=True):
    """How often to look, in seconds."""

    every: float = 5.0


class Download(Table, frozen=True, kw_only=True):
    """How result files are fetched: without the key, unless `auth` says so, and then from our own hosts alone."""

    auth: bool = False
    url: str | None = None
    """Builds the URL of an output that has none from its other members: `/tasks/{id}/{file}`."""
    rebase: str | None = None
    """A URL whose path begins so belongs to the base URL, whatever host it names."""
    fallback: str | None = None
    """Another route to the same file, with the key, for when the URL answers 404: `/download/{id}/{file}`."""
    stream: str | None = None
    """A route that a player can open: `/stream/{id}/{file}`."""


class Check(Call, frozen=True, kw_only=True):
    """The cheapest request that proves a key."""

    models: str | None = None
    balance: str | None = None


class Format1(Table, frozen=True, kw_only=True):
    """A whole dialect file."""

    format: Literal[1]
    name: str
    title: str
    docs: str | None = None
    base_url: str
    key_env: str | None = None
    key: Literal["required", "optional", "none"] = "required"
    hosts: list[str] = []
    links_live: str | None = None
    unit: str = "credits"
    headers: dict[str, str] = {}
    submit: Submit
    operations: dict[str, Operation] = {}
    query: Call
    query_by_key: Call | None = None
    batch: Batch | None = None
    cancel: Call | None = None
    cancel_by_key: Call | None = None
    delete: Call | None = None
    stream: Call | None = None
    listing: Listing | None = msgspec.field(default=None, name="list")
    upload: list[Upload] = []
    task: TaskFields
    states: dict[str, list[str]]
    problem: ProblemFields = ProblemFields()
    poll: Poll = Poll()
    download: Download = Download()
    check: Check | None = None
