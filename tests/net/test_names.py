import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskctl.errors import UsageError
from taskctl.model import Kind, Output, Task
from taskctl.net.names import DEFAULT, FIELDS, check_template, clean, extension, file_name, is_page, magic, part_name

TASK = Task(
    id="01K5", key=None, profile="studio", dialect="d", base_url="https://h", model="seedance/2.0",
    submitted_at=datetime(2026, 11, 22, 23, 59, tzinfo=UTC), input={"prompt": "a dog,\n on a beach"},
)  # fmt: skip
VIDEO = Output(index=0, kind=Kind.VIDEO, url="https://cdn.example/some%20clip.MP4?sig=1#x")
HOSTILE = [
    "", ".", "..", "...", "/", "\\", "//", "../", "..\\", "../../etc/passwd", "..\\..\\windows\\win.ini",
    "/etc/passwd", "C:\\boot.ini", "C:evil", "\\\\server\\share\\x", "//server/share", "..%2f..%2fetc",
    "%252e%252e%252f",
    "a/b/c", "a\\b\\c", "./.bashrc", ".bashrc", ".ssh/authorized_keys", "~/.profile", "~root", "-rf", "--help", "-",
    "~", "con", "CON.mp4", "nul", "NUL.tar.gz", "aux ", "com1", "COM¹.txt", "lpt9.x", "PRN .mp4", "CONIN$", "a.", "a ",
    "a. . .", "  a", "a\0b", "a\0.mp4", "a\nb", "a\r\nb", "a\tb", "\x1b[31mred", "\x9bx", "gpj.\u202eexe", "a\u200bb",
    "\ufeffa", "\ud800", "a\udcffb", "::$DATA", "a:stream", "a*b?c|d<e>f\"g", "x" * 300, "漢" * 300, "😀" * 100,
    "e\u0301" * 200, "`id`", "$(id)", "a;rm -rf ~", "index.html", "x.exe", "{id}", "%s%n", "#", "\u2028", "null",
    "[0]task", "task(1)", "a b", "\u2024\u2024/x", "\uff0e\uff0e\uff0fx", "con\u200b", "\u00adcon",
    "nul\u0301.txt", "_", "__", "_con",
]  # fmt: skip


DEVICES = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "CONIN$",
    "CONOUT$",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"),
}


def is_one_plain_name(name: str) -> bool:
    return (
        name not in ("", ".", "..")
        and not any(character in name for character in '/\\<>:"|?*\0')
        and PurePosixPath(name).name == name
        and PureWindowsPath(name).name == name
        and name.partition(".")[0].rstrip().upper() not in DEVICES
        and name[0] not in ".-~ "
        and name[-1] not in ". "
        and not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in name)
        and len(name.encode()) <= 255
    )


def test_the_corpus_is_large_enough() -> None:
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_name_becomes_a_plain_one_inside_the_folder(tmp_path: Path, text: str) -> None:
    for template in (DEFAULT, "{id}{ext}", "{name}{ext}", "{prompt}", "{model}.{profile}{ext}", "{ext}{id}"):
        task = replace(TASK, id=text, model=text, profile=text, input={"prompt": text})
        output = replace(VIDEO, url=f"https://cdn/{text}" if text.isprintable() else None)
        name = file_name(template, task, output, ".mp4")
        assert is_one_plain_name(name), (template, name)
        path = tmp_path / name
        path.write_bytes(b"x")
        assert path.resolve().parent == tmp_path.resolve()
        assert [found.name for found in tmp_path.iterdir()] == [unicodedata.normalize("NFC", name)]
        path.unlink()


@settings(max_examples=60)
@given(st.text() | st.sampled_from(HOSTILE), st.text() | st.sampled_from(HOSTILE))
@example("x" * 195 + ".", "")
@example("con", ".mp4")
def test_no_text_makes_anything_but_a_plain_name(id_: str, prompt: str) -> None:
    task = replace(TASK, id=id_ or None, input={"prompt": prompt})
    for name in (
        file_name(DEFAULT, task, VIDEO, ".mp4"),
        file_name("{prompt}{ext}", task, VIDEO, ".mp4"),
        part_name(task, VIDEO),
    ):
        assert is_one_plain_name(name)
        assert len(name.encode()) <= 200
        assert name.endswith((".mp4", ".part"))


