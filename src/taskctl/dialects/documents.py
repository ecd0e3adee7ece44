"""JSON as foreign servers send it, read so that nothing in it can hurt later."""

import json
import re
from math import isfinite

DEEPEST = 64
"""Levels of nesting; what lies deeper is no answer of a media API."""
MOST = 250_000
"""Members and items of an answer; more would take far more memory than they have bytes."""
LONGEST = 1000
"""Digits of a number."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decoded(body: bytes) -> object:
    """The JSON of an answer; None where it is none, or has more in it, or nested deeper, than any answer.

    What no JSON can hold is not known: NaN, infinities and numbers of thousands of digits become null. Lone
    surrogates, which no UTF-8 can hold, become U+FFFD.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST:
        return None
    text = body.decode("utf-8-sig", errors="replace")
    try:
        document = json.loads(text, parse_constant=_unknown, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    if not _shallow(document):
        return None
    return _mended(document) if _SURROGATE.search(text) else document


def _unknown(_: str) -> None:
    return None


def _finite(written: str) -> float | None:
    number = float(written)
    return number if isfinite(number) else None


def _whole(written: str) -> int | None:
    return int(written) if len(written) <= LONGEST else None


def _shallow(document: object) -> bool:
    level: list[object] = [document]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return True
    return False


def _mended(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {_mended(name): _mended(member) for name, member in value.items()}
        case _:
            return value
