"""How long a provider asks us to wait, out of the headers of its answer. Header names are lower case."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from taskctl.dialects import values

_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
_LONGEST_DATE = 64
_LONGEST_LEFT = 1e8
"""Seconds; what is more is a time. Three years from 1970 is none that a limit ends at."""


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds to wait before the request is sent again; None where the provider does not say.

    `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). `retry-after-ms` is more exact and goes
    first; `openai-poll-after-ms` comes with the OpenAI Videos API and its kin. A date counts from the answer's
    own `Date`, whatever our clock shows, else from `now`.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None:
        return seconds
    date = _date(said)
    if date is not None:
        return _until(date, headers, now)
    return poll_after(headers)


def poll_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the next look, where an answer about a task names them."""
    milliseconds = _number(headers.get("openai-poll-after-ms"))
    return None if milliseconds is None else milliseconds / 1000


def until_reset(
    headers: Mapping[str, str], reset: str, *, remaining: str | None = None, now: datetime | None = None
) -> float | None:
    """Seconds until the limit ends whose Unix time, or whose seconds left, the header `reset` holds.

    None where the header `remaining` says that something is left: then it was another limit that refused us.
    """
    left = values.number(headers.get(remaining.lower())) if remaining else None
    if left is not None and left > 0:
        return None
    seconds = _number(headers.get(reset.lower()))
    if seconds is not None and 0 < seconds < _LONGEST_LEFT:
        return seconds
    end = values.moment(headers.get(reset.lower()))
    return None if end is None else _until(end, headers, now)


def _until(end: datetime, headers: Mapping[str, str], now: datetime | None) -> float | None:
    start = _date(headers.get("date")) or now
    return None if start is None else max(0.0, (end - start).total_seconds())


def _number(said: str | None) -> float | None:
    return float(said) if said is not None and _NUMBER.fullmatch(said := said.strip()) else None


def _date(said: str | None) -> datetime | None:
    """An HTTP date in any of its three forms; asctime has no zone and means UTC."""
    if said is None or len(said) > _LONGEST_DATE:
        return None
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(said)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
