"""Every shipped dialect against its sample answers, its documented requests and the rules that hold for all."""

import json
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from taskctl.dialects.answers import Page
from taskctl.dialects.dialect import ABILITIES, KEYS
from taskctl.dialects.expressions import Expression
from taskctl.dialects.load import shipped
from taskctl.dialects.messages import Problem, Request
from taskctl.dialects.site import Order, Site
from taskctl.errors import Unsupported, UsageError
from taskctl.model import ENDED, Output, Report, State
from taskctl.secret import Secret
from tests.conformance import cases
from tests.conformance.cases import Sample, Wanted

ALL = shipped()
KEY = Secret("sk-canary-0123456789")
TEXT = "0b8e7c52-4f0e-4a57-9d5e-3c2b9f1a6d10"
UNSAID: dict[str, Any] = {"progress": None, "outputs": [], "error": None, "cost": None}
"""What a task is compared with where its sample does not say: nothing may appear there unasked."""
HOSTILE = [
    "plain-1",
    "yescale-flux[max]-1",
    "871233909944556677",
    "../../v1/credits",
    "a/b",
    "%2e%2e%2f",
    "a?b=c",
    "a#b",
    "a&key=b",
    "{id}",
    "{key}",
    "a;b",
    "a:b@c",
    "'\"<>|\\^`",
    "...",
    "x" * 512,
]
NO_IDS = ["", ".", "..", "a b", "a\nb", "a\r\nX-Evil: 1", "ä", "\ud800", "x" * 513, "\x00", " a", "\u202ea"]


@pytest.mark.parametrize("sample", cases.answers(), ids=str)
def test_a_sample_is_read_as_it_is_meant(sample: Sample) -> None:
    read, expected = _read(sample), _whole(sample.expect)
    if "tasks" in expected:
        wanted = [_whole(task) for task in expected["tasks"]]
        read["tasks"] = [_subset(task, want) for task, want in zip(read["tasks"], wanted, strict=True)]
        expected = {**expected, "tasks": wanted}
    assert _subset(read, expected) == expected


@pytest.mark.parametrize("wanted", cases.requests(), ids=str)
def test_an_order_becomes_the_documented_request(wanted: Wanted) -> None:
    request = _submit(wanted)
    assert request.body is not None
    assert (request.method, request.url, dict(request.headers), json.loads(request.body)) == (
        wanted.expect["method"],
        wanted.expect["url"],
        _with_uuids(wanted.expect["headers"]),
        _with_uuids(wanted.expect["body"]),
    )


@pytest.mark.parametrize("name", ALL)
def test_every_state_word_has_a_sample(name: str) -> None:
    said = {
        str(_read(sample).get("provider_state") or "").casefold()
        for sample in cases.answers()
        if sample.dialect == name and sample.to in ("submit", "query") and _is_task(sample.expect)
    }
    words = {word.casefold() for words in cases.dialect(name).form.states.values() for word in words}
    assert words <= said
    assert said - words - {""}, "there must be a sample of a word that is not mapped"


@pytest.mark.parametrize("name", ALL)
def test_every_state_that_can_end_a_task_is_mapped_and_none_twice(name: str) -> None:
    states = cases.dialect(name).form.states
    assert {State.QUEUED, State.RUNNING, State.COMPLETED, State.FAILED, State.CANCELLED} - {*states} <= {
        State.CANCELLED
    }
    assert {State(state) for state in states} & ENDED


@pytest.mark.parametrize("name", ALL)
def test_every_ability_has_a_sample_and_a_request_that_builds(name: str) -> None:
    able = cases.dialect(name).abilities - {"callback"}
    answered = {"event" if ability == "stream" else ability for ability in able}
    assert {sample.to for sample in cases.answers() if sample.dialect == name} == {"submit", "query", *answered}
    for ability in sorted(able):
        for request in _requests(cases.site(name), ability):
            assert request.url.startswith(("https://", "http://127.0.0.1:"))
            assert request.method in ("GET", "POST", "DELETE")


