"""Requests and addresses of a provider at one base URL."""

import json
from typing import Any

import pytest

from taskctl.dialects.load import Dialects
from taskctl.dialects.messages import FileRequest
from taskctl.dialects.site import Order, Site, new_key, origin
from taskctl.errors import CredentialsError, DialectError, Unsupported, UsageError
from taskctl.model import Kind, Output, Report
from taskctl.secret import Secret
from tests.dialects.small import site, small

BODY = "{model: model, input: input}"
CURSOR = (
    "",
    '[list]\nrequest = "GET /v1/jobs?after={cursor}&n={page_size}"\nitems = "jobs"\nnext = "next"\npage_size = 7',
)
OFFSET = (
    "",
    '[list]\nrequest = "GET /v1/jobs?skip={offset}&n={page_size}"\nitems = "jobs"\nfirst_page = 0\npage_size = 7',
)
POSTED = ("", '[list]\nrequest = "POST /v1/jobs/search"\nbody = "{page: page, size: page_size}"\nitems = "jobs"')
BY_KEY = ("", '[cancel_by_key]\nrequest = "POST /v1/cancel?key={key}"')


def order(on: Site, **fields: Any) -> Order:
    return Order(
        **{"operation": on.dialect.operation(None, None), "model": "m", "input": {}, "key": new_key(), **fields}
    )


def test_a_submit_is_written_compactly_and_as_it_was_given() -> None:
    on = site()
    request = on.submit(order(on, input={"prompt": "Grüße 🌊", "duration": "5", "n": 2, "x": None, "y": 1.0}))
    assert (request.method, request.url) == ("POST", "https://api.small.example/v1/jobs")
    assert request.body == '{"model":"m","input":{"prompt":"Grüße 🌊","duration":"5","n":2,"x":null,"y":1.0}}'.encode()
    assert request.headers == {"Content-Type": "application/json"}


def test_a_model_is_needed_optional_or_not_taken() -> None:
    with pytest.raises(UsageError, match="small needs a model"):
        site().submit(order(site(), model=None))
    optional = site(("[query]", 'model = "optional"\n[query]'))
    assert optional.submit(order(optional, model=None)).body == b'{"input":{}}'
    none = site(("[query]", 'model = "none"\n[query]'))
    with pytest.raises(UsageError, match="small takes no model, and 'm' was given"):
        none.submit(order(none))


def test_a_model_in_the_path_keeps_its_slashes_and_leads_nowhere_else() -> None:
    on = site(("POST /v1/jobs", "POST /v1/{model}/jobs"))
    assert on.submit(order(on, model="owner/na me")).url == "https://api.small.example/v1/owner/na%20me/jobs"
    for hostile in ("../admin", "a/../../b", "..", "a//b", "/a"):
        with pytest.raises(UsageError, match="it would lead to another path"):
            on.submit(order(on, model=hostile))


def test_a_callback_goes_where_the_dialect_puts_it_or_is_refused() -> None:
    with pytest.raises(Unsupported, match="small cannot call back"):
        site().submit(order(site(), callback_url="https://hooks.example.org/x"))
    on = site((BODY, "{input: input}"), ("POST /v1/jobs", "POST /v1/jobs?hook={callback_url}"))
    assert on.submit(order(on, callback_url="https://h.example/x?y=1")).url.endswith(
        "?hook=https%3A%2F%2Fh.example%2Fx%3Fy%3D1"
    )
    assert on.submit(order(on)).url == "https://api.small.example/v1/jobs"


def test_a_body_that_is_too_large_is_not_sent() -> None:
    on = site(("[query]", "max_body = 40\n[query]"))
    on.submit(order(on, input={"p": "x"}))
    with pytest.raises(Unsupported, match="small takes requests of 40 bytes at most, and this one has 45"):
        on.submit(order(on, input={"p": "x" * 15}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"deep": ["\udfff"]}])
def test_an_input_that_no_json_can_hold_is_a_usage_error(value: object) -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        site().submit(order(site(), input={"x": value}))


def test_a_body_that_fails_is_the_dialects_error() -> None:
    on = site((BODY, "join('-', model)"))
    with pytest.raises(DialectError, match=r"^small: .* fails: "):
        on.submit(order(on))
    on = site((BODY, "[&input]"))
    with pytest.raises(DialectError, match=r"^small: the body is no JSON"):
        on.submit(order(on))


