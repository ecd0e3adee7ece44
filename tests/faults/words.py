"""Hostile words, and oracles that tell whether a terminal or a CI runner would obey what was said."""

import gc
import os
import re
import signal
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import pexpect
from hypothesis import strategies as st

from tests.faults.console import Console
from tests.faults.server import Asked, answer, json_answer
from tests.harness import SCRIPT
from tests.inside import Inside

FULL = os.environ.get("TASKCTL_FAULTS") == "full"
"""Whether there is time for everything."""

ESCAPES = (
    "\x1b[31mred",
    "\x1b[2J\x1b[H",
    "\x1b[8mhidden\x1b[0m",
    "\x1b[1A\x1b[2Koverwritten",
    "\x1b[6n",
    "\x1b[?1049h",
    "\x1b[20h",
    "\x1b]0;title\x07",
    "\x1b]2;title\x1b\\",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]1337;File=inline=1:AAAA\x07",
    "\x1bPq#0;2;0;0;0\x1b\\",
    "\x1b_Gf=24;AAAA\x1b\\",
    "\x1bc",
    "\x1b#8",
    "\x1b(0",
    "\x9b31mred",
    "\x9d52;c;cm0gLXJmIC8=\x9c",
    "\x90q\x9c",
    "\x85next line",
    "\a\a\a",
    "good\b\b\b\bevil",
    "good\revil",
    "a\vb\fc",
    "\x00\x7f\x0e\x0f",
    "abc\u202edcba",
    "\u2066abc\u2069\u061c\u200f",
    "pay\u200bpal\u2060\ufeff\u00ad",
    "half \ud83d\U000e0041\U000e007f",
    "line\u2028line\u2029line",
    "\u115f\u3164\u034f\ufe0f",
)
"""What moves terminals, hides itself, or turns text around."""

OURS = re.compile(r"\r*\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[lh]\r?)|\r+(?=\n)")
"""What a terminal gets from us: colours, lines taken back, the cursor out of sight."""
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_UNSEEN = {chr(code) for code in (*range(0xFE00, 0xFE10), 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)}


def harmful(text: str) -> set[str]:
    """The characters in it that move a terminal or hide."""
    return {
        character
        for character in text
        if character not in "\n\t" and (unicodedata.category(character) in _HIDDEN or character in _UNSEEN)
    }


_BREAKS = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
_GITLAB = re.compile(r"section_(start|end):[0-9]+:.*\r\x1b\[0K")
_GITHUB = frozenset(
    {
        *("set-output", "set-env", "add-path", "add-mask", "save-state", "debug", "warning", "error", "notice"),
        *("group", "endgroup", "echo", "add-matcher", "remove-matcher", "stop-commands", "internal-set-repo-path"),
    }
)


def commands(text: str, *, ours: bool = False) -> list[str]:
    """The lines that some CI runner obeys; with `ours`, but for what taskctl tells GitHub on purpose."""
    if _GITLAB.search(text):
        return [text]
    lines = _BREAKS.split(text)
    return [line for line in lines if _obeyed(line) and not (ours and _told_on_purpose(line))]


def _obeyed(line: str) -> bool:
    """GitHub's two notations as its runner parses them, whatever the command; Azure's and TeamCity's."""
    seen = "".join(one for one in line if one not in _UNSEEN and unicodedata.category(one) not in ("Cc", "Cf"))
    return _by_colons(seen) or _by_brackets(seen) or bool(re.search(r"##(vso|teamcity)\[", seen))


def _by_colons(line: str) -> bool:
    """`TryParseV2`: `::` at the start once white space is trimmed, and again after the command's name."""
    trimmed = line.lstrip()
    end = trimmed.find("::", 2)
    return trimmed.startswith("::") and end >= 0 and trimmed[2:end].partition(" ")[0] in _GITHUB


def _by_brackets(line: str) -> bool:
    """`TryParse`: `##[` anywhere, up to the next `]`."""
    start = line.find("##[")
    end = line.find("]", start)
    return start >= 0 and end >= 0 and line[start + 3 : end].partition(" ")[0] in _GITHUB


def _told_on_purpose(line: str) -> bool:
    """One annotation of ours: its properties are our own, and its message begins no further command."""
    head, mark, message = line.partition("::error title=taskctl::")
    return head == "" and mark != "" and not _obeyed(message)


