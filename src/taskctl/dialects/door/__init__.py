"""The door: everything about a dialect file that its types alone cannot tell, as `key: value and what is allowed`."""

from collections.abc import Iterator

from taskctl.dialects.door import heading, reading, requests
from taskctl.dialects.format import Format1


def problems(form: Format1) -> Iterator[str]:
    """Everything that is wrong with this dialect, one line each."""
    yield from heading.problems(form)
    yield from requests.problems(form)
    yield from reading.problems(form)
