"""What each provider can do, as rows: the table of the README is made from them."""

from collections.abc import Iterable

from taskctl.dialects.dialect import Dialect

CONTRACTS = {
    "none": "none",
    "replay": "the same answer again",
    "existing": "the existing task",
    "reject": "a refusal",
}
"""What a repeated key brings, in words."""
_ABLE = ("cancel", "delete", "list", "batch", "stream", "upload", "callback")


def matrix(dialects: Iterable[Dialect]) -> list[dict[str, object]]:
    """One row for each dialect, in their order, all with the same columns.

    `operations` are the kinds of submission, the default first, and none where there is but one. `repeated_key` is
    what the provider does with a key that it has seen. `links_live` is how long result URLs last, where known.
    """
    return [_row(dialect) for dialect in dialects]


def _row(dialect: Dialect) -> dict[str, object]:
    form = dialect.form
    return {
        "name": dialect.name,
        "title": form.title,
        "operations": sorted(form.operations, key=lambda name: not form.operations[name].default),
        **{ability: ability in dialect.abilities for ability in _ABLE},
        "repeated_key": CONTRACTS[form.submit.idempotency],
        "found_by_key": "query_by_key" in dialect.abilities,
        "progress": bool(form.task.progress),
        "cost": bool(form.task.cost_estimated or form.task.cost_final),
        "links_live": form.links_live,
    }
