"""Durations as people write them: `90`, `1.5`, `500ms`, `30s`, `10m`, `1h30m`, `2d`."""

import re
from math import isfinite

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
ALLOWED = "seconds (90, 1.5) or 500ms, 30s, 10m, 1h30m, 2d"


def seconds(text: str) -> float:
    """The duration in seconds.

    Raises:
        ValueError: it is no duration; the message says what is one.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"{text!r} is not a duration: give {ALLOWED}") from None
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if number < 0 or not isfinite(number):
        raise ValueError(f"{text!r} is not a duration: give {ALLOWED}")
    return number


def words(span: float) -> str:
    """The duration as people say it, to two units: `12s`, `3m05s`, `2h10m`, `3d4h`."""
    whole = round(span)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"
