"""The SHA-256 of a file, worked out while it arrives: hashing releases the interpreter, and reading goes on."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

ALONE = 32 << 20
"""Bytes from which on a thread of its own pays."""
BEGINNING = 512
"""Bytes that tell what a file is."""
_BUFFER = 1 << 20
"""Bytes that are summed at once."""
_AHEAD = 2
"""How many buffers reading may be ahead."""


class Digest:
    """Bytes on their way to a file: their number, their sum, and how they begin."""

    def __init__(self, buffers: list[memoryview] | None = None) -> None:
        """These buffers are used, and left for the next file; more are made where they are not enough."""
        self.size = 0
        self.start = b""
        self._sum = hashlib.sha256()
        self._buffers = [] if buffers is None else buffers
        self._turn = 0
        self._filled = 0
        self._thread: ThreadPoolExecutor | None = None
        self._behind: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    @property
    def room(self) -> memoryview:
        """Where the next bytes go: read into this, and say how many they were."""
        if self._turn == len(self._buffers):
            self._buffers.append(memoryview(bytearray(_BUFFER)))
        return self._buffers[self._turn][self._filled :]

    def add(self, count: int) -> None:
        """So many bytes were put into the room; they stay as they are until the next are added."""
        if len(self.start) < BEGINNING:
            self.start += self.room[: min(count, BEGINNING - len(self.start))]
        self.size += count
        self._filled += count
        if self._filled == _BUFFER:
            self._sum_up()

    def hexdigest(self) -> str:
        """The sum of all of them."""
        if self._filled:
            self._sum_up()
        while self._behind:
            self._behind.popleft().result()
        return self._sum.hexdigest()

    def _sum_up(self) -> None:
        """Sum the buffer, and go on with the next, which has been summed by then."""
        held, self._filled = self._buffers[self._turn][: self._filled], 0
        self._turn = (self._turn + 1) % (_AHEAD + 1)
        if self.size < ALONE:
            self._sum.update(held)
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "taskctl-digest")
        if len(self._behind) >= _AHEAD:
            self._behind.popleft().result()
        self._behind.append(self._thread.submit(self._sum.update, held))
