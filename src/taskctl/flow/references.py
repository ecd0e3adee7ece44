"""What people type for a task, and the task they mean."""

from collections.abc import Iterable
from datetime import timedelta

from taskctl.errors import TaskNotFound, UsageError
from taskctl.model import State, Task
from taskctl.runtime import Runtime

_LINKS_LIVE = timedelta(days=30)
"""No link that anybody knows of lives longer."""
_LISTED = 10
"""Tasks that a message lists."""


def resolve(runtime: Runtime, references: Iterable[str]) -> list[Task]:
    """The tasks that these references mean, each once, in their order.

    Raises:
        UsageError: a reference means several. TaskNotFound: the history does not know it, and no provider is chosen.
    """
    found: dict[tuple[str, str], Task] = {}
    for reference in references:
        for task in _meant(runtime, reference):
            found.setdefault((task.base_url, task.id or f"key {task.key}"), task)
    return list(found.values())


def _meant(runtime: Runtime, reference: str) -> list[Task]:
    history, explicit = runtime.history, runtime.profiles.explicit
    match reference:
        case "@last":
            return history.tasks(profile=explicit, limit=1)
        case "@unfinished":
            return history.tasks(profile=explicit, states=[state for state in State if not state.ended])
        case "@failed":
            return history.tasks(profile=explicit, states=[State.FAILED])
        case "@expiring":
            now = runtime.clock.now()
            recent = history.tasks(profile=explicit, states=[State.COMPLETED], since=now - _LINKS_LIVE)
            return [task for task in recent if task.expiring(now)]
    if reference.startswith("@"):
        raise UsageError(f"{reference} is no selection", hint="there are @last, @unfinished, @failed and @expiring")
    known = [task for task in history.find(reference) if explicit in (None, task.profile)]
    if len(known) > 1 and explicit is not None:
        address = runtime.profiles.selected().base_url
        known = [task for task in known if task.base_url == address] or known
    if len(known) > 1:
        places = len({(task.profile, task.base_url) for task in known}) > len({task.profile for task in known})
        where = [f"{task.profile} at {task.base_url}" if places else task.profile for task in known[:_LISTED]]
        listed = ", ".join(f"{task.name} ({place}, {task.state})" for task, place in zip(known, where, strict=False))
        listed += f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        raise UsageError(
            f"{reference!r} means {len(known)} tasks: {listed}", hint="give more of the id, or name a profile with -P"
        )
    if known and reference not in (known[0].id, known[0].key):
        runtime.listener.note(f"{reference} means {known[0].name}")
    return known or [_stranger(runtime, reference)]


def _stranger(runtime: Runtime, reference: str) -> Task:
    """A task that the history does not know: it belongs to the selected profile."""
    if not (0 < len(reference) <= 512 and all("!" <= character <= "~" for character in reference)):
        raise UsageError(
            f"{reference!r} is no task id", hint="ids are printable ASCII without spaces, 512 characters at most"
        )
    if runtime.profiles.selected_name is None:
        raise TaskNotFound(
            f"the history does not know {reference}",
            hint="name its provider with -P, or see: taskctl list",
            task=reference,
        )
    profile = runtime.profiles.selected()
    return Task(
        id=reference,
        key=None,
        profile=profile.name,
        dialect=profile.dialect.name,
        base_url=profile.base_url,
        state=State.UNKNOWN,
    )
