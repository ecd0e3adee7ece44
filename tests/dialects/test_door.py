"""What is refused at the door, and with which words."""

import contextlib
import re

import pytest

from taskctl.dialects.load import parse, shipped
from taskctl.errors import DialectError
from tests.dialects.small import SMALL, text

SUBMIT, QUERY, TASK, PROBLEM = "[query]", "[task]", "[states]", "[problem]"
"""Headings before which more keys of the table above them can be put."""
LIST = '\n[list]\nrequest = "GET /v1/jobs?page={page}"\nitems = "jobs"\n'
BATCH = '\n[batch]\nrequest = "POST /v1/some"\nbody = "{ids: ids}"\nitems = "jobs"\nsize = 5\n'
UPLOAD = '\n[[upload]]\nfields = ["*"]\nrequest = "POST /v1/files"\nvalue = "url"\n'

ODD = ['""', '" "', '"{"', '"{x}"', '"é\\n"', "[]", '["", "{"]', "7", "-1", "true", "{}", "1.5", '"\\u0000"', "nan"]


def complaints(*changes: tuple[str, str]) -> list[str]:
    """What the door says about the small dialect after these changes, line by line."""
    try:
        parse(text(*changes), "small.toml")
    except DialectError as refused:
        return [line.removeprefix("small.toml: ") for line in refused.message.splitlines()]
    return []