def test_a_header_of_a_request_is_filled_or_left_out() -> None:
    on = site(("[query]", 'headers = { X-Key = "k-{key}", X-Hook = "{callback_url}", X-Fixed = "1" }\n[query]'))
    assert on.submit(order(on, key="abc")).headers == {
        "X-Key": "k-abc",
        "X-Fixed": "1",
        "Content-Type": "application/json",
    }
    with pytest.raises(UsageError, match="cannot be sent as the header X-Hook"):
        on.submit(order(on, callback_url="https://h.example/\r\nX-Evil: 1"))


def test_a_key_in_a_header_cannot_break_out_of_it() -> None:
    on = site(("[query]", 'headers = { X-Key = "{key}" }\n[query]'))
    sent = on.submit(order(on, key="a\r\nX-Evil: 1")).headers["X-Key"]
    assert sent == on.dialect.wire_key("a\r\nX-Evil: 1")
    assert "\n" not in sent


@pytest.mark.parametrize("id_", ["", ".", "..", "two words", "a\nb", "ä", "x" * 513])
def test_what_is_no_id_makes_no_request(id_: str) -> None:
    with pytest.raises(UsageError, match="is no id of a task"):
        site().query(id_)


def test_pages_are_asked_for_as_the_provider_counts() -> None:
    assert site(CURSOR).listing(1, None).url == "https://api.small.example/v1/jobs?n=7"
    assert site(CURSOR).listing(2, "a b").url == "https://api.small.example/v1/jobs?after=a%20b&n=7"
    assert [site(OFFSET).listing(page, None).url.rpartition("?")[2] for page in (0, 1, 2)] == [
        "skip=0&n=7",
        "skip=7&n=7",
        "skip=14&n=7",
    ]
    assert site(POSTED).listing(3, None).body == b'{"page":3,"size":20}'


def test_a_task_without_an_id_is_cancelled_by_its_key_where_that_is_possible() -> None:
    with pytest.raises(Unsupported, match=r"^small cannot cancel$"):
        site().cancel("a", "k")
    with pytest.raises(Unsupported, match=r"^small cannot cancel$"):
        site().cancel(None, "k")
    by_id = site(("", '[cancel]\nrequest = "DELETE /v1/jobs/{id}"'))
    assert by_id.cancel("a", "k").url == "https://api.small.example/v1/jobs/a"
    with pytest.raises(Unsupported, match=r"^small cannot cancel a task whose id is not known$"):
        by_id.cancel(None, "k")
    assert site(BY_KEY).cancel(None, "two words").url.endswith(f"?key={small().wire_key('two words')}")
    with pytest.raises(UsageError, match="neither an id nor a key"):
        site(BY_KEY).cancel(None, None)


def test_an_upload_names_file_and_part_and_goes_to_its_host_from_the_own_address_alone() -> None:
    dialect = Dialects().get("evolink")
    request = Site(dialect, "https://api.evolink.ai/").upload(dialect.uploads[0], "file", "renders/x.png")
    assert isinstance(request, FileRequest)
    assert (request.url, request.part, request.path) == (
        "https://files-api.evolink.ai/api/v1/files/upload/stream",
        "file",
        "renders/x.png",
    )
    elsewhere = Site(dialect, "https://gateway.example.org").upload(dialect.uploads[0], "file", "x.png")
    assert elsewhere.url == "https://gateway.example.org/api/v1/files/upload/stream"


def test_a_stream_asks_for_events() -> None:
    request = Site(Dialects().get("bytespike"), "https://llm.bytespike.ai").stream("t")
    assert request.headers == {"Accept": "text/event-stream"}


def test_a_required_key_that_is_missing_is_said() -> None:
    with pytest.raises(CredentialsError, match="there is no key for small") as caught:
        site().key_headers("https://api.small.example/x", None)
    assert caught.value.hint == "set SMALL_API_KEY"
    assert site().key_headers("https://elsewhere.example/x", None) == {}


def test_an_optional_key_is_sent_where_there_is_one_and_fixed_headers_always() -> None:
    on = site(("[headers]", 'key = "optional"\n[headers]\nX-Version = "2"'))
    assert on.key_headers("https://api.small.example/x", None) == {"X-Version": "2"}
    assert on.key_headers("https://API.SMALL.example:443/x", Secret("k")) == {
        "X-Version": "2",
        "Authorization": "Bearer k",
    }


def test_a_request_can_be_shown_with_a_name_in_place_of_the_key() -> None:
    shown = site().key_headers("https://api.small.example/x", None, written_as="$SMALL_API_KEY")
    assert shown == {"Authorization": "Bearer $SMALL_API_KEY"}