@pytest.mark.parametrize("name", ALL)
def test_every_operation_has_a_request(name: str) -> None:
    asked = {
        cases.dialect(name).operation(wanted.operation, wanted.model).name
        for wanted in cases.requests()
        if wanted.dialect == name
    }
    assert asked == {*cases.dialect(name).operations} or not cases.dialect(name).operations


@pytest.mark.parametrize("name", ALL)
def test_a_hostile_id_stays_one_segment_of_the_path(name: str) -> None:
    site = cases.site(name)
    plain = {ability: _requests(site, ability, id_="plain") for ability in _with_ids(site)}
    for id_ in HOSTILE:
        for ability, requests in plain.items():
            for request, hostile in zip(requests, _requests(site, ability, id_=id_), strict=True):
                assert _round_trip(request, hostile, id_), (ability, id_)


def _round_trip(plain: Request, hostile: Request, id_: str) -> bool:
    """Whether the id stands in the second request just where "plain" stands in the first, and nowhere else."""
    before, after = urlsplit(plain.url), urlsplit(hostile.url)
    expected = [id_ if segment == "plain" else segment for segment in before.path.split("/")]
    body = (plain.body or b"null").replace(b'"plain"', json.dumps(id_).encode())
    return (
        [unquote(segment) for segment in after.path.split("/")] == expected
        and (after.scheme, after.netloc, after.query, after.fragment)
        == (before.scheme, before.netloc, before.query, "")
        and json.loads(hostile.body or b"null") == json.loads(body)
    )


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_id_is_refused_before_a_request_is_made(name: str) -> None:
    site = cases.site(name)
    for id_ in NO_IDS:
        for ability in _with_ids(site):
            with pytest.raises(UsageError):
                _requests(site, ability, id_=id_)


@pytest.mark.parametrize("name", ALL)
def test_what_a_provider_cannot_do_is_said_and_not_sent(name: str) -> None:
    site = cases.site(name)
    for ability in sorted({*ABILITIES} - site.dialect.abilities - {"upload"}):
        with pytest.raises(Unsupported, match=rf"^{name} cannot "):
            _requests(site, ability)
    if "upload" not in site.dialect.abilities:
        assert site.dialect.upload_for("image") is None


def test_the_message_names_provider_and_verb() -> None:
    with pytest.raises(Unsupported, match=r"^ephone cannot cancel$"):
        cases.site("ephone").cancel("task_1", None)


@pytest.mark.parametrize("name", ALL)
def test_a_callback_is_refused_where_nobody_would_call(name: str) -> None:
    site = cases.site(name)
    for operation in site.dialect.operations.values() or [site.dialect.operation(None, None)]:
        model = None if operation.model == "none" else "m"
        order = Order(
            operation=operation, model=model, input={}, key=TEXT, callback_url="https://hooks.studio.example/x"
        )
        if operation.takes_callback:
            assert "https://hooks.studio.example/x" in (site.submit(order).body or b"").decode()
        else:
            with pytest.raises(Unsupported, match=f"^{name} cannot call back$"):
                site.submit(order)


@pytest.mark.parametrize("name", ALL)
def test_the_key_goes_to_its_own_hosts_alone(name: str) -> None:
    site = cases.site(name)
    form = site.dialect.form
    own = [f"{form.base_url}/x", *(f"{host}/x" for host in form.hosts)]
    for url in own:
        assert KEY.reveal() in "".join(site.key_headers(url, KEY).values())
    base = urlsplit(form.base_url)
    port = base.port or 443
    foreign = [
        "https://cdn.example.net/x",
        f"https://{base.hostname}.example.net/x",
        f"https://{base.hostname}@example.net/x",
        f"https://{base.hostname}\\@example.net/x",
        f"https://example.net\\@{base.hostname}/x",
        f"{base.scheme}://{base.hostname}:{port + 1}/x",
        f"{'http' if base.scheme == 'https' else 'https'}://{base.hostname}/x",
        f"//{base.hostname}/x",
        "https://[::1/x",
        f"https://{base.hostname}:99999/x",
        "/x",
        "",
    ]
    for url in foreign:
        assert site.key_headers(url, KEY) == {}, url
    elsewhere = Site(site.dialect, "https://gateway.example.org/api")
    assert elsewhere.key_headers("https://gateway.example.org/api/x", KEY)
    for url in own:
        assert elsewhere.key_headers(url, KEY) == {}, url


