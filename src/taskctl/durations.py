"""Durations as people write them: `90`, `1.5`, `500ms`, `30s`, `10m`, `1h30m`, `2d`."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
LONGEST = 100 * 366 * 86400.0
"""A century: spans beyond it are mistakes, and overflow where they are added to a date."""
ALLOWED = "seconds (90, 1.5) or 500ms, 30s, 10m, 1h30m, 2d"


def seconds(text: str) -> float:
    """The duration in seconds.

    Raises:
        ValueError: it is no duration; the message says what is one.
    """
    written = text.strip()
    if _NUMBER.fullmatch(written):
        number = float(written)
    elif _WHOLE.fullmatch(written):
        number = sum(float(part) * _SECONDS[unit] for part, unit in _PART.findall(written))
    else:
        raise ValueError(f"{_short(text)} is not a duration: give {ALLOWED}")
    if number > LONGEST:
        raise ValueError(f"{_short(text)} is longer than a century: give {ALLOWED}")
    return number


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


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