@pytest.mark.parametrize("key", ["a\nb", "a\r\nX-Evil: 1", "schlüssel", "\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(CredentialsError, match="a character that no header can carry") as caught:
        site().key_headers("https://api.small.example/x", Secret(key))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "url", "absolute"),
    [
        ("https://a.example", "https://cdn.example/x.mp4?sig=a%2Fb", "https://cdn.example/x.mp4?sig=a%2Fb"),
        ("https://a.example", "/files/x.mp4", "https://a.example/files/x.mp4"),
        ("https://a.example/api", "/files/x.mp4", "https://a.example/files/x.mp4"),
        ("https://a.example/api", "files/x.mp4", "https://a.example/api/files/x.mp4"),
        ("https://a.example/api", "?x=1", "https://a.example/api/?x=1"),
        ("https://a.example", "//cdn.example/x.mp4", "https://cdn.example/x.mp4"),
        ("https://a.example", "https://[::1/x", "https://[::1/x"),
        ("https://a.example", "javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_results_get_absolute_urls(base: str, url: str, absolute: str) -> None:
    report = Site(small(), base).resolved(Report(outputs=(Output(index=0, kind=Kind.FILE, url=url),)))
    assert report.outputs[0].url == absolute


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("/tasks/t/final-1.mp4", "http://10.0.0.9:8080/mpt/tasks/t/final-1.mp4"),
        ("http://localhost:8080/tasks/t/final-1.mp4?x=1", "http://10.0.0.9:8080/mpt/tasks/t/final-1.mp4?x=1"),
        ("https://worker/tasks/t/final-1.mp4", "http://10.0.0.9:8080/mpt/tasks/t/final-1.mp4"),
        ("https://cdn.example/clips/tasks/1.mp4", "https://cdn.example/clips/tasks/1.mp4"),
        ("ftp://worker/tasks/t/final-1.mp4", "ftp://worker/tasks/t/final-1.mp4"),
    ],
)
def test_urls_that_belong_to_the_base_url_are_moved_there(url: str, absolute: str) -> None:
    mpt = Site(Dialects().get("moneyprinterturbo"), "http://10.0.0.9:8080/mpt/")
    assert mpt.resolved(Report(outputs=(Output(index=0, kind=Kind.VIDEO, url=url),))).outputs[0].url == absolute


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("http://127.0.0.1:8080/tasks/t/final-1.mp4?x=1", "final-1.mp4"),
        ("/tasks/t/a%20b.mp4", "a%20b.mp4"),
        ("/tasks/t/..%2f..%2fetc", "..%2F..%2Fetc"),
        ("/tasks/t/..", None),
        ("/tasks/t/%2e%2e", None),
        ("/tasks/t/", None),
        ("https://[::1/x", None),
        (None, None),
    ],
)
def test_other_routes_to_a_file_are_built_from_its_name(url: str | None, file: str | None) -> None:
    mpt = Site(Dialects().get("moneyprinterturbo"), "http://127.0.0.1:8080")
    output = Output(index=0, kind=Kind.VIDEO, url=url)
    routes = (mpt.fallback_url(output, "t[1]"), mpt.stream_url(output, "t[1]"))
    assert routes == tuple(
        file and f"http://127.0.0.1:8080/api/v1/{verb}/t%5B1%5D/{file}" for verb in ("download", "stream")
    )
    assert site().fallback_url(output, "t") is None


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://A.Example/x", ("https", "a.example", 443)),
        ("http://a.example:80", ("http", "a.example", 80)),
        ("https://user@a.example:8443/x", ("https", "a.example", 8443)),
        ("http://[::1]:8080/", ("http", "::1", 8080)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, known: tuple[str, str, int]) -> None:
    assert origin(url) == known


@pytest.mark.parametrize("url", ["https://[::1/", "https://a.example:99999/", "https://a.example\\@b.example/"])
def test_what_is_no_url_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid IPv6|out of range|one host to some"):
        origin(url)


def test_a_new_key_is_a_uuid_that_fits_every_dialect() -> None:
    for name in Dialects().names():
        assert Dialects().get(name).wire_key(key := new_key()) == key


def test_a_batch_holds_the_ids_as_they_are() -> None:
    request = Site(Dialects().get("evolink"), "https://api.evolink.ai").batch(["a[1]", "b/c"])
    assert json.loads(request.body or b"") == {"task_ids": ["a[1]", "b/c"]}
