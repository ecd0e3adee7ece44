import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskctl import secret
from taskctl.secret import MASK, Secret, redact, redacted


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    before = list(secret._known)
    secret._known.clear()
    yield
    secret._known.clear()
    secret._known.extend(before)


def test_a_secret_does_not_show() -> None:
    key = Secret("canary-of-the-test")
    assert "canary" not in f"{key} {key!r} {[key]}"
    assert key.reveal() == "canary-of-the-test"
    assert not hasattr(key, "__dict__")


@pytest.mark.parametrize(
    "spelled",
    [
        lambda key: key,
        lambda key: quote(key, safe=""),
        json.dumps,
        lambda key: base64.b64encode(key.encode()).decode(),
        lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
        lambda key: f"https://h/?key={quote(key, safe='')}&x=1",
    ],
)
@pytest.mark.parametrize("key", ["plain-canary-key", 'we"ird/k+y=?>~\\', "schlüssel-ß", "with space & more"])
def test_a_key_is_taken_out_however_it_is_spelled(key: str, spelled: object) -> None:
    assert callable(spelled)
    Secret(key)
    shown = redact(f"before {spelled(key)} after")
    assert key not in shown
    assert MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize(("key", "taken"), [("1234567", False), ("12345678", True), ("", False), ("video", False)])
def test_short_values_are_left_alone(key: str, taken: bool) -> None:
    Secret(key)
    assert (redact(f"a video 12345678 of 1234567{key}") == f"a video 12345678 of 1234567{key}") is not taken


def test_of_two_keys_the_longer_is_taken_out_whole() -> None:
    Secret("canary-key")
    Secret("canary-key-and-more")
    assert redact("canary-key-and-more") == MASK


def test_a_key_of_bytes_that_are_no_text_breaks_nothing() -> None:
    key = "canary-\udcff\udcfe"
    Secret(key)
    assert redact(f"x{key}y") == f"x{MASK}y"


def test_a_json_value_is_cleaned_in_every_text_and_nowhere_else() -> None:
    Secret("87654321")
    value = {"a": ["87654321", 87654321, None, True], "87654321": {"b": "x87654321"}, "c": ("87654321",)}
    assert redacted(value) == {"a": [MASK, 87654321, None, True], MASK: {"b": f"x{MASK}"}, "c": [MASK]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=8, max_size=40), st.text(), st.text())
def test_no_text_holds_a_key_after_redaction(key: str, before: str, after: str) -> None:
    secret._known.clear()
    Secret(key)
    shown = redact(f"{before}{key}{after}")
    assert key not in shown or set(key) <= set(MASK)
