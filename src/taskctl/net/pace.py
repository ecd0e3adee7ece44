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
SLACK = 0.1
"""Seconds that a request may come late without the next one having to."""
EARLY, LATE = 0.6, 1.4
"""Around the time at which a task is expected to end, as parts of it, looks come close together."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a task is expected to take, in seconds since it was submitted."""

    seconds: float
    late: float | None = None
    """What nine in ten tasks of its kind stay below."""
    learned: bool = False
    """From tasks of its kind in the history, not from the provider."""


def pause(every: float, age: float, eta: float | None) -> float:
    """Seconds until the next look: not before the task can be done, then close together, then less and less often.

    `age` is how long ago the task was submitted, `eta` how long it takes as far as anybody knows; both in seconds.
    """
    if eta is None:
        overdue = age
    elif age < EARLY * eta:
        return max(every, min(LONGEST, EARLY * eta - age))
    elif age < LATE * eta:
        return every
    else:
        overdue = age - eta
    return max(every, min(LONGEST, overdue / 10))


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
    """At most so many requests a second, evenly spaced; shared by whoever uses the same key at the same provider."""

    rate: float = RATE
    free_at: float = float("-inf")
    busy: int = 0
    """How often in a row the provider said that it is asked too much."""

    def take(self, now: float) -> None:
        """Count one request. One that leaves a moment late does not delay the next."""
        self.free_at = (self.free_at if self.free_at >= now - SLACK else now) + 1 / self.rate

    def refused(self, now: float, retry_after: float | None) -> None:
        """The provider is asked too much: leave it alone, for as long as it says or ever longer."""
        self.busy += 1
        alone = after_misses(1.0, self.busy, None) if retry_after is None else retry_after
        self.free_at = max(self.free_at, now + alone)

    def accepted(self) -> None:
        """The provider answered."""
        self.busy = 0
