"""TOML at the door."""

import contextlib
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskctl import tomlfile
from taskctl.errors import ConfigurationError


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 1
    mood: Literal["good", "bad"] | None = None
    tags: str | list[str] = []


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal[1] = 1
    name: str = ""
    ratio: float = 1.0
    on: bool = False
    inner: Inner | None = None
    many: dict[str, Inner] = {}
    words: dict[str, dict[str, str]] = {}
    rows: list[Inner] = []


class Needy(msgspec.Struct, forbid_unknown_fields=True):
    inner: dict[str, "Needing"] = {}


class Needing(msgspec.Struct, forbid_unknown_fields=True):
    must: str


def decode(text: str) -> Outer:
    return tomlfile.decode(text, Outer, "f.toml", ConfigurationError)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = 2", "format: 2 is not 1"),
        ("name = 3", "name: 3 is not a text"),
        ("name = [1]", "name: [1] is not a text"),
        ('ratio = "x"', "ratio: 'x' is not a number"),
        ("on = 1", "on: 1 is not true or false"),
        ("nam = 1", "nam: unknown key; allowed are format, name, ratio, on, inner, many, words, rows"),
        ("inner = 1", "inner: 1 is not a table"),
        ("rows = {}", "rows: {} is not a list"),
        ("[inner]\nsize = 1.5", "inner.size: 1.5 is not a whole number"),
        ("[inner]\nsize = true", "inner.size: True is not a whole number"),
        ('[inner]\nmood = "odd"', "inner.mood: 'odd' is not one of bad, good"),
        ("[inner]\ntags = 1", "inner.tags: 1 is not a text or a list"),
        ("[inner]\ntags = [1]", "inner.tags[0]: 1 is not a text"),
        ("[inner]\nsiz = 1", "inner.siz: unknown key; allowed are size, mood, tags"),
        ('[many.a]\n[many."b c"]\nsize = "x"', "many.b c.size: 'x' is not a whole number"),
        ("[many.a]\nsize = 1\n[many.b]\nsiz = 1", "many.b.siz: unknown key; allowed are size, mood, tags"),
        ('[many.a]\nmood = "odd"', "many.a.mood: 'odd' is not one of bad, good"),
        ('[words.a]\nx = "1"\n[words.b]\ny = "1"\nz = 7', "words.b.z: 7 is not a text"),
        ("[[rows]]\n[[rows]]\nsize = []", "rows[1].size: [] is not a whole number"),
        ("name = 1979-05-27", "name: datetime.date(1979, 5, 27) is not a text"),
        (f"name = [{'1, ' * 100}]", f"name: [{'1, ' * 26}1…"),
        ("name = ", "is not TOML: Invalid value (at end of document)"),
        ("name = 'a'\nname = 'b'", "is not TOML: Cannot overwrite a value (at end of document)"),
        (f"ratio = {'9' * 5000}", "is not TOML: Exceeds the limit"),
        (f"rows = {'[' * 9000}", "is nested too deeply"),
        (f"# a comment\na{'.a' * 30} = 1", "line 2: a key of more than 20 parts"),
        (f"[a{'.a' * 30}]", "line 1: a key of more than 20 parts"),
        (f"x = {{ a{' . a' * 30} = 1 }}", "line 1: a key of more than 20 parts"),
        ("'a'" + '."a"' * 30 + " = 1", "line 1: a key of more than 20 parts"),
    ],
)
def test_a_wrong_file_is_refused_with_file_key_value_and_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        decode(text)
    assert caught.value.message.startswith(f"f.toml: {said}")


def test_what_is_missing_is_named_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"^f\.toml: inner\.b\.must: is missing$"):
        tomlfile.decode('[inner.a]\nmust = "x"\n[inner.b]', Needy, "f.toml", ConfigurationError)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"# {'.' * 100}",
        f"# {'and so on, and ' * 50}",
        f'name = "{"a." * 100}"',
        f"rows = []\nwords.a.x = '{'.' * 50}'",
        f"ratio = 1.5 # {'1.5, ' * 50}",
        "words.a.'b.c.d' = 'x'",
    ],
)
def test_dots_that_are_no_key_do_no_harm(text: str) -> None:
    assert isinstance(decode(text), Outer)


def test_a_long_key_costs_no_time() -> None:
    for text in (
        f"a{'.a' * 60_000} = 1",
        f"x = {{a{'.a' * 60_000} = 1}}",
        "a" * 250_000,
        '"' * 250_000,
        "a .\t" * 60_000,
    ):
        with pytest.raises(ConfigurationError):
            decode(text)


@given(st.text() | st.text(alphabet="abc.=[]{}\"'\n #1"))
def test_no_text_brings_more_than_a_refusal(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        decode(text)


def test_a_file_is_read_with_or_without_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes(b"\xef\xbb\xbfname = 'x'")
    assert tomlfile.read(path, ConfigurationError) == "name = 'x'"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"#" * (tomlfile.LARGEST + 1), "larger than 256 KiB, which no such file is"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        tomlfile.read(path, ConfigurationError)
