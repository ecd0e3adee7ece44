"""The smallest dialect there is, to be changed by a test in one place."""

import json
from functools import cache

from taskctl.dialects.dialect import Dialect
from taskctl.dialects.load import parse
from taskctl.dialects.messages import Answer
from taskctl.dialects.site import Site

SMALL = """
format = 1
name = "small"
title = "Small"
base_url = "https://api.small.example"
key_env = "SMALL_API_KEY"

[headers]
Authorization = "Bearer {api_key}"

[submit]
request = "POST /v1/jobs"
body = "{model: model, input: input}"

[query]
request = "GET /v1/jobs/{id}"

[task]
id = "id"
state = "status"
outputs = "outputs"
error = "error"

[states]
queued = ["waiting"]
running = ["working"]
completed = ["done"]
failed = ["broken"]

[problem]
message = "error.message"
code = "error.code"
"""


@cache
def small(*changes: tuple[str, str]) -> Dialect:
    """The small dialect with some of its text replaced, or with more text at its end: `("", text)`."""
    return parse(text(*changes), "small.toml")


def text(*changes: tuple[str, str]) -> str:
    written = SMALL
    for old, new in changes:
        assert old in written, old
        written = written.replace(old, new, 1) if old else f"{written}\n{new}\n"
    return written


def site(*changes: tuple[str, str]) -> Site:
    dialect = small(*changes)
    return Site(dialect, dialect.form.base_url)


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer of this JSON, text or bytes."""
    content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return Answer(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=content
    )
