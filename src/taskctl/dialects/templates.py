"""`{variables}` in paths, queries and headers."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from taskctl.dialects.expressions import ExpressionError

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_PLAIN = re.compile(r"/[!-~]*")


class Template:
    """One text with variables in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = frozenset(_VARIABLE.findall(text))
        rest = _VARIABLE.sub("", text)
        if "{" in rest or "}" in rest:
            raise ExpressionError(f"{text!r} holds a brace that belongs to no {{variable}}")

    @property
    def needed(self) -> frozenset[str]:
        """The variables that must have a value: those of the path itself; a parameter without a value is left out."""
        return frozenset(_VARIABLE.findall(self.text.partition("?")[0]))

    def path(self, variables: Mapping[str, str | None]) -> str:
        """The text as a path and query: values are percent-encoded, parameters without a value left out.

        Raises:
            ValueError: a value would lead to another path.
            ExpressionError: a value is missing.
        """
        path, mark, query = self.text.partition("?")
        filled = _VARIABLE.sub(lambda found: _encoded(found[1], variables), path)
        parameters = [part for part in query.split("&") if part and self._given(part, variables)]
        written = _VARIABLE.sub(lambda found: quote(variables[found[1]] or "", safe=""), "&".join(parameters))
        return filled + (mark + written if written else "")

    def plain(self, variables: Mapping[str, str | None]) -> str | None:
        """The text with the values as they are; None where one has no value."""
        if not self._given(self.text, variables):
            return None
        return _VARIABLE.sub(lambda found: variables[found[1]] or "", self.text)

    def _given(self, text: str, variables: Mapping[str, str | None]) -> bool:
        return all(variables.get(name) is not None for name in _VARIABLE.findall(text))


def split_request(text: str) -> tuple[str, Template]:
    """The method and the path of `METHOD /path`.

    Raises:
        ExpressionError: it is not of that form.
    """
    method, _, path = text.partition(" ")
    if method not in METHODS or not path.startswith("/"):
        raise ExpressionError(f"{text!r} is not of the form 'METHOD /path', METHOD being one of {', '.join(METHODS)}")
    if not _PLAIN.fullmatch(path) or "#" in path or "\\" in path:
        raise ExpressionError(f"{text!r} holds a space, a '#' or something else that must be percent-encoded")
    return method, Template(path)


def _encoded(name: str, variables: Mapping[str, str | None]) -> str:
    value = variables.get(name)
    if value is None:
        raise ExpressionError(f"{{{name}}} has no value here")
    segments = value.split("/") if name == "model" else [value]
    if {"", ".", ".."} & {*segments}:
        raise ValueError(f"{value!r} is no {name}: it would lead to another path")
    return quote(value, safe="/" if name == "model" else "")
