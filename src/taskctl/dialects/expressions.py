"""JMESPath in both directions: reading finds or gives null, building drops the null members it wrote."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import jmespath
from jmespath import functions, visitor
from jmespath.exceptions import JMESPathError


T = TypeVar("T")


class ExpressionError(ValueError):
    """The expression is no JMESPath, or fails where it must not."""


class _Functions(functions.Functions):
    @functions.signature({"types": ["object"]}, {"types": ["array-string"]})
    def _func_omit(self, given: dict[str, object], names: list[str]) -> dict[str, object]:
        return {name: value for name, value in given.items() if name not in names}


class _Builder(visitor.TreeInterpreter):
    """Drops the members that the dialect writes and that are null; the user's own nulls pass."""

    def visit_multi_select_dict(self, node: dict[str, object], value: object) -> object:
        built = super().visit_multi_select_dict(node, value)
        return built if built is None else {name: member for name, member in built.items() if member is not None}


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class Expression:
    """One compiled expression."""

    def __init__(self, text: str) -> None:
        try:
            self._parsed = jmespath.compile(text)
        except JMESPathError as problem:
            reason = str(problem).splitlines()[0]
            raise ExpressionError(f"{text!r} is not JMESPath: {reason}") from problem
        self.text = text

    def read(self, document: object) -> object:
        """What the expression finds in an answer; null where it finds nothing or cannot be applied."""
        try:
            return self._parsed.search(document, _OPTIONS)
        except (JMESPathError, TypeError, ValueError, AttributeError, RecursionError):
            return None

    def build(self, scope: dict[str, object]) -> object:
        """What the expression makes of these variables.

        Raises:
            ExpressionError: it cannot be applied to them.
        """
        try:
            return _Builder(_OPTIONS).visit(self._parsed.parsed, scope)
        except (JMESPathError, TypeError, ValueError, AttributeError) as problem:
            raise ExpressionError(f"{self.text!r} fails: {str(problem).splitlines()[0]}") from problem

    @property
    def names(self) -> frozenset[str]:
        """Every name that the expression mentions."""
        return frozenset(_names(self._parsed.parsed))


class Finder:
    """One expression or several, tried in order."""

    def __init__(self, expressions: str | list[str]) -> None:
        self._expressions = [Expression(text) for text in ([expressions] if isinstance(expressions, str) else expressions)]

    def first(self, document: object, accept: Callable[[object], T | None]) -> T | None:
        """The first find that is accepted."""
        for expression in self._expressions:
            if (value := accept(expression.read(document))) is not None:
                return value
        return None

    def all(self, document: object) -> Iterator[object]:
        """Everything that all expressions find, lists flattened, nulls left out."""
        for expression in self._expressions:
            yield from _flat(expression.read(document))


def _flat(found: object) -> Iterator[object]:
    if isinstance(found, list):
        for item in found:
            yield from _flat(item)
    elif found is not None:
        yield found


def _names(node: dict[str, object]) -> Iterator[str]:
    if node["type"] == "field":
        yield str(node["value"])
    children = node["children"]
    if isinstance(children, list):
        for child in children:
            yield from _names(child)
