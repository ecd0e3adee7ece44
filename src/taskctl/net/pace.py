"""When to look again: pure, so that politeness can be tested by tables."""

from dataclasses import dataclass

LONGEST = 30.0
"""Seconds between two looks at a task that takes long."""
JITTER = 0.2
GRACE = 30.0
"""Seconds after a submit in which "no such task" only means "not yet"."""
FORGET_LOOKS = 3
FORGET_SPAN = 10.0
"""A known task is forgotten once the provider has denied it this often, over this many seconds."""
RATE = 5.0
"""Requests a second to one provider with one key, where nobody says otherwise."""


def pause(every: float, age: float, eta: float | None) -> float:
    """Seconds until the next look at a task: not before it can be done, then close together, then less often."""
    soonest = max(every, min(LONGEST, age / 10))
    return soonest if eta is None else max(soonest, min(LONGEST, 0.6 * eta - age))


def jittered(seconds: float, chance: float) -> float:
    """The pause, up to a fifth shorter or longer, so that many watchers do not march in step; chance is 0 to 1."""
    return seconds * (1 - JITTER + 2 * JITTER * chance)


def after_misses(every: float, misses: int, retry_after: float | None) -> float:
    """Seconds until the next look after so many that brought nothing; never sooner than `every`."""
    backoff: float = min(LONGEST, every * 2 ** min(misses - 1, 8))
    return max(every, backoff, retry_after or 0.0)


def is_forgotten(denials: int, since_first: float) -> bool:
    """Whether the provider has denied a task often enough to be believed."""
    return denials >= FORGET_LOOKS and since_first >= FORGET_SPAN


@dataclass(slots=True)
class Budget:
    """At most so many requests a second, evenly spaced."""

    rate: float = RATE
    free_at: float = float("-inf")

    def take(self, now: float) -> None:
        """Count one request."""
        self.free_at = max(now, self.free_at) + 1 / self.rate
