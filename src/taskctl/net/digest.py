"""The SHA-256 of a file, worked out while it arrives: hashing releases the interpreter, and reading goes on."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

ALONE = 32 << 20
"""Bytes from which on a thread of its own pays."""
_TOGETHER = 1 << 20
"""Bytes that are summed at once."""
_AHEAD = 4
"""How often as many reading may be ahead."""
BEGINNING = 512
"""Bytes that tell what a file is."""


class Digest:
    """Bytes on their way to a file: their number, their sum, and how they begin."""

    def __init__(self) -> None:
        self.size = 0
        self.start = b""
        self._sum = hashlib.sha256()
        self._held: list[bytes] = []
        self._holds = 0
        self._thread: ThreadPoolExecutor | None = None
        self._behind: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def update(self, piece: bytes) -> None:
        """Add a piece."""
        self.size += len(piece)
        if len(self.start) < BEGINNING:
            self.start = (self.start + piece[:BEGINNING])[:BEGINNING]
        self._held.append(piece)
        self._holds += len(piece)
        if self._holds >= _TOGETHER:
            self._work()

    def hexdigest(self) -> str:
        """The sum of all pieces."""
        self._work()
        while self._behind:
            self._behind.popleft().result()
        return self._sum.hexdigest()

    def _work(self) -> None:
        """Sum up what is held: small pieces, as TLS brings them, cost more to hand over than to sum."""
        pieces, self._held, self._holds = b"".join(self._held), [], 0
        if self.size < ALONE:
            self._sum.update(pieces)
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "taskctl-digest")
        if len(self._behind) >= _AHEAD:
            self._behind.popleft().result()
        self._behind.append(self._thread.submit(self._sum.update, pieces))
