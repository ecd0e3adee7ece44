"""Reading what providers write in a dozen ways: progress, times, ids, numbers, URLs, errors."""

import math
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from taskctl.model import Failure, Kind

LONGEST_ID = 512
LONGEST_WORD = 200
LONGEST_SENTENCE = 2000
LONGEST_SPAN = 1e9
"""Seconds, some thirty years: a longer span is a mistake."""
_LAST_YEAR = 2999
"""Later times are mistakes too, and would overflow where a span is added to them."""
_PROGRESS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%?\s*")
_MILLISECONDS = 1e11
"""Unix times above this are in milliseconds (Kling, Midjourney): in seconds it would be the year 5138."""
_EXTENSIONS = {
    Kind.VIDEO: {".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v", ".flv"},
    Kind.IMAGE: {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tiff", ".svg"},
    Kind.AUDIO: {".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".wma"},
    Kind.TEXT: {".txt", ".srt", ".vtt", ".json", ".md"},
}


def text(value: object) -> str | None:
    """The value as text; whole numbers by themselves, nothing and the empty text as None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def word(value: object) -> str | None:
    """A state, a code or a name: text that fits a column."""
    return _cut(text(value), LONGEST_WORD)


def sentence(value: object) -> str | None:
    """A message to a person: text that fits a screen."""
    return _cut(text(value), LONGEST_SENTENCE)


def _cut(said: str | None, longest: int) -> str | None:
    return said if said is None or len(said) <= longest else f"{said[: longest - 1]}…"


def identifier(value: object) -> str | None:
    """An id: printable ASCII without spaces, up to 512 characters; whole numbers become text.

    Kling's ids are 18 digits long, YEScale's hold square brackets. Dots alone are none: such a path leads elsewhere.
    """
    found = text(value)
    if found is None or len(found) > LONGEST_ID or found in (".", ".."):
        return None
    return found if all("!" <= character <= "~" for character in found) else None


def number(value: object) -> float | None:
    """A finite number, also where it is written as text."""
    if isinstance(value, str):
        try:
            value = float(value) if "_" not in value else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def span(value: object) -> float | None:
    """Seconds that something takes or lasts: a number from 0 up to thirty years."""
    said = number(value)
    return said if said is not None and 0 <= said <= LONGEST_SPAN else None


def progress(value: object) -> int | None:
    """Per cent from 0 to 100 out of `65`, `65.4`, `"65"`, `"65%"`; None where it is empty or no number.

    EvoLink and MoneyPrinterTurbo send whole numbers, YEScale a text with `%`; fractions of 1 are not guessed at.
    """
    if isinstance(value, str):
        match = _PROGRESS.fullmatch(value)
        value = float(match[1]) if match else None
    said = number(value)
    return None if said is None else int(min(100.0, max(0.0, said)))


def moment(value: object) -> datetime | None:
    """A time out of Unix seconds, Unix milliseconds or ISO 8601; the epoch and before mean unset.

    YEScale writes 0 into the `finish_time` of a task that has not ended; servers written in Go have the year 1 there.
    """
    if isinstance(value, str) and not value.strip().lstrip("-").replace(".", "", 1).isdigit():
        return _iso(value.strip())
    said = number(value)
    if said is None or said <= 0:
        return None
    try:
        return _sane(datetime.fromtimestamp(said / 1000 if said > _MILLISECONDS else said, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def _iso(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
        return _sane(found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _sane(found: datetime) -> datetime | None:
    return found if found.timestamp() > 0 and found.year <= _LAST_YEAR else None


def boolean(value: object) -> bool | None:
    """True or false, and nothing else."""
    return value if isinstance(value, bool) else None


def kind(value: object) -> Kind | None:
    """The kind that a word (`video`, `Image`) or a content type (`video/mp4`) names."""
    named = (text(value) or "").lower().split("/")[0].split(";")[0].strip()
    return Kind(named) if named in set(Kind) else None


def kind_of_url(url: str) -> Kind | None:
    """The kind that the extension of the URL's path tells; the query does not count."""
    try:
        extension = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    except ValueError:
        return None
    return next((kind for kind, known in _EXTENSIONS.items() if extension in known), None)


CODES = ("code", "type")
MESSAGES = ("message", "msg", "detail", "reason")
"""The members that an error object is read by, first come, first served."""


def failure(value: object) -> Failure | None:
    """An error that is a sentence, or an object with a code and a message.

    ePhone and YEScale write a sentence; EvoLink an object whose code is a text or a number.
    """
    if isinstance(value, dict):
        code = next((said for name in CODES if (said := word(value.get(name)))), None)
        message = next((said for name in MESSAGES if (said := sentence(value.get(name)))), None)
        return Failure(code=code, message=message or code or "") if message or code else None
    said = sentence(value)
    return Failure(code=None, message=said) if said else None
