"""Reading what providers write in a dozen ways: progress, times, ids, numbers, URLs, errors."""

import math
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from taskctl.model import Failure, Kind

LONGEST_ID = 512
_PROGRESS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%?\s*")
_MILLISECONDS = 1e11
"""Unix times above this are in milliseconds: in seconds it would be the year 5138."""
_EXTENSIONS = {
    Kind.VIDEO: {".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v", ".flv"},
    Kind.IMAGE: {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tiff", ".svg"},
    Kind.AUDIO: {".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".wma"},
    Kind.TEXT: {".txt", ".srt", ".vtt", ".json", ".md"},
}


def text(value: object) -> str | None:
    """The value as text; numbers by themselves, nothing and the empty text as None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def identifier(value: object) -> str | None:
    """An id: printable ASCII without spaces, up to 512 characters; whole numbers become text."""
    found = text(value)
    if found is None or len(found) > LONGEST_ID or not all("!" <= character <= "~" for character in found):
        return None
    return found


def number(value: object) -> float | None:
    """A finite number, also where it is written as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def progress(value: object) -> int | None:
    """Per cent from 0 to 100 out of `65`, `65.4`, `"65"`, `"65%"`; None where it is empty or no number."""
    if isinstance(value, str):
        match = _PROGRESS.fullmatch(value)
        value = float(match[1]) if match else None
    said = number(value)
    return None if said is None else int(min(100.0, max(0.0, said)))


def moment(value: object) -> datetime | None:
    """A time out of Unix seconds, Unix milliseconds or ISO 8601; 0 and negative numbers mean unset."""
    if isinstance(value, str) and not value.strip().lstrip("-").replace(".", "", 1).isdigit():
        return _iso(value.strip())
    said = number(value)
    if said is None or said <= 0:
        return None
    try:
        return datetime.fromtimestamp(said / 1000 if said > _MILLISECONDS else said, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _iso(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def boolean(value: object) -> bool | None:
    """True or false, and nothing else."""
    return value if isinstance(value, bool) else None


def kind(value: object) -> Kind | None:
    """The kind that a word (`video`, `Image`) or a content type (`video/mp4`) names."""
    word = (text(value) or "").lower().split("/")[0].split(";")[0]
    return Kind(word) if word in set(Kind) else None


def kind_of_url(url: str) -> Kind | None:
    """The kind that the extension of the URL's path tells; the query does not count."""
    try:
        extension = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    except ValueError:
        return None
    return next((kind for kind, known in _EXTENSIONS.items() if extension in known), None)


def failure(value: object) -> Failure | None:
    """An error that is a sentence, or an object with a code and a message."""
    if isinstance(value, dict):
        code = text(value.get("code")) or text(value.get("type"))
        message = next((said for name in ("message", "msg", "detail", "reason") if (said := text(value.get(name)))), None)
        return Failure(code=code, message=message or code or "") if message or code else None
    said = text(value)
    return Failure(code=None, message=said) if said else None
