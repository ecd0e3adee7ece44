"""What a result file is called and what it is: names are ours, the extension is what the bytes are."""

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from string import Formatter
from urllib.parse import unquote, urlsplit

from taskctl.errors import UsageError
from taskctl.model import Kind, Output, Task

FIELDS = ("id", "index", "kind", "model", "profile", "prompt", "date", "ext", "name")
DEFAULT = "{id}-{index}{ext}"
LONGEST = 200
"""Bytes of a name; file systems take 255, and `.part` must fit too."""
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?")
_TYPES = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/svg+xml": ".svg",
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "application/x-subrip": ".srt",
    "text/vtt": ".vtt",
    "text/plain": ".txt",
    "model/gltf-binary": ".glb",
    "application/zip": ".zip",
    "application/json": ".json",
}
_KNOWN = {*_TYPES.values(), ".jpeg", ".avi", ".flv", ".m4v", ".opus", ".wma", ".bmp", ".tiff", ".md"}
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
_BY_KIND = {Kind.VIDEO: ".mp4", Kind.IMAGE: ".png", Kind.AUDIO: ".mp3", Kind.TEXT: ".txt", Kind.FILE: ".bin"}


_BRANDS = {
    b"qt  ": ".mov",
    b"M4A ": ".m4a",
    b"M4V ": ".m4v",
    b"avif": ".avif",
    b"avis": ".avif",
    b"heic": ".heic",
    b"heix": ".heic",
    b"mif1": ".heic",
}
"""What the kinds of ISO media files are called; any other is an MP4."""


def magic(start: bytes) -> str | None:
    """The extension that the first bytes of a file prove; `.html` and `.json` for pages that are no media."""
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], ".mp4")
    if start.startswith(b"\x1aE\xdf\xa3"):
        return ".mkv" if b"matroska" in start[:64] else ".webm"
    for mark, extension in (
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"\xff\xd8\xff", ".jpg"),
        (b"GIF8", ".gif"),
        (b"ID3", ".mp3"),
        (b"\xff\xfb", ".mp3"),
        (b"\xff\xf3", ".mp3"),
        (b"fLaC", ".flac"),
        (b"OggS", ".ogg"),
        (b"glTF", ".glb"),
        (b"PK\x03\x04", ".zip"),
    ):
        if start.startswith(mark):
            return extension
    if start[:4] == b"RIFF":
        return {b"WAVE": ".wav", b"WEBP": ".webp", b"AVI ": ".avi"}.get(start[8:12])
    head = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in head:
        return ".svg"
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml", b"<error", b"<!--")):
        return ".html"
    return ".json" if re.match(rb'[{\[]\s*["{}\]]', head) else None


def is_page(start: bytes, content_type: str | None) -> bool:
    """Whether this is a web page or an error document rather than media."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    proven = magic(start)
    if proven in (".html", ".json"):
        return True
    return proven is None and kind in (
        "text/html",
        "application/json",
        "application/xml",
        "text/xml",
        "application/problem+json",
        "text/plain",
    )


def extension(output: Output, start: bytes, content_type: str | None) -> str:
    """The extension of a result: what its bytes prove, else its type, else its URL, else its kind."""
    proven = magic(start)
    if proven and proven not in (".html", ".json"):
        return proven
    for said in (content_type, output.content_type):
        found = _TYPES.get((said or "").partition(";")[0].strip().lower())
        if found:
            return found
    suffix = PurePosixPath(unquote(urlsplit(output.url or "").path)).suffix.lower()
    return suffix if suffix in _KNOWN else _BY_KIND[output.kind]


def check_template(template: str) -> None:
    """Refuse a template that names what there is not.

    Raises:
        UsageError: it does.
    """
    try:
        named = [
            field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            for _, field, spec, conversion in Formatter().parse(template)
            if field is not None
        ]
    except ValueError as problem:
        raise UsageError(f"--name {template!r}: {problem}") from problem
    for field in named:
        if field not in FIELDS:
            fields = " ".join(f"{{{name}}}" for name in FIELDS)
            raise UsageError(f"--name {template!r}: {{{field}}} is no field", hint=f"there are {fields}")
    if "/" in template or "\\" in template:
        raise UsageError(f"--name {template!r} holds a path", hint="name the folder with --dir")


def file_name(template: str, task: Task, output: Output, ext: str) -> str:
    """The name of this output's file. Every field is made safe on its own, and so is the whole."""
    url_name = PurePosixPath(unquote(urlsplit(output.url or "").path)).stem
    values = {
        "id": task.name,
        "index": str(output.index),
        "kind": output.kind.value,
        "model": task.model or "",
        "profile": task.profile,
        "prompt": " ".join(task.prompt.split())[:60],
        "date": task.submitted_at.strftime("%Y-%m-%d") if task.submitted_at else "",
        "name": url_name,
    }
    cleaned = {name: clean(value, empty="") for name, value in values.items()} | {"ext": ext}
    written = template.format_map(cleaned)
    stem = written.removesuffix(ext)
    return _cut(clean(stem), LONGEST - len(ext.encode())) + (ext if written.endswith(ext) else "")


def part_name(task: Task, output: Output) -> str:
    """The name of this output's unfinished file: no other output has it, however alike the ids are."""
    identity = f"{task.base_url}\n{task.name}\n{output.index}".encode(errors="backslashreplace")
    return f"{_cut(clean(task.name), 80)}-{output.index}.{hashlib.sha256(identity).hexdigest()[:8]}.part"


def clean(text: str, *, empty: str = "result") -> str:
    """The text as a file name: no path, nothing invisible, no leading dot, no word that a system takes for a device."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", text.encode("utf-8", errors="replace").decode("utf-8"))
        text = "".join(character for character in text if unicodedata.category(character) not in _INVISIBLE)
    text = re.sub(r'[<>:"|?*/\\]', "_", text).lstrip(".-~ _").rstrip(". ")
    if _DEVICES.fullmatch(text):
        text = f"_{text}"
    return text or empty


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", errors="ignore").rstrip(". ") or "result"