@pytest.mark.parametrize("name", ALL)
def test_no_request_holds_a_key_before_the_wire_adds_it(name: str) -> None:
    site = cases.site(name)
    for ability in sorted(site.dialect.abilities - {"callback"}):
        for request in _requests(site, ability):
            assert not {"authorization", "x-api-key"} & {header.lower() for header in request.headers}


@pytest.mark.parametrize("name", ALL)
def test_at_another_address_every_request_goes_there(name: str) -> None:
    site = Site(cases.dialect(name), "https://gateway.example.org/api/")
    for ability in sorted(site.dialect.abilities - {"callback"}):
        for request in _requests(site, ability):
            assert request.url.startswith("https://gateway.example.org/api/")


@pytest.mark.parametrize("name", ALL)
def test_a_dialect_writes_no_null_and_keeps_those_of_the_user(name: str) -> None:
    dialect = cases.dialect(name)
    for operation in dialect.operations.values() or [dialect.operation(None, None)]:
        model = None if operation.model in ("none", "optional") else "m"
        given: dict[str, object] = {
            "prompt": "x",
            "seed": None,
            "deep": {"er": None, "list": [None, 1, "1", 1.0, True]},
        }
        body = (
            cases.site(name).submit(Order(operation=operation, model=model, input=given, key=TEXT)).body or b""
        ).decode()
        assert body.count("null") == 3, body
        assert '{"er":null,"list":[null,1,"1",1.0,true]}' in body


@pytest.mark.parametrize("name", ALL)
def test_a_provider_that_is_paid_by_the_task_says_what_a_repeated_key_does(name: str) -> None:
    form = cases.dialect(name).form
    trusted = {"bytespike": "existing", "sandbox": "existing"}
    assert form.submit.idempotency == trusted.get(name, "none")


def test_nothing_but_data_tells_dialects_apart() -> None:
    from pathlib import Path

    import taskctl.dialects

    folder = Path(taskctl.dialects.__file__).parent
    for path in folder.rglob("*.py"):
        code = "\n".join(line.split("#")[0] for line in path.read_text("utf-8").splitlines()).lower()
        assert not any(f'"{name}"' in code for name in ALL), path


def _read(sample: Sample) -> dict[str, Any]:
    """The answer as users get it: in normal words, with absolute URLs."""
    site = cases.site(sample.dialect)
    form, reader, answer = site.dialect.form, site.dialect.reader, sample.answer
    match sample.to:
        case "submit":
            operation = site.dialect.operation(sample.operation, None)
            return _normal(site, reader.task(answer, acknowledges=operation.acknowledges))
        case "query_by_key" | "cancel_by_key":
            assert sample.key is not None
            return _normal(site, reader.by_key(answer, sample.key))
        case "query" | "cancel":
            kind = site.dialect.operation(sample.operation, None).kind if sample.operation else None
            return _normal(site, reader.task(answer, asked=sample.asked, kind=kind))
        case "event":
            told = reader.event(sample.text or "")
            return {"ignored": True} if told is None else _normal(site, told)
        case "batch":
            assert form.batch is not None
            return _normal(site, reader.page(answer, Expression(form.batch.items)))
        case "list":
            assert form.listing is not None
            total = Expression(form.listing.total) if form.listing.total else None
            page = reader.page(answer, Expression(form.listing.items), total=total)
            if isinstance(page, Page) and not form.listing.outputs:
                page = replace(page, reports=tuple(replace(report, outputs=()) for report in page.reports))
            return _normal(site, page)
        case "delete":
            return _normal(site, reader.accepted(answer))
        case "upload":
            found = site.dialect.upload_for(sample.field or "")
            assert found is not None
            value = reader.value(answer, Expression(found[0].value))
            return _normal(site, value) if isinstance(value, Problem) else {"value": value}
        case "check":
            assert form.check is not None
            problem = reader.accepted(answer)
            if problem is not None:
                return _normal(site, problem)
            sought = {"models": form.check.models, "balance": form.check.balance}
            return {name: reader.value(answer, Expression(text)) for name, text in sought.items() if text} or {
                "accepted": True
            }
        case other:
            raise AssertionError(f"{sample}: nothing answers to {other!r}")