def added(before: str, more: str) -> tuple[str, str]:
    return before, f"{more}\n{before}"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ([('name = "small"', 'name = "Small One"')], "name: 'Small One' may hold small letters, digits, dots, hyphens"),
        ([('title = "Small"', 'title = " "')], "title: is empty"),
        ([('title = "Small"', 'title = "S"\nunit = ""')], "unit: is empty"),
        ([("https://api.small.example", "api.small.example")], "base_url: 'api.small.example' is no http or https URL"),
        ([("https://api.small.example", "https://[::1")], "base_url: 'https://[::1' is no http or https URL"),
        ([("https://api.small.example", "https://a.example:99999")], "base_url: 'https://a.example:99999' is no"),
        ([("https://api.small.example", "https://k:v@a.example")], "base_url: 'https://k:v@a.example' is no"),
        ([("https://api.small.example", "https://a.example?x=1")], "base_url: 'https://a.example?x=1' is no"),
        ([("https://api.small.example", "https://a.example\\\\@b.example")], "base_url: "),
        ([added("key_env", 'docs = "the manual"')], "docs: 'the manual' is no http or https URL"),
        (
            [added("key_env", 'hosts = ["http://a.example"]')],
            "hosts[0]: 'http://a.example' is no https URL without a path",
        ),
        ([added("key_env", 'hosts = ["https://a.example/x"]')], "hosts[0]: 'https://a.example/x' is no https URL"),
        (
            [added("key_env", 'hosts = ["https://a.example", "https://a.example"]')],
            "hosts: 'https://a.example' stands there twice",
        ),
        ([('key_env = "SMALL_API_KEY"', "")], "key_env: a required key needs the name of its environment variable"),
        ([("SMALL_API_KEY", "small-key")], "key_env: 'small-key' may hold capitals, digits and underscores"),
        ([('Authorization = "Bearer {api_key}"', "")], 'headers: none holds {api_key}, though the key is "required"'),
        ([added("key_env", 'key = "none"')], 'key: "none" contradicts key_env and {api_key}'),
        ([("Bearer {api_key}", "Bearer {api_key} {id}")], "headers.Authorization: {id} is not one of {api_key}"),
        (
            [("Bearer {api_key}", "Bearer {api_key}\\n")],
            "headers.Authorization: 'Bearer {api_key}\\n' holds a line break",
        ),
        ([("Bearer {api_key}", "{api_key} {")], "headers.Authorization: '{api_key} {' holds a brace"),
        ([added("\n[submit]", '\n"X Y" = "1"')], "headers.X Y: 'X Y' is no name of a header"),
        ([added("\n[submit]", '\nhost = "x"')], "headers.host: taskctl writes this header itself"),
        ([added("\n[submit]", '\nauthorization = "x"')], "headers.authorization: stands there twice"),
        ([added(SUBMIT, 'headers = { AUTHORIZATION = "x" }')], "submit.headers.AUTHORIZATION: stands there twice"),
        ([added("key_env", 'links_live = "a day"')], "links_live: 'a day' is not a duration: give seconds (90, 1.5)"),
        ([added(SUBMIT, 'key_lives = "forever"')], "submit.key_lives: 'forever' is not a duration"),
        (
            [('queued = ["waiting"]', 'queue = ["waiting"]')],
            "states.queue: 'queue' is not one of queued, running, completed",
        ),
        ([('queued = ["waiting"]', 'unknown = ["waiting"]')], "states.unknown: 'unknown' is not one of queued"),
        ([('queued = ["waiting"]', 'queued = ["DONE"]')], "states.completed: 'done' stands under 'queued' already"),
        ([('queued = ["waiting"]', 'queued = ["a", "A"]')], "states.queued: 'A' stands under 'queued' already"),
        ([('queued = ["waiting"]', 'queued = [" a"]')], "states.queued: ' a' is empty or has blanks around it"),
        ([('completed = ["done"]', "completed = []")], "states.completed: a dialect must say which words mean this"),
        ([('failed = ["broken"]', "")], "states.failed: a dialect must say which words mean this"),
        ([("", "[operations.a]\n[operations.b]")], "operations: 0 of them say `default = true`; one must"),
        ([("", "[operations.a]\ndefault = true\n[operations.b]\ndefault = true")], "operations: 2 of them say"),
        (
            [("", '[operations.a]\ndefault = true\nkind = "film"')],
            "operations.a.kind: 'film' is not one of video, image",
        ),
        (
            [("", "[operations.a]\ndefault = true\nevery = 0")],
            "operations.a.every: 0.0 is no number of seconds above 0",
        ),
        ([("", '[operations."A b"]\ndefault = true')], "operations.A b: 'A b' may hold small letters"),
        (
            [("", '[operations.a]\ndefault = true\nmodels = ["x*", "x*"]')],
            "operations.a.models: 'x*' stands there twice",
        ),
        (
            [("", '[operations.a]\ndefault = true\nmodels = ["x*"]\n[operations.b]\nmodels = ["X*"]')],
            "operations.b.models: 'X*' stands under 'a' already, which is asked first",
        ),
        (
            [("", '[operations.a]\ndefault = true\nmodels = ["x"]\nmodel = "none"')],
            "operations.a.models: nobody names a model",
        ),
        (
            [("", '[operations.a]\ndefault = true\nrequest = "FETCH /x"')],
            "operations.a.request: 'FETCH /x' is not of the form",
        ),
        (
            [("", '[operations.a]\ndefault = true\nbody = "inputs"')],
            "operations.a.body: `inputs` is not one of callback_url,",
        ),
        (
            [("", '[operations.a]\ndefault = true\nheaders = { X = "{id}" }')],
            "operations.a.headers.X: {id} is not one of",
        ),
        ([("", '[operations.a]\ndefault = true\nid = "a."')], "operations.a.id: 'a.' is not JMESPath"),
        ([("POST /v1/jobs", "/v1/jobs")], "submit.request: '/v1/jobs' is not of the form 'METHOD /path'"),
        (
            [("POST /v1/jobs", "POST /v1/{id}")],
            "submit.request: {id} is not one of {callback_url}, {key}, {model}, {operation}",
        ),
        (
            [("POST /v1/jobs", "POST /v1/{operation}")],
            "submit.request: {operation} needs at least one [operations.NAME]",
        ),
        ([("POST /v1/jobs", "POST /v1/{callback_url}")], "submit.request: {callback_url} may be missing"),
        (
            [("POST /v1/jobs", "POST /v1/{model}"), added(SUBMIT, 'model = "optional"')],
            'submit.model: must be "required", since',
        ),
        ([("POST /v1/jobs", "GET /v1/jobs")], "submit.body: a GET carries none"),
        (
            [("{model: model, input: input}", "{model: modle}")],
            "submit.body: `modle` is not one of callback_url, input, key",
        ),
        ([("{model: model, input: input}", "{model: model")], "submit.body: '{model: model' is not JMESPath"),
        (
            [("{model: model, input: input}", "&input")],
            "submit.body: '&input': an expression with & in front is for functions alone",
        ),
        (
            [("{model: model, input: input}", "mrege(input)")],
            "submit.body: 'mrege(input)': there is no function mrege()",
        ),
        (
            [added(SUBMIT, 'idempotency = "existing"')],
            "submit: idempotency 'existing' needs the key in the request, body or",
        ),
        ([added(SUBMIT, 'key_pattern = "["')], "submit.key_pattern: '[' is no regular expression"),
        ([added(SUBMIT, 'key_pattern = "[a-z]{8}"')], "submit.key_pattern: '[a-z]{8}' must admit a UUID"),
        ([added(SUBMIT, "max_body = 0")], "submit.max_body: 0 is not 1 or more"),
        ([added(SUBMIT, 'id = "length("')], "submit.id: 'length(' is not JMESPath"),
        (
            [added(SUBMIT, 'host = "https://files.example"')],
            "submit.host: 'https://files.example' is not one of `hosts`",
        ),
        (
            [("GET /v1/jobs/{id}", "GET /v1/jobs")],
            "query: nothing in it names the task; use {id} in the request or its body",
        ),
        ([("GET /v1/jobs/{id}", "GET /v1/{key}/{id}")], "query.request: {key} is not one of {id}"),
        ([("GET /v1/jobs/{id}", "GET /v1/jobs/{id")], "query.request: '/v1/jobs/{id' holds a brace"),
        ([("", '[query_by_key]\nrequest = "GET /v1/jobs?id={id}"')], "query_by_key.request: {id} is not one of {key}"),
        ([("", '[cancel]\nrequest = "POST /v1/cancel"')], "cancel: nothing in it names the task"),
        ([("", '[check]\nrequest = "GET /v1/{id}"')], "check.request: {id} is not one of no variable at all"),
        ([("", '[check]\nrequest = "GET /v1"\nmodels = "["')], "check.models: '[' is not JMESPath"),
        ([("", BATCH.replace("{ids: ids}", "{ids: id}"))], "batch.body: `id` is not one of ids"),
        ([("", BATCH.replace("{ids: ids}", "{x: `1`}"))], "batch: nothing in it names the task; use {ids}"),
        ([("", BATCH.replace("size = 5", "size = 0"))], "batch.size: 0 is not 1 or more"),
        ([("", f"{LIST}page_size = 0")], "list.page_size: 0 is not 1 or more"),
        ([("", f"{LIST}first_page = -1")], "list.first_page: -1 is not 0 or more"),
        (
            [("", f'{LIST}next = "next"')],
            "list.next: {cursor} in the request and the expression `next` need each other",
        ),
        (
            [("", LIST.replace("{page}", "{cursor}"))],
            "list.next: {cursor} in the request and the expression `next` need",
        ),
        ([("", f"{LIST.replace('jobs?page={page}', '{cursor}')}next = 'n'")], "list.request: {cursor} may be missing"),
        ([("", f'{LIST}total = "a b"')], "list.total: 'a b' is not JMESPath"),
        ([("", UPLOAD.replace('["*"]', "[]"))], "upload[0].fields: is empty; name the inputs"),
        ([("", UPLOAD + UPLOAD)], "upload: '*' stands in `fields` twice"),
        ([("", f'{UPLOAD}part = ""')], "upload[0].part: '' is no name of a part of a form"),
        ([("", f"{UPLOAD}part = 'a\"b'")], "upload[0].part: 'a\"b' is no name of a part of a form"),
        ([("", f'{UPLOAD}body = "`1`"')], "upload[0].body: an upload sends the file alone"),
        ([("", f"{UPLOAD}max_bytes = 0")], "upload[0].max_bytes: 0 is not 1 or more"),
        ([("", UPLOAD.replace('"url"', '"url("'))], "upload[0].value: 'url(' is not JMESPath"),
        ([('id = "id"', "")], "task.id: a dialect must say where this is"),
        ([('state = "status"', "state = []")], "task.state: a dialect must say where this is"),
        ([('outputs = "outputs"', 'outputs = ["outputs", "a["]')], "task.outputs: 'a[' is not JMESPath"),
        ([('error = "error"', 'error = "first(error)"')], "task.error: 'first(error)': there is no function first()"),
        (
            [('error = "error"', "error = 'error == `x`'")],
            "task.error: 'error == `x`' is not JMESPath: deprecated string",
        ),
        (
            [("error.message", "error.")],
            "problem.message: 'error.' is not JMESPath",
        ),
        ([added("message = ", 'ok = "!"')], "problem.ok: '!' is not JMESPath"),
        ([added("message = ", 'reset = "X Reset"')], "problem.reset: 'X Reset' is no name of a header"),
        ([added("message = ", 'remaining = "X-Left"')], "problem.remaining: says nothing without `reset`"),
        ([("", "[poll]\nevery = -1")], "poll.every: -1.0 is no number of seconds above 0"),
        ([("", "[poll]\nevery = nan")], "poll.every: nan is no number of seconds above 0"),
        ([("", "[poll]\nevery = inf")], "poll.every: inf is no number of seconds above 0"),
        ([("", '[download]\nurl = "/f/{file}"')], "download.url: {file} is not one of {id}"),
        ([("", '[download]\nurl = "f/{id}"')], "download.url: 'f/{id}' is not of the form"),
        ([("", '[download]\nfallback = "/f/{name}"')], "download.fallback: {name} is not one of {file}, {id}"),
        ([("", '[download]\nstream = "/f/{"')], "download.stream: '/f/{' holds a brace"),
        ([("", '[download]\nrebase = "tasks"')], "download.rebase: 'tasks' is no beginning of a path"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(
    changes: list[tuple[str, str]], complaint: str
) -> None:
    (said,) = complaints(*changes)
    assert said.startswith(complaint)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [added("key_env", 'hosts = ["https://files.example"]'), added(SUBMIT, 'host = "https://files.example/"')],
        [("", "[operations.a]\ndefault = true\n"), ("POST /v1/jobs", "POST /v1/{operation}")],
        [("POST /v1/jobs", "POST /v1/{model}:run")],
        [('outputs = "outputs"', 'outputs = "files[].{file: name}"'), ("", '[download]\nurl = "/f/{id}/{file}"')],
        [('key_env = "SMALL_API_KEY"', 'key = "none"'), ('Authorization = "Bearer {api_key}"', 'X-Version = "2"')],
        [added(SUBMIT, 'idempotency = "replay"\nheaders = { Idempotency-Key = "{key}" }')],
        [("", f"{BATCH}{LIST}{UPLOAD}[[upload]]\nfields = ['x']\nrequest = 'PUT /x'\nvalue = 'id'")],
        [('queued = ["waiting"]', 'expired = ["Task not found", "stale"]')],
        [("https://api.small.example", "http://[::1]:8080/api/")],
    ],
)
def test_what_is_right_is_let_in(changes: list[tuple[str, str]]) -> None:
    assert complaints(*changes) == []


