"""JSON as foreign servers send it, read so that nothing in it can hurt later."""

import json
import re
from math import isfinite
from typing import Never

DEEPEST = 64
"""Levels of nesting; what lies deeper is no answer of a media API."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decoded(body: bytes) -> object:
    """The JSON of an answer; None where it is none, or none that we would store: NaN, endless numbers, abysses.

    Lone surrogates, which no UTF-8 can hold, become their visible escapes.
    """
    text = body.decode("utf-8-sig", errors="replace")
    try:
        document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    if not _shallow(document):
        return None
    return _mended(document) if _SURROGATE.search(text) else document


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


def _finite(written: str) -> float:
    number = float(written)
    return number if isfinite(number) else _refuse(written)


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
            return value.encode("utf-8", errors="backslashreplace").decode()
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {_mended(name): _mended(member) for name, member in value.items()}
        case _:
            return value