@settings(max_examples=60)
@given(st.text())
def test_a_clean_name_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("01K5-abc_DEF.9", "01K5-abc_DEF.9"),
        ("Ünï 漢字", "Ünï 漢字"),
        ("u\u0308", "ü"),
        ("a/b", "a_b"),
        ("..", "result"),
        ("...hidden", "hidden"),
        ("con", "_con"),
        ("CON .mp4", "_CON .mp4"),
        ("console", "console"),
        ("a\0b", "ab"),
    ],
)
def test_names_keep_what_they_can(text: str, name: str) -> None:
    assert clean(text) == name


def test_nothing_left_is_called_what_the_caller_says() -> None:
    assert clean("///", empty="") == ""
    assert clean("///") == "result"


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "name"),
        [
            (DEFAULT, "01K5-0.mp4"),
            ("{id}", "01K5"),
            ("{index}{ext}", "0.mp4"),
            ("{kind}-{profile}{ext}", "video-studio.mp4"),
            ("{model}{ext}", "seedance_2.0.mp4"),
            ("{prompt}{ext}", "a dog, on a beach.mp4"),
            ("{date}{ext}", "2026-11-22.mp4"),
            ("{name}{ext}", "some clip.mp4"),
            ("out", "out"),
            ("{{{id}}}{ext}", "{01K5}.mp4"),
            ("{id}.mp4", "01K5.mp4"),
            ("", "result"),
            ("{ext}", "result.mp4"),
            ("a:b{ext}", "a_b.mp4"),
        ],
    )
    def test_a_template_makes_a_name(self, template: str, name: str) -> None:
        check_template(template)
        assert file_name(template, TASK, VIDEO, ".mp4") == name

    @pytest.mark.parametrize(
        "template",
        [
            "{nothing}", "{}", "{0}", "{id.__class__}", "{id[0]}", "{id!r}", "{id:>999999999}", "{id:{prompt}}",
            "{", "}", "{id", "a/b", "../{id}", "a\\b", "{id}/{name}", "{ id }", "{id:}x{model!s}", "{__import__}",
        ],
    )  # fmt: skip
    def test_a_template_that_reaches_for_more_is_refused(self, template: str) -> None:
        with pytest.raises(UsageError, match="--name"):
            check_template(template)

    def test_every_field_can_be_empty(self) -> None:
        bare = Task(id=None, key=None, profile="", dialect="d", base_url="https://h")
        text = Output(index=0, kind=Kind.TEXT, text="x")
        for field in FIELDS:
            assert is_one_plain_name(file_name(f"{{{field}}}", bare, text, ".txt"))

    def test_a_long_name_is_cut_before_its_extension(self) -> None:
        name = file_name(DEFAULT, replace(TASK, id="漢" * 400), VIDEO, ".mp4")
        assert len(name.encode()) <= 200
        assert name.endswith(".mp4")
        assert set(name.removesuffix(".mp4")) == {"漢"}


class TestPartNames:
    def test_no_two_outputs_share_an_unfinished_file(self) -> None:
        long, other = "x" * 300 + "1", "x" * 300 + "2"
        outputs = [
            (TASK, VIDEO),
            (TASK, replace(VIDEO, index=1)),
            (replace(TASK, base_url="https://other"), VIDEO),
            (replace(TASK, id="a/b"), VIDEO),
            (replace(TASK, id="a_b"), VIDEO),
            (replace(TASK, id="-a_b"), VIDEO),
            (replace(TASK, id=long), VIDEO),
            (replace(TASK, id=other), VIDEO),
        ]
        assert len({part_name(task, output) for task, output in outputs}) == len(outputs)

    def test_the_same_output_finds_its_unfinished_file_again(self) -> None:
        fresh = replace(VIDEO, url="https://cdn.example/clip?sig=2")
        assert part_name(TASK, fresh) == part_name(TASK, VIDEO)
        assert part_name(TASK, VIDEO).startswith("01K5-0.")