def test_everything_that_is_wrong_is_told_at_once() -> None:
    wrong = complaints(
        ('name = "small"', 'name = "S"'),
        ("GET /v1/jobs/{id}", "GET /v1/{key}/{id}"),
        ('failed = ["broken"]', "failed = []"),
        ('outputs = "outputs"', 'outputs = ["a[", "b("]'),
        ("", "[poll]\nevery = 0"),
    )
    assert [line.partition(":")[0] for line in wrong] == [
        "name",
        "states.failed",
        "poll.every",
        "query.request",
        "task.outputs",
        "task.outputs",
    ]


def test_every_line_begins_with_the_file() -> None:
    with pytest.raises(DialectError) as caught:
        parse(text(('name = "small"', 'name = "S"'), ('failed = ["broken"]', "")), "/home/me/small.toml")
    assert all(line.startswith("/home/me/small.toml: ") for line in caught.value.message.splitlines())


def test_a_file_cut_anywhere_is_refused_and_nothing_worse() -> None:
    for cut in range(0, SMALL.index("[problem]"), 5):
        with pytest.raises(DialectError):
            parse(SMALL[:cut], "small.toml")


@pytest.mark.parametrize("line", [line for line in SMALL.splitlines() if "=" in line])
def test_no_value_of_any_key_brings_more_than_a_refusal(line: str) -> None:
    for value in ODD:
        with contextlib.suppress(DialectError):
            parse(SMALL.replace(line, f"{line.partition('=')[0]}= {value}"), "small.toml")


@pytest.mark.parametrize("name", shipped())
def test_no_value_of_a_shipped_dialect_could_be_of_another_type(name: str) -> None:
    from taskctl.dialects.load import _text

    for line in _text(name).splitlines():
        match = re.fullmatch(r"(\w+) = ([\"\[\d].*)", line)
        if match is None or match[2] == "[":
            continue
        with pytest.raises(DialectError, match=r": .+ is not (a|true|one of|1)|not TOML"):
            parse(_text(name).replace(line, f"{match[1]} = 1979-05-27", 1), name)
