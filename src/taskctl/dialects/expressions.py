"""JMESPath in both directions: reading finds or gives null, building drops the null members it wrote."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import jmespath
from jmespath import functions, visitor
from jmespath.exceptions import JMESPathError

T = TypeVar("T")
Node = Mapping[str, Any]
"""A node of jmespath's syntax tree: its type, value and children."""
FAILURES = (JMESPathError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError, RecursionError)
"""What jmespath raises where an expression cannot be applied to a document."""


class ExpressionError(ValueError):
    """The expression is no JMESPath, or fails where it must not."""


class _Functions(functions.Functions):
    @functions.signature({"types": ["object"]}, {"types": ["array-string"]})
    def _func_omit(self, given: dict[str, object], names: list[str]) -> dict[str, object]:
        return {name: value for name, value in given.items() if name not in names}


class _Builder(visitor.TreeInterpreter):
    """Drops the members that the dialect writes and that are null; the user's own nulls pass."""

    def visit_multi_select_dict(self, node: Node, value: object) -> object:
        built = super().visit_multi_select_dict(node, value)  # type: ignore[arg-type]  # a Mapping will do for a node
        return built if built is None else {name: member for name, member in built.items() if member is not None}


OPTIONS = visitor.Options(custom_functions=_Functions())
_READER = visitor.TreeInterpreter(OPTIONS)
_BUILDER = _Builder(OPTIONS)
_RELATIVE = ("subexpression", "projection", "value_projection", "filter_projection", "pipe", "index_expression")
"""Nodes whose first child alone sees the whole document; the others see what that one found."""


class Expression:
    """One compiled expression."""

    __slots__ = ("text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = _parsed(text)

    def read(self, document: object, interpreter: visitor.TreeInterpreter = _READER) -> object:
        """What the expression finds in an answer; null where it finds nothing or cannot be applied."""
        try:
            return interpreter.visit(self.tree, document)
        except FAILURES:
            return None

    def build(self, scope: Mapping[str, object]) -> object:
        """What the expression makes of these variables.

        Raises:
            ExpressionError: it cannot be applied to them.
        """
        try:
            return _BUILDER.visit(self.tree, scope)
        except FAILURES as problem:
            raise ExpressionError(f"{self.text!r} fails: {_first_line(problem)}") from problem

    @property
    def names(self) -> frozenset[str]:
        """The variables that the expression takes from the whole document."""
        return frozenset(_roots(self.tree))

    @property
    def members(self) -> frozenset[str]:
        """The names of all members that the expression writes."""
        return frozenset(str(node["value"]) for node in _nodes(self.tree) if node["type"] == "key_val_pair")

    def calls(self) -> Iterator[tuple[str, int]]:
        """Every function that the expression calls, and with how many arguments."""
        for node in _nodes(self.tree):
            if node["type"] == "function_expression":
                yield str(node["value"]), len(node["children"])


class Finder:
    """One expression or several, tried in order."""

    __slots__ = ("expressions",)

    def __init__(self, expressions: str | list[str]) -> None:
        texts = [expressions] if isinstance(expressions, str) else expressions
        self.expressions = [Expression(text) for text in texts]

    def first(self, document: object, accept: Callable[[object], T | None]) -> T | None:
        """The first find that is accepted."""
        for expression in self.expressions:
            if (value := accept(expression.read(document))) is not None:
                return value
        return None

    def all(self, document: object) -> Iterator[object]:
        """Everything that all expressions find, lists flattened, nulls left out."""
        for expression in self.expressions:
            yield from _flat(expression.read(document))


def wrong_calls(expression: Expression) -> Iterator[str]:
    """What is wrong with the functions that the expression calls; jmespath itself would say so too late."""
    if expression.tree["type"] == "expref":
        yield "an expression with & in front is for functions alone"
    table = functions.Functions.FUNCTION_TABLE | _Functions.FUNCTION_TABLE
    for name, given in expression.calls():
        if name not in table:
            yield f"there is no function {name}(); there are {', '.join(sorted(table))}"
            continue
        wanted = table[name]["signature"]
        several = bool(wanted) and bool(wanted[-1].get("variadic"))
        if given < len(wanted) or (given > len(wanted) and not several):
            yield f"{name}() takes {len(wanted)} arguments{' or more' if several else ''}, not {given}"


@lru_cache(maxsize=2048)
def _parsed(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)  # `text` between backticks that is no JSON
            return jmespath.compile(text).parsed
    except (JMESPathError, RecursionError, PendingDeprecationWarning) as problem:
        raise ExpressionError(f"{text[:200]!r} is not JMESPath: {_first_line(problem)}") from problem


def _first_line(problem: BaseException) -> str:
    """What jmespath complains of, without the expression and the pointer into it that it adds below."""
    line = (str(problem).splitlines() or [type(problem).__name__])[0]
    return line.removeprefix("Invalid jmespath expression: ").removesuffix(" for expression:").rstrip(" :,")


def _flat(found: object) -> Iterator[object]:
    if isinstance(found, list):
        for item in found:
            yield from _flat(item)
    elif found is not None:
        yield found


def _roots(node: Node) -> Iterator[str]:
    match node["type"]:
        case "field":
            yield str(node["value"])
        case "expref":
            return  # applied to the members of a list, not to the document
        case kind:
            children = node["children"][:1] if kind in _RELATIVE else node["children"]
            for child in children:
                if isinstance(child, Mapping):
                    yield from _roots(child)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node["children"]:
        if isinstance(child, Mapping):
            yield from _nodes(child)
