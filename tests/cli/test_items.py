import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from taskctl.cli.items import parse, read_object
from taskctl.errors import FileError, UsageError
from taskctl.wish import LocalFile

NOTHING = io.BytesIO(b"")


@pytest.mark.parametrize(
    ("items", "made"),
    [
        ([], {}),
        (["prompt=a dog"], {"prompt": "a dog"}),
        (["prompt="], {"prompt": ""}),
        (["prompt=a=b:=c@d"], {"prompt": "a=b:=c@d"}),
        (["prompt=two\nlines"], {"prompt": "two\nlines"}),
        (["duration=5"], {"duration": "5"}),
        (["duration:=5"], {"duration": 5}),
        (["duration:=-1.5e3"], {"duration": -1500.0}),
        (["sound:=true", "seed:=null", "size:=[1, 2]", 'o:={"a": 1}', 'w:="x"'],
         {"sound": True, "seed": None, "size": [1, 2], "o": {"a": 1}, "w": "x"}),
        (["big:=123456789012345678901234567890"], {"big": 123456789012345678901234567890}),
        (["a.b=1", "a.c.d:=2"], {"a": {"b": "1", "c": {"d": 2}}}),
        ([r"a\.b=1"], {"a.b": "1"}),
        ([r"a\.=1"], {"a.": "1"}),
        ([r"a\..b=1"], {"a.": {"b": "1"}}),
        ([r"\.a=1"], {".a": "1"}),
        ([r"a\=b=1", r"c\@d=2", r"e\:=3", r"f\\g=4"], {"a=b": "1", "c@d": "2", "e:": "3", "f\\g": "4"}),
        (["a:b=1", "urn:x:y=2"], {"a:b": "1", "urn:x:y": "2"}),
        (["a[]=x", "a[]=y", "a[]:=3"], {"a": ["x", "y", 3]}),
        (["a.b[]=x"], {"a": {"b": ["x"]}}),
        (["a:=[1]", "a[]=2"], {"a": [1, "2"]}),
        ([r"a\[]=x"], {"a[]": "x"}),
        (["a[0]=x"], {"a[0]": "x"}),
        (["a=1", "a=2"], {"a": "2"}),
        (["a:=1", 'a:={"b": 2}', "a.c=3"], {"a": {"b": 2, "c": "3"}}),
        (["ключ=значение", "名=値"], {"ключ": "значение", "名": "値"}),
        (["a b=c d"], {"a b": "c d"}),
        (["a\\\nb=1"], {"a\nb": "1"}),
        (["-x=1"], {"-x": "1"}),
    ],
)  # fmt: skip
def test_items_make_this_input(items: list[str], made: dict[str, Any]) -> None:
    assert parse(items, stdin=NOTHING) == made


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["prompt"], "is no item"),
        ([""], "is no item"),
        (["=x"], "is no item"),
        (["@x"], "is no item"),
        ([":=1"], "is no item"),
        (["a\\=x"], "is no item"),
        ([".=x"], "is no name"),
        (["a..b=x"], "is no name"),
        ([".a=x"], "is no name"),
        (["a.=x"], "is no name"),
        (["[]=x"], "at the end of a name"),
        (["a.[]=x"], "is no name"),
        (["a[].b=x"], "at the end of a name"),
        (["a[][]=x"], "at the end of a name"),
        (["a:=x"], "is not JSON"),
        (["a:="], "is not JSON"),
        (["a:={"], "is not JSON"),
        (["a:=NaN"], "is not JSON"),
        (["a:=-Infinity"], "is not JSON"),
        (["a:=" + "9" * 5000], "is not JSON"),
        (["a:=" + "[" * 100_000], "is not JSON"),
        (["a:=1e999"], "too large"),
        (["a:=[{\"b\": -1e999}]"], "too large"),
        (["a:=" + "[" * 101 + "]" * 101], "deeper than 100"),
        ([".".join("a" * 101) + "=x"], "deeper than 100"),
        (['a:="\\ud800"'], "no UTF-8"),
        (['a:={"\\ud800": 1}'], "no UTF-8"),
        (["a=\udcff"], "no UTF-8"),
        (["a\udcff=1"], "no UTF-8"),
        (["a\udcff.b=1"], "no UTF-8"),
        (["a=1", "a.b=2"], "has a value already"),
        (["a=1", "a[]=2"], "no list"),
        (["a[]=1", "a.b=2"], "has a value already"),
        (["a=@/nowhere/at/all"], "cannot be read"),
        (["a:=@/nowhere/at/all"], "cannot be read"),
        (["a=@/"], "cannot be read"),
        (["a=@"], "cannot be read"),
        (["a=@~nobody-of-this-name/x"], "nobody knows"),
        (["a@~nobody-of-this-name/x"], "nobody knows"),
        (["a=@x\0y"], "cannot be read"),
        (["a=@" + "n" * 300], "cannot be read"),
        (["a@/nowhere"], "no file"),
        (["a@"], "no file"),
        (["a@" + "n" * 300], "cannot be read"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_an_item_that_says_nothing_is_refused_and_named(items: list[str], words: str) -> None:
    with pytest.raises((UsageError, FileError), match=words):
        parse(items, stdin=NOTHING)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.text(max_size=8)
        | st.builds(
            "".join,
            st.tuples(
                st.text(st.sampled_from("ab.[]\\:@=\udcff\n"), max_size=6),
                st.sampled_from(["=", ":=", "=@", ":=@", "@", "[]=", "[]:=", ""]),
                st.text(st.sampled_from('ab~/-."{}[]:,1e9\\\0\udcff'), max_size=6),
            ),
        ),
        max_size=4,
    )
)
@example(["a=@-", "b=@-"])
@example(["a.b:={}", "a.b.c=1", "a=1", "a.b=2"])
def test_no_items_raise_anything_but_our_errors_and_all_others_are_json(items: list[str]) -> None:
    try:
        made = parse(items, {"base": {"b": 1}}, stdin=io.BytesIO(b"from stdin"))
    except (UsageError, FileError):
        return
    json.dumps(made, allow_nan=False, default=lambda file: file.path).encode()


