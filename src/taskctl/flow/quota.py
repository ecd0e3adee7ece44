"""How many of some tasks have to complete."""

import math
import re
from dataclasses import dataclass

_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(%?)")


@dataclass(frozen=True, slots=True)
class Quota:
    """A number of tasks, or a share of them in percent."""

    number: float
    percent: bool = False

    @classmethod
    def of_text(cls, text: str) -> "Quota":
        """The quota that somebody wrote: `3`, `90%`.

        Raises:
            ValueError: it is none.
        """
        written = _WRITTEN.fullmatch(text.strip())
        if written is None:
            raise ValueError(f"{text[:40]!r} is no number of tasks: give 3, or 90%")
        number, percent = float(written[1]), bool(written[2])
        if percent and number > 100:
            raise ValueError(f"{text} is more than all of them")
        if not percent and number != int(number):
            raise ValueError(f"{text} is no whole number of tasks")
        return cls(number, percent)

    def of(self, total: int) -> int:
        """The number of tasks out of so many."""
        return math.ceil(total * self.number / 100) if self.percent else int(self.number)

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.percent else ''}"
