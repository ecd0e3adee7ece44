"""Keys: held so that they do not show, and taken out of every text by their value."""

from urllib.parse import quote

MASK = "***"
SHORTEST = 8
"""Values shorter than this are not looked for: they would blot out ordinary words."""

_known: list[str] = []
"""Every spelling of every secret, the longest first."""


class Secret:
    """A key that shows itself only to whoever asks for it by `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= SHORTEST:
            _known[:] = sorted({*_known, *_spellings(value)}, key=len, reverse=True)

    def reveal(self) -> str:
        """The value, to be put on the wire and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__


def redact(text: str) -> str:
    """The text without any secret this process has seen, however it is spelled."""
    for spelling in _known:
        text = text.replace(spelling, MASK)
    return text


def redacted(value: object) -> object:
    """The same JSON value without any secret in its texts."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(name): redacted(member) for name, member in value.items()}
        case list() | tuple():
            return [redacted(item) for item in value]
        case _:
            return value


def _spellings(value: str) -> set[str]:
    import base64
    import json

    bare = value.encode(errors="surrogateescape")
    return {
        value,
        quote(bare, safe=""),
        json.dumps(value)[1:-1],
        base64.b64encode(bare).decode().rstrip("="),
        base64.urlsafe_b64encode(bare).decode().rstrip("="),
    }
