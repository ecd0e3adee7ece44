import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskctl.net.reach import OutOfReach, Reach, is_private

PUBLIC, LOCAL = Reach(), Reach(http=True, private=True)


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which somebody listens, who fails the test by being called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server.getsockname()[1]
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",  # noqa: S104  # nobody binds to it here
        "localhost",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fe80::1",
        "fd00:ec2::254",
        "fec0::1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "192.0.0.192",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_no_spelling_of_a_private_address_is_connected_to(port: int, host: str) -> None:
    with pytest.raises(OutOfReach):
        PUBLIC.connect(host, port)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("8.8.8.8", False),
        ("1.1.1.1", False),
        ("2606:4700::1111", False),
        ("2001:4860:4860::8888", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::808:808", False),
        ("64:ff9b::a00:1", True),
        ("64:ff9b::c000:c0", True),
        ("64:ff9b:1::808:808", True),
        ("2002:808:808::1", True),
        ("2001:0:1::1", True),
        ("2001:db8::1", True),
        ("100::1", True),
        ("4000::1", True),
        ("ff02::1", True),
        ("fe80::1%eth0", True),
        ("100.64.0.1", True),
        ("192.0.2.1", True),
        ("198.18.0.1", True),
        ("240.0.0.1", True),
        ("", True),
        ("example.org", True),
        ("1.2.3", True),
    ],
)
def test_an_address_is_private_whatever_it_is_wrapped_in(address: str, private: bool) -> None:
    assert is_private(address) is private


@settings(max_examples=40)
@given(st.ip_addresses(v=4).map(str))
def test_wrapping_an_address_does_not_make_it_public(address: str) -> None:
    assert is_private(f"::ffff:{address}") is is_private(address)
    assert is_private(f"64:ff9b::{address}") is is_private(address)


@settings(max_examples=40)
@given(st.ip_addresses(v=6))
def test_only_what_is_given_out_of_version_6_is_public(address: object) -> None:
    text = str(address)
    if not is_private(text):
        assert text[0] in "23" or text.startswith(("64:ff9b::", "::ffff:"))


def test_a_private_provider_may_name_private_addresses(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        LOCAL.connect("127.0.0.1", server.getsockname()[1]) as connection,
    ):
        assert connection.gettimeout() == 30.0
        assert connection.getpeername()[0] == "127.0.0.1"
    with pytest.raises(OutOfReach):
        Reach(http=True).connect("127.0.0.1", port)


def test_a_port_where_nobody_listens_is_an_error_of_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        LOCAL.connect("127.0.0.1", port)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "a.\udcff"])
def test_what_cannot_be_a_name_is_out_of_reach_or_not_found(host: str) -> None:
    with pytest.raises((OutOfReach, OSError)):
        LOCAL.connect(host, 80)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://h/x",
        "ftps://h/x",
        "gopher://h/x",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "dict://h/x",
        "ldap://h/x",
        "jar:https://h/x!/y",
        "ws://h/x",
        "s3://bucket/x",
        "gs://bucket/x",
        "blob:https://h/x",
        "smb://h/x",
        "\\\\h\\share",
        "//h/x",
        "/x",
        "x",
        "",
        "https:",
        "https://",
        "https:///x",
        "https:/h/x",
        "https://:443/x",
        "https://h:99999/x",
        "https://h:x/",
        "https://[::1/x",
        "https://[zz]/x",
        "https://user:pw@h/x",
        "https://user@h/x",
        "https://h\\@evil/x",
        "https://h\\evil/x",
        "https://h evil/x",
        "https://h\0/x",
        "https://h%2fevil/x",
        "https://[fe80::1%25eth0]/x",
        "https://h/half-\ud83d",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    for reach in (PUBLIC, LOCAL):
        with pytest.raises(OutOfReach, match="link") as caught:
            reach.checked(url)
        assert "pw" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://cdn.example/a.mp4?sig=1", "cdn.example", None),
        ("HTTPS://CDN.Example:8443/a", "cdn.example", 8443),
        ("https://[2606:4700::1111]:8443/a", "2606:4700::1111", 8443),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", None),
        ("https://bücher.example/", "bücher.example", None),
        ("https://my_bucket.s3.example/", "my_bucket.s3.example", None),
        ("https://h:/x", "h", None),
    ],
)
def test_a_web_address_passes_in_its_parts(url: str, host: str, port: int | None) -> None:
    parts = PUBLIC.checked(url)
    assert (parts.hostname, parts.port) == (host, port)


def test_a_password_in_a_link_is_refused_as_what_it_is() -> None:
    with pytest.raises(OutOfReach, match="password"):
        PUBLIC.checked("https://user:pw@h/x")


def test_plain_http_is_for_plain_http_providers() -> None:
    with pytest.raises(OutOfReach, match="not encrypted"):
        PUBLIC.checked("http://cdn.example/a")
    assert LOCAL.checked("http://cdn.example/a").scheme == "http"


def test_a_query_is_never_shown() -> None:
    with pytest.raises(OutOfReach) as caught:
        PUBLIC.checked("http://cdn.example/a?signature=canary")
    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize(
    ("base_url", "reach"),
    [
        ("https://8.8.8.8", Reach(http=False, private=False)),
        ("http://8.8.8.8", Reach(http=True, private=False)),
        ("http://127.0.0.1:8080/api", Reach(http=True, private=True)),
        ("https://10.1.2.3", Reach(http=False, private=True)),
        ("https://[::1]:1", Reach(http=False, private=True)),
        ("http://localhost:1", Reach(http=True, private=True)),
        ("https://a..b", Reach(http=False, private=False)),
    ],
)
def test_downloads_reach_as_far_as_the_provider_itself(base_url: str, reach: Reach) -> None:
    assert Reach.of(base_url) == reach