MAGIC = [
    (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", ".mp4"),
    (b"\x00\x00\x00\x20ftypmp42", ".mp4"),
    (b"\x00\x00\x00\x14ftypqt  ", ".mov"),
    (b"\x00\x00\x00\x20ftypM4A ", ".m4a"),
    (b"\x00\x00\x00\x20ftypM4V ", ".m4v"),
    (b"\x00\x00\x00\x20ftypavif", ".avif"),
    (b"\x00\x00\x00\x20ftypheic", ".heic"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", ".webm"),
    (b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", ".mkv"),
    (b"\x89PNG\r\n\x1a\n\x00", ".png"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", ".jpg"),
    (b"GIF89a", ".gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ".webp"),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", ".wav"),
    (b"RIFF\x00\x00\x00\x00AVI LIST", ".avi"),
    (b"RIFF\x00\x00\x00\x00XXXX", None),
    (b"ID3\x04\x00", ".mp3"),
    (b"\xff\xfb\x90\x00", ".mp3"),
    (b"\xff\xf3\x90\x00", ".mp3"),
    (b"fLaC\x00", ".flac"),
    (b"OggS\x00", ".ogg"),
    (b"glTF\x02", ".glb"),
    (b"PK\x03\x04", ".zip"),
    (b'<svg xmlns="http://www.w3.org/2000/svg">', ".svg"),
    (b'<?xml version="1.0"?>\n<svg viewBox="0 0 1 1">', ".svg"),
    (b"<!DOCTYPE html><html>", ".html"),
    (b"\xef\xbb\xbf\r\n  <HTML>", ".html"),
    (b"<html><body><svg></svg>", ".html"),
    (b"<head><title>503</title>", ".html"),
    (b"<!-- cached --><html>", ".html"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', ".html"),
    (b"<Error><Code>ExpiredToken</Code>", ".html"),
    (b'{"error": 1}', ".json"),
    (b'{ "error" : 1}', ".json"),
    (b"{\n}", ".json"),
    (b'[{"error": 1}]', ".json"),
    (b"{}", ".json"),
    (b"[intro] la la", None),
    (b"1\n00:00:01,000 --> 00:00:02,000", None),
    (b"\x00\x01\x02", None),
    (b"", None),
    (b"f", None),
]


@pytest.mark.parametrize(("start", "proven"), MAGIC)
def test_the_first_bytes_prove_what_a_file_is(start: bytes, proven: str | None) -> None:
    assert magic(start) == proven


@settings(max_examples=60)
@given(st.binary(max_size=600))
def test_any_bytes_can_be_looked_at(start: bytes) -> None:
    proven = magic(start)
    assert proven is None or proven.startswith(".")
    assert extension(VIDEO, start, None).startswith(".")
    is_page(start, None)


@pytest.mark.parametrize(
    ("start", "content_type", "page"),
    [
        (b"<!doctype html>", "video/mp4", True),
        (b"<!doctype html>", None, True),
        (b'{"error": "expired"}', "application/octet-stream", True),
        (b"Access denied", "text/html; charset=utf-8", True),
        (b"Access denied", "TEXT/HTML", True),
        (b"Access denied", "text/plain", True),
        (b"nonsense", "application/problem+json", True),
        (b"nonsense", "application/octet-stream", False),
        (b"nonsense", None, False),
        (b"\x00\x00\x00\x20ftypisom", "text/html", False),
        (b"\x89PNG\r\n\x1a\n", "application/json", False),
        (b"<svg>", "image/svg+xml", False),
    ],
)
def test_a_page_is_no_media(start: bytes, content_type: str | None, page: bool) -> None:
    assert is_page(start, content_type) is page


@pytest.mark.parametrize(
    ("start", "content_type", "output", "ext"),
    [
        (b"\x89PNG\r\n\x1a\n", "video/mp4", {}, ".png"),
        (b"?", "video/webm", {}, ".webm"),
        (b"?", "Audio/MPEG; rate=1", {"kind": Kind.AUDIO}, ".mp3"),
        (b"?", "application/octet-stream", {"content_type": "image/webp"}, ".webp"),
        (b"?", None, {"url": "https://cdn/x/Clip.MOV?sig=a.exe"}, ".mov"),
        (b"?", None, {"url": "https://cdn/x.exe"}, ".mp4"),
        (b"?", None, {"url": "https://cdn/x.php"}, ".mp4"),
        (b"?", None, {"url": "https://cdn/x%2Eflac", "kind": Kind.AUDIO}, ".flac"),
        (b"?", "text/html", {"url": "https://cdn/x.sh", "kind": Kind.FILE}, ".bin"),
        (b"<html>", "text/html", {"url": "https://cdn/x", "kind": Kind.FILE}, ".bin"),
        (b'{"a": 1}', "application/json", {"url": "https://cdn/x", "kind": Kind.FILE}, ".json"),
        (b"?", None, {"url": None, "kind": Kind.TEXT}, ".txt"),
        (b"?", None, {"url": "https://cdn/x", "kind": Kind.IMAGE}, ".png"),
        (b"?", None, {"url": "https://cdn/x", "kind": Kind.AUDIO}, ".mp3"),
    ],
)
def test_an_extension_is_what_the_bytes_prove_else_what_is_said_else_what_was_ordered(
    start: bytes, content_type: str | None, output: dict[str, object], ext: str
) -> None:
    assert extension(replace(VIDEO, **{"url": "https://cdn/x", **output}), start, content_type) == ext  # type: ignore[arg-type]  # a table of members
