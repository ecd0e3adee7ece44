"""The border that foreign text crosses before a person or a CI runner reads it."""

import re
import unicodedata

_JOINER = "\u200d"
_SELECTORS = {"\ufe0e", "\ufe0f"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_UNSEEN = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing, and that a CI runner skips where it compares texts by culture."""
_PLAIN = re.compile(r"[ -~]*")


def safe(text: str, *, multiline: bool = False) -> str:
    """The text with nothing in it that moves a terminal, hides itself or commands a CI runner.

    Control, bidirectional and invisible characters become visible escapes. `##` anywhere and `::` at the start of
    a line lose their meaning to CI runners. Without `multiline` a line break becomes a space; with it every
    further line starts with `| `, so that foreign text never starts a line.
    """
    if not _PLAIN.fullmatch(text):
        text = text.replace("\r\n", "\n")
        text = "".join(_visible(text, place) for place in range(len(text)))
    text = re.sub("#(?=#)", "# ", text)
    lines = [_tame(line) for line in text.split("\n")]
    return "\n| ".join(lines) if multiline else " ".join(line.strip() for line in lines if line.strip())


def _visible(text: str, place: int) -> str:
    character, before, after = text[place], text[max(0, place - 1) : place], text[place + 1 : place + 2]
    if character in "\n\t":
        return character if character == "\n" else " "
    if character == _JOINER and (_emoji(before) or before in _SELECTORS) and _emoji(after):
        return character
    if character in _SELECTORS and _emoji(before):
        return character
    if unicodedata.category(character) in _HIDDEN or _UNSEEN.match(character):
        return f"<U+{ord(character):04X}>"
    return character


def _emoji(character: str) -> bool:
    """Whether this is a picture, or the colour of the one before it."""
    return character != "" and (unicodedata.category(character) == "So" or "\U0001f3fb" <= character <= "\U0001f3ff")


def _tame(line: str) -> str:
    return line.replace("::", ": :", 1) if line.lstrip().startswith("::") else line
