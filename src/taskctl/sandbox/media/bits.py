"""Bits in the order in which video and audio streams want them."""

from __future__ import annotations

__all__ = ["Bits"]


class Bits:
    """A growing string of bits, most significant first."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._open = ""

    def add(self, value: int, width: int) -> Bits:
        """Append an unsigned number of so many bits."""
        self._open += f"{value:0{width}b}"
        return self

    def golomb(self, *values: int) -> Bits:
        """Append unsigned numbers in the Exp-Golomb code that H.264 calls ue(v)."""
        for value in values:
            digits = f"{value + 1:b}"
            self._open += "0" * (len(digits) - 1) + digits
        return self

    def align(self) -> Bits:
        """Fill up with zeros to the next whole byte."""
        digits = self._open + "0" * (-len(self._open) % 8)
        self._done += int("0" + digits, 2).to_bytes(len(digits) // 8, "big")
        self._open = ""
        return self

    def raw(self, data: bytes) -> Bits:
        """Append whole bytes, from the next whole byte on."""
        self.align()
        self._done += data
        return self

    def __len__(self) -> int:
        return len(self._done) * 8 + len(self._open)

    def __bytes__(self) -> bytes:
        self.align()
        return bytes(self._done)
