"""H.264 as plain as it gets: baseline profile, every new macroblock sent as raw samples, all others skipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from taskctl.sandbox.media.bits import Bits

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BLOCK", "COMPATIBILITY", "LEVEL", "PROFILE", "changed_picture", "key_picture", "parameter_sets"]

BLOCK = 16  # a macroblock is so many pixels wide and high
PROFILE, COMPATIBILITY, LEVEL = 66, 0xC0, 20

_ONLY_I_SLICES, _ONLY_P_SLICES = 7, 5
_PCM_IN_I, _PCM_IN_P = 25, 30


def _unit(header: int, payload: Bits) -> bytes:
    payload.add(1, 1)  # the stop bit
    escaped = re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", bytes(payload))
    return bytes((header,)) + escaped


def parameter_sets(columns: int, rows: int) -> tuple[bytes, bytes]:
    """The sequence and the picture parameter set of a video so many macroblocks wide and high."""
    sequence = Bits().add(PROFILE, 8).add(COMPATIBILITY, 8).add(LEVEL, 8)
    sequence.golomb(0, 0, 2, 1).add(0, 1)  # frame numbers of 4 bits, shown as decoded, one reference, no gaps
    sequence.golomb(columns - 1, rows - 1).add(0b1100, 4)  # whole frames, direct_8x8, not cropped, no VUI
    picture = Bits().golomb(0, 0).add(0b00, 2)  # CAVLC
    picture.golomb(0, 0, 0).add(0b000, 3)  # one slice group, one reference, no weights
    picture.golomb(0, 0, 0).add(0b100, 3)  # deblocking is decided in each slice
    return _unit(0x67, sequence), _unit(0x68, picture)


def key_picture(blocks: Mapping[int, bytes]) -> bytes:
    """A picture that needs no other; the blocks are all there, in order."""
    piece = Bits().golomb(0, _ONLY_I_SLICES, 0).add(0, 4)
    piece.golomb(0).add(0b00, 2).golomb(0, 1)  # no deblocking, so that the samples stay as they are
    for block in blocks.values():
        piece.golomb(_PCM_IN_I).raw(block)
    return _unit(0x65, piece)


def changed_picture(blocks: Mapping[int, bytes], number: int, total: int) -> bytes:
    """A picture that repeats the one before, but for the given blocks; `number` counts from the key picture."""
    piece = Bits().golomb(0, _ONLY_P_SLICES, 0).add(number % 16, 4).add(0b000, 3).golomb(0, 1)
    following = 0
    for place, block in sorted(blocks.items()):
        piece.golomb(place - following, _PCM_IN_P).raw(block)
        following = place + 1
    if following < total:
        piece.golomb(total - following)
    return _unit(0x61, piece)