_PIECES = (
    *("::", ":", "#", "##", "##[", "[", "]", " ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1b", "\x9b", "\x85", "%0A"),
    *("\u2028", "\u2029", "\u202e", "\u200b", "\ufeff", "\ufe0f", "\u034f", "\u00a0", "\u3000", "\ud800", "\x00", "|"),
    *("::add-mask::x", "##[error]x", "::error file=a,line=1::x", "set-output name=a", "::stop-commands::t", "%3A%3A"),
    *("##vso[task.setvariable variable=a]b", "##teamcity[message text='x']", "section_start:1:x\r\x1b[0K", "x" * 70),
)
TEXTS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), min_size=1, max_size=10).map("".join)
"""Texts of the kind that CI runners obey, and any others."""


@dataclass
class Parrot:
    """A provider of the dialects `ephone`, `evolink` and `bytespike` that puts the same words wherever words go."""

    words: str | tuple[str, ...] = ""
    """What it says; of several, one after the other."""
    id: str = "task-1"
    status: str = "completed"
    refuses: bool = False
    """Whether every request is answered with an error."""

    def __post_init__(self) -> None:
        self._turns = cycle((self.words,) if isinstance(self.words, str) else self.words)

    def __call__(self, asked: Asked) -> bytes:
        path = unquote(asked.path.partition("?")[0])
        if path.startswith("/files/"):
            return answer(200, b"\x00\x00\x00\x20ftypisom" + bytes(99), {"Content-Type": "video/mp4"})
        if self.refuses or path.startswith("/v1/tasks/cancel/"):
            error = {"message": next(self._turns), "code": next(self._turns), "type": next(self._turns)}
            return json_answer({"error": error}, 400 if asked.method == "POST" else 404)
        if path in ("/v1/models", "/v1/credits", "/api/v1/me/account"):
            account = {"user": {"remaining_credits": next(self._turns)}}
            balance = {"available_usd": next(self._turns)}
            listed = [{"id": next(self._turns)}, {"id": "x" * 300 + next(self._turns)}]
            told = {"data": account if path == "/v1/credits" else listed, "balance": balance}
            return json_answer({**told, "allowed_models": [next(self._turns)]})
        return json_answer({"data": [self._task()], "total": 1} if path == "/v1/tasks" else self._task())

    def _task(self) -> dict[str, Any]:
        link = f"/files/a.mp4?name={next(self._turns)}"
        result = {"url": link, "type": next(self._turns), "content_type": next(self._turns)}
        told: dict[str, Any] = {
            "id": self.id,
            "task_id": self.id,
            "task_info": {"can_cancel": next(self._turns), "estimated_time": next(self._turns)},
            **{name: next(self._turns) for name in ("model", "progress", "message", "created_at", "estimated_seconds")},
        }
        match self.status:
            case "completed":
                return {**told, "status": "completed", "outputs": [link], "results": [link], "output": [result]}
            case "failed":
                reason = {"message": next(self._turns), "code": next(self._turns)}
                return {**told, "status": "failed", "error": reason, "error_code": next(self._turns)}
            case "odd":
                return {**told, "status": next(self._turns)}
            case "nameless":
                return {**told, "id": next(self._turns), "task_id": next(self._turns), "status": "queued"}
        return {**told, "status": self.status}


def terminal(console: Console, *arguments: str, **environ: str) -> tuple[int, str]:
    """How a run on a terminal ended, and everything that was written there."""
    env = {**console.env(NO_COLOR=""), **environ}
    spawned = pexpect.spawn(SCRIPT, list(arguments), env=env, cwd=str(console.cwd), dimensions=(40, 100), timeout=30)
    spawned.expect(pexpect.EOF)
    spawned.close()
    written = spawned.before.decode(errors="backslashreplace")
    console.said.append(written)
    assert spawned.exitstatus is not None, written
    return spawned.exitstatus, written


def quick(console: Console) -> Inside:
    """The command line in this process, in the home of the console script."""
    return Inside(console.home, console.cwd, console.environ)


@contextmanager
def impatient() -> Iterator[None]:
    """For runs that end amid a connect: asyncio's race of addresses leaves its socket to the collector of garbage.

    Python tells of that with a warning, at some later moment; it is told here, and to nobody.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """Break off what does not end, for faults that may make it wait for a day."""

    def late(_: int, __: object) -> NoReturn:
        raise AssertionError(f"it does not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def every_file(folders: Iterable[Path]) -> list[Path]:
    """Every file in these folders."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def holding(text: str, folders: Iterable[Path]) -> list[Path]:
    """The files that hold this text."""
    return [path for path in every_file(folders) if text.encode() in path.read_bytes()]
