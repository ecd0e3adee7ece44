"""Little tunes, as WAV and as the smallest MP3 that sounds."""

from __future__ import annotations

import array
import math
import struct
import sys

from taskctl.sandbox.media.bits import Bits
from taskctl.sandbox.media.scene import fingerprint

__all__ = ["SECONDS", "mp3", "wav"]

SECONDS = 2
_NOTES = 8
_SCALE = (0, 2, 4, 7, 9, 12, 14, 16)  # a pentatonic scale: whatever follows whatever sounds well

_WAV_RATE = 8_000
_LOUDNESS = 9_000

_MP3_RATE = 48_000
_MP3_HEADER = bytes((0xFF, 0xFB, 0x14, 0xC0))  # MPEG-1 layer III, 32 kbit/s, 48 kHz, mono: 96 bytes a frame, always
_FRAME_BYTES, _FRAME_SAMPLES, _LINES = 96, 1152, 576
_GAIN = 200


def _pitches(prompt: str, index: int) -> list[float]:
    seed = fingerprint(prompt, index)
    return [220 * 2 ** ((_SCALE[byte % len(_SCALE)] + seed[0] % 12) / 12) for byte in seed[1 : _NOTES + 1]]


def wav(prompt: str, index: int) -> bytes:
    """Two seconds of eight notes that follow from the prompt, in 16 bits."""
    length = _WAV_RATE * SECONDS // _NOTES
    samples = array.array("h")
    for pitch in _pitches(prompt, index):
        step = math.tau * pitch / _WAV_RATE
        samples.extend(int(_LOUDNESS * (1 - n / length) * math.sin(step * n)) for n in range(length))
    if sys.byteorder == "big":
        samples.byteswap()
    data = samples.tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _WAV_RATE, _WAV_RATE * 2, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", len(data) + 36, b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )


def _granule(line: int, number: int) -> str:
    """The Huffman code of a spectrum with a single line: pairs of zeros, then the pair that holds it.

    An odd line changes its sign from granule to granule, an even one does not: so the pieces join to a steady tone.
    """
    pair = "01" if line % 2 == 0 else "001"
    return "1" * (line // 2) + pair + str(line * number % 2)


def _mp3_frame(line: int, granule: int) -> bytes:
    side = Bits().add(0, 9 + 5 + 4)  # nothing borrowed from earlier frames, no scale factors shared
    spectra = [_granule(line, number) for number in (granule, granule + 1)]
    for spectrum in spectra:
        side.add(len(spectrum), 12).add(line // 2 + 1, 9).add(_GAIN, 8).add(0, 4 + 1)
        side.add(0b00001_00001_00001, 15).add(0, 4 + 3 + 3)  # Huffman table 1 throughout
    for spectrum in spectra:
        side.add(int(spectrum, 2), len(spectrum))
    return (_MP3_HEADER + bytes(side)).ljust(_FRAME_BYTES, b"\0")


def mp3(prompt: str, index: int) -> bytes:
    """The same tune in pure tones, for places where an API promises an MP3."""
    frames = SECONDS * _MP3_RATE // _FRAME_SAMPLES
    lines = [round(pitch * 2 * _LINES / _MP3_RATE) for pitch in _pitches(prompt, index)]
    return b"".join(_mp3_frame(lines[number * _NOTES // frames], 2 * number) for number in range(frames))