def test_a_hundred_levels_are_deep_enough() -> None:
    made: object = parse([".".join("a" * 100) + "=x", "b:=" + "[" * 99 + "]" * 99], stdin=NOTHING)["a"]
    for _ in range(99):
        assert isinstance(made, dict)
        made = made["a"]
    assert made == "x"


def test_what_items_say_wins_over_the_base_which_stays_as_it_was() -> None:
    base: dict[str, object] = {"a": {"b": 1, "c": 2}, "row": [1], "x": "y"}
    made = parse(["a.b=new", "row[]=2", "more=z"], base, NOTHING)
    assert made == {"a": {"b": "new", "c": 2}, "row": [1, "2"], "x": "y", "more": "z"}
    assert base == {"a": {"b": 1, "c": 2}, "row": [1], "x": "y"}


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"a dog\n", "a dog"),
            (b"a dog\r\n", "a dog"),
            (b"a dog", "a dog"),
            (b"two\nlines\n\n", "two\nlines\n"),
            (b"\xef\xbb\xbfwith a BOM", "with a BOM"),
            ("naïve 漢字".encode(), "naïve 漢字"),
            (b"", ""),
        ],
    )
    def test_text_comes_from_a_file_without_its_last_line_break(
        self, tmp_path: Path, content: bytes, text: str
    ) -> None:
        (tmp_path / "prompt.txt").write_bytes(content)
        assert parse([f"prompt=@{tmp_path / 'prompt.txt'}"], stdin=NOTHING) == {"prompt": text}

    def test_json_comes_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "o.json").write_text('{"a": [1]}\n')
        assert parse([f"o:=@{tmp_path / 'o.json'}"], stdin=NOTHING) == {"o": {"a": [1]}}

    def test_a_file_that_is_no_text_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"\x89PNG\xff")
        with pytest.raises(UsageError, match="not UTF-8 at byte 0") as caught:
            parse([f"prompt=@{tmp_path / 'a.png'}"], stdin=NOTHING)
        assert "name@file" in str(caught.value.hint)

    def test_the_file_itself_stands_in_the_input(self, tmp_path: Path) -> None:
        path = tmp_path / "a=b@c.png"
        path.write_bytes(b"x")
        made = parse([f"image@{path}", f"rows[]@{path}", f"deep.er@{path}"], stdin=NOTHING)
        file = LocalFile(str(path))
        assert made == {"image": file, "rows": [file], "deep": {"er": file}}

    def test_the_home_folder_can_be_written_as_a_tilde(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "a.txt").write_text("x")
        assert parse(["t=@~/a.txt", "f@~/a.txt"], stdin=NOTHING) == {"t": "x", "f": LocalFile(str(tmp_path / "a.txt"))}


class TestStandardInput:
    def test_a_dash_is_standard_input(self) -> None:
        assert parse(["prompt=@-"], stdin=io.BytesIO(b"a dog\n")) == {"prompt": "a dog"}
        assert parse(["o:=@-"], stdin=io.BytesIO(b"[1]\n")) == {"o": [1]}
        assert read_object("-", io.BytesIO(b'{"a": 1}')) == {"a": 1}

    def test_two_items_cannot_share_it(self) -> None:
        with pytest.raises(UsageError, match="both want standard input"):
            parse(["a=@-", "b=@-"], stdin=io.BytesIO(b"x"))

    @pytest.mark.parametrize("read", [lambda: parse(["a=@-"], stdin=NOTHING), lambda: read_object("-", NOTHING)])
    def test_an_empty_one_is_no_prompt(self, read: Any) -> None:
        with pytest.raises(UsageError, match="is empty"):
            read()

    def test_a_closed_one_is_missed_by_nobody_who_does_not_read_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        assert parse(["a=1"]) == {"a": "1"}
        assert parse(["a=@-"], stdin=io.BytesIO(b"handed in")) == {"a": "handed in"}
        with pytest.raises(UsageError, match="closed"):
            parse(["a=@-"])

    def test_it_is_the_programs_own_where_none_is_handed_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a dog\n")))
        assert parse(["a=@-"]) == {"a": "a dog"}


class TestReadObject:
    def test_an_object_comes_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "i.json").write_bytes(b'\xef\xbb\xbf{"prompt": "a dog"}')
        assert read_object(str(tmp_path / "i.json")) == {"prompt": "a dog"}

    @pytest.mark.parametrize("content", [b"[1]", b"null", b'"x"', b"{", b"", b"\xff", b'{"a": 1e999}', b"{} {}"])
    def test_anything_else_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "i.json").write_bytes(content)
        with pytest.raises(UsageError, match="-i "):
            read_object(str(tmp_path / "i.json"))

    def test_a_missing_file_is_named(self) -> None:
        with pytest.raises(UsageError, match=r"/nowhere/i\.json cannot be read"):
            read_object("/nowhere/i.json")