def _normal(site: Site, told: Report | Problem | Page | object) -> dict[str, Any]:
    match told:
        case None:
            return {"accepted": True}
        case Problem():
            return {
                "trouble": told.trouble,
                "status": told.status,
                "code": told.code,
                "message": told.message,
                "retry_after": told.retry_after,
            }
        case Page():
            return {"tasks": [_normal(site, report) for report in told.reports], "total": told.total}
        case Report():
            report = site.resolved(told)
            json.dumps(report.raw, allow_nan=False).encode()
            return {
                **{
                    name: getattr(report, name)
                    for name in ("id", "key", "state", "provider_state", "progress", "can_cancel")
                },
                **{name: getattr(report, name) for name in ("message", "model", "eta_seconds")},
                "submitted_at": _written(report.submitted_at),
                "finished_at": _written(report.finished_at),
                "outputs": [_output(place, output) for place, output in enumerate(report.outputs)],
                "error": report.error and {"code": report.error.code, "message": report.error.message},
                "cost": report.cost and {name: getattr(report.cost, name) for name in ("estimated", "final", "unit")},
            }
        case _:
            raise AssertionError(told)


def _output(place: int, output: Output) -> dict[str, Any]:
    assert output.index == place
    names = ("url", "text", "kind", "role", "content_type", "duration_seconds")
    return {name: value for name in names if (value := getattr(output, name)) is not None}


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _whole(expect: dict[str, Any]) -> dict[str, Any]:
    return UNSAID | expect if _is_task(expect) else expect


def _is_task(expect: dict[str, Any]) -> bool:
    return bool({"state", "id", "outputs", "provider_state"} & {*expect})


def _subset(read: dict[str, Any], expect: dict[str, Any]) -> dict[str, Any]:
    return {name: read.get(name, "no such field") for name in expect}


def _submit(wanted: Wanted) -> Request:
    site = cases.site(wanted.dialect)
    operation = site.dialect.operation(wanted.operation, wanted.model)
    return site.submit(
        Order(
            operation=operation,
            model=wanted.model,
            input=wanted.input,
            key=wanted.key,
            callback_url=wanted.callback_url,
        )
    )


def _with_uuids(expected: Any) -> Any:
    """The expected values with `UUID5(key)` spelled out."""
    if isinstance(expected, dict):
        return {name: _with_uuids(value) for name, value in expected.items()}
    if isinstance(expected, str) and expected.startswith("UUID5("):
        return str(uuid.uuid5(KEYS, expected[6:-1]))
    return expected


def _with_ids(site: Site) -> list[str]:
    return sorted({"query", *({"cancel", "delete", "stream"} & site.dialect.abilities)})


def _requests(site: Site, ability: str, *, id_: str = "task-1") -> list[Request]:
    """The requests of this ability, filled with something."""
    match ability:
        case "query":
            return [site.query(id_)]
        case "query_by_key":
            return [site.query_by_key(TEXT)]
        case "batch":
            return [site.batch([id_, "task-2"])]
        case "cancel":
            return [site.cancel(id_, None)]
        case "cancel_by_key":
            return [site.cancel(None, TEXT)]
        case "delete":
            return [site.delete(id_)]
        case "stream":
            return [site.stream(id_)]
        case "list":
            return [site.listing(1, None), site.listing(2, None)]
        case "check":
            return [site.check()]
        case "upload":
            uploads = zip(site.dialect.form.upload, site.dialect.uploads, strict=True)
            return [site.upload(call, upload.part, "door.png") for upload, call in uploads]
        case _:
            raise AssertionError(ability)
