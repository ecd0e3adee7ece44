"""`{variables}` in paths, queries and headers."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from taskctl.dialects.expressions import ExpressionError

_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Template:
    """One text with variables in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = frozenset(_VARIABLE.findall(text))
        if "{" in _VARIABLE.sub("", text):
            raise ExpressionError(f"{text!r} holds a '{{' that begins no {{variable}}")

    def path(self, variables: Mapping[str, str | None]) -> str:
        """The text as a path and query: values are percent-encoded, parameters without a value left out."""
        path, mark, query = self.text.partition("?")
        filled = _VARIABLE.sub(lambda found: _encoded(found[1], variables), path)
        parameters = [part for part in query.split("&") if part and _given(part, variables)]
        written = "&".join(_VARIABLE.sub(lambda found: quote(variables[found[1]] or "", safe=""), part) for part in parameters)
        return filled + (mark + written if written else "")

    def plain(self, variables: Mapping[str, str | None]) -> str | None:
        """The text with the values as they are; None where one has no value."""
        if not _given(self.text, variables):
            return None
        return _VARIABLE.sub(lambda found: variables[found[1]] or "", self.text)


def split_request(text: str) -> tuple[str, Template]:
    """The method and the path of `METHOD /path`.

    Raises:
        ExpressionError: it is not of that form.
    """
    method, _, path = text.partition(" ")
    if method not in _METHODS or not path.startswith("/"):
        raise ExpressionError(f"{text!r} is not of the form 'METHOD /path', METHOD being one of {', '.join(_METHODS)}")
    return method, Template(path)


def _given(text: str, variables: Mapping[str, str | None]) -> bool:
    return all(variables.get(name) is not None for name in _VARIABLE.findall(text))


def _encoded(name: str, variables: Mapping[str, str | None]) -> str:
    value = variables.get(name)
    if value is None:
        raise ExpressionError(f"{{{name}}} has no value here")
    return quote(value, safe="/" if name == "model" else "")
