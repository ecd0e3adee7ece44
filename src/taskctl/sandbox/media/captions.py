"""SubRip captions."""

from __future__ import annotations

import textwrap

__all__ = ["srt"]


def srt(prompt: str) -> bytes:
    """The prompt's own words, two seconds for every line."""
    lines = textwrap.wrap(prompt, 42) or ["..."]
    blocks = [
        f"{number}\n{_time(2 * number - 2)} --> {_time(2 * number)}\n{line}\n" for number, line in enumerate(lines, 1)
    ]
    return "\n".join(blocks).encode("utf-8", "replace")


def _time(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},000"
