"""How long tasks are expected to take: as their provider says, else as tasks of their kind took."""

from collections.abc import Iterable
from functools import cache

from taskctl.model import Task
from taskctl.net.pace import Estimate
from taskctl.runtime import Runtime

Estimates = dict[tuple[str, str | None], Estimate]
"""By the identities of tasks."""
ENOUGH = 3
"""Tasks of a kind from which something can be learned."""


def estimates_of(runtime: Runtime, tasks: Iterable[Task]) -> Estimates:
    """What is known of each of these tasks that still goes on."""

    @cache
    def learned(base_url: str, model: str | None, operation: str | None) -> Estimate | None:
        return usual(runtime.history.took(base_url, model, operation))

    found = {}
    for task in tasks:
        if task.state.ended:
            continue
        if task.eta_seconds is not None and task.submitted_at is not None:
            found[task.identity] = Estimate(task.eta_seconds)
        elif (estimate := learned(task.base_url, task.model, task.operation)) is not None:
            found[task.identity] = estimate
    return found


def usual(took: list[float]) -> Estimate | None:
    """The median of these seconds, and what nine in ten stay below; None where they are too few to tell."""
    if len(took) < ENOUGH:
        return None
    ordered = sorted(took)
    return Estimate(ordered[len(ordered) // 2], late=ordered[len(ordered) * 9 // 10], learned=True)
