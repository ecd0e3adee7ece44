"""The border that foreign text crosses before a person or a CI runner reads it."""

import re
import unicodedata

_KEPT = {"\n", "\t"}
_JOINER = "\u200d"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PLAIN = re.compile(r"[ -~]*")


def safe(text: str, *, multiline: bool = False) -> str:
    """The text with nothing in it that steers a terminal, hides itself or commands a CI runner.

    Control, bidirectional and invisible characters become visible escapes. `##[` and `::` at the start of a
    line lose their meaning to CI runners. Without `multiline` a line break becomes a space; with it every
    further line starts with `| `, so that foreign text never starts a line.
    """
    if not _PLAIN.fullmatch(text):
        text = "".join(_visible(text, place) for place in range(len(text)))
    text = text.replace("##", "# #")
    lines = [_tame(line) for line in text.split("\n")]
    return "\n| ".join(lines) if multiline else " ".join(line.strip() for line in lines if line.strip())


def _visible(text: str, place: int) -> str:
    character = text[place]
    if character in _KEPT:
        return character if character == "\n" else " "
    if character == _JOINER and 0 < place < len(text) - 1 and _emoji(text[place - 1]) and _emoji(text[place + 1]):
        return character
    if unicodedata.category(character) in _HIDDEN:
        return f"<U+{ord(character):04X}>"
    return character


def _emoji(character: str) -> bool:
    return unicodedata.category(character) == "So" or character == "\ufe0f"


def _tame(line: str) -> str:
    return line.replace("::", ": :", 1) if line.lstrip().startswith("::") else line
