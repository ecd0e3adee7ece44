"""The expressions by which a dialect reads answers."""

from collections.abc import Iterator

from taskctl.dialects.door.heading import HEADER
from taskctl.dialects.expressions import Expression, ExpressionError, wrong_calls
from taskctl.dialects.format import Expressions, Format1


def problems(form: Format1) -> Iterator[str]:
    """What is wrong with how it reads."""
    for key, texts in _places(form):
        for text in [texts] if isinstance(texts, str) else texts or []:
            yield from wrong_expression(key, text)
    for needed in ("id", "state"):
        if not getattr(form.task, needed):
            yield f"task.{needed}: a dialect must say where this is"
    for key in ("reset", "remaining"):
        header = getattr(form.problem, key)
        if header is not None and not HEADER.fullmatch(header):
            yield f"problem.{key}: {header!r} is no name of a header"
    if form.problem.remaining and not form.problem.reset:
        yield "problem.remaining: says nothing without `reset`"


def wrong_expression(key: str, text: str) -> Iterator[str]:
    """What is wrong with this expression, functions included."""
    try:
        yield from (f"{key}: {text!r}: {wrong}" for wrong in wrong_calls(Expression(text)))
    except ExpressionError as problem:
        yield f"{key}: {problem}"


def _places(form: Format1) -> Iterator[tuple[str, Expressions | None]]:
    yield from ((f"task.{key}", getattr(form.task, key)) for key in form.task.__struct_fields__)
    yield from ((f"problem.{key}", getattr(form.problem, key)) for key in ("ok", "message", "code"))
    yield "submit.id", form.submit.id
    yield from ((f"operations.{name}.id", one.id) for name, one in form.operations.items())
    if form.batch:
        yield "batch.items", form.batch.items
    if form.listing:
        yield from ((f"list.{key}", getattr(form.listing, key)) for key in ("items", "total", "next"))
    if form.check:
        yield from ((f"check.{key}", getattr(form.check, key)) for key in ("models", "balance"))
    yield from ((f"upload[{place}].value", upload.value) for place, upload in enumerate(form.upload))
