"""The body of an answer as it arrives: read into memory that is used again, in pieces as large as they come.

A call to ask whether there is more for each 16 KiB that TLS brings, and a new MiB for each read, would cost more than
the network does.
"""

import http.client
import io
import socket
import ssl
from collections.abc import Iterator

from taskctl.net.digest import Digest
from taskctl.net.reach import READ


class Body:
    """The body of an answer that came over this connection; what http.client read ahead of it comes first."""

    def __init__(self, response: http.client.HTTPResponse, connection: socket.socket) -> None:
        self._response = response
        self._connection = connection
        self._drained = False
        self._problem: OSError | None = None

    def pieces(self, digest: Digest) -> Iterator[memoryview]:
        """Its pieces, each added to the digest before it is handed over; none waits for more to come.

        Raises:
            OSError, HTTPException: the connection broke, after what had arrived was handed over.
        """
        while count := self._read(room := digest.room):
            digest.add(count)
            yield room[:count]
        self._connection.settimeout(READ)

    def _read(self, room: memoryview) -> int:
        """Read what has arrived, at least something; 0 at the body's end."""
        response = self._response
        if response.chunked:
            return _put(response.read1(len(room)), room)
        if response.length is not None:  # which http.client counts down in some of its methods only
            room = room[: response.length]
        if not room:
            return 0
        if self._drained:
            count = self._received(room)
        else:
            count = _put(response.fp.read1(min(len(room), io.DEFAULT_BUFFER_SIZE)), room)
            self._drained = len(room) >= io.DEFAULT_BUFFER_SIZE  # else some may be left there
        if response.length is not None:
            response.length -= count
        return count

    def _received(self, room: memoryview) -> int:
        """Wait for something, and take along what else is there."""
        if self._problem is not None:
            raise self._problem
        receive = self._connection.recv_into
        self._connection.settimeout(READ)
        filled = got = receive(room)
        self._connection.settimeout(0)
        try:
            while got and filled < len(room):
                got = receive(room[filled:])
                filled += got
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as problem:  # told when what came before it is on disk; a second call would call it the end
            self._problem = problem
        return filled


def _put(piece: bytes, room: memoryview) -> int:
    room[: len(piece)] = piece
    return len(piece)
