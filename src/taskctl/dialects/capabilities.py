"""What each provider can do, as rows: the table of the README is made from them."""

from collections.abc import Iterable
from dataclasses import dataclass

from taskctl.dialects.dialect import Dialect

CONTRACTS = {
    "none": "none",
    "replay": "the same answer again",
    "existing": "the existing task",
    "reject": "refused",
}
"""What a provider does with a repeated key, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One provider and what it can do."""

    name: str
    title: str
    operations: tuple[str, ...]
    """The kinds of submission, the default first; empty where there is but one."""
    key: str
    """What a repeated key brings."""
    find_by_key: bool
    cancel: bool
    delete: bool
    list: bool
    batch: bool
    stream: bool
    upload: bool
    callback: bool
    progress: bool
    cost: bool
    links_live: str | None
    """How long result URLs last, where that is known."""


def matrix(dialects: Iterable[Dialect]) -> list[Row]:
    """One row for each dialect, in their order."""
    return [_row(dialect) for dialect in dialects]


def _row(dialect: Dialect) -> Row:
    form, able = dialect.form, dialect.abilities
    default = [name for name, one in form.operations.items() if one.default]
    return Row(
        name=dialect.name,
        title=form.title,
        operations=(*default, *(name for name in form.operations if name not in default)),
        key=CONTRACTS[form.submit.idempotency],
        find_by_key="query_by_key" in able,
        cancel="cancel" in able,
        delete="delete" in able,
        list="list" in able,
        batch="batch" in able,
        stream="stream" in able,
        upload="upload" in able,
        callback="callback" in able,
        progress=bool(form.task.progress),
        cost=bool(form.task.cost_estimated or form.task.cost_final),
        links_live=form.links_live,
    )
