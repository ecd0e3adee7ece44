"""PNG pictures."""

from __future__ import annotations

import struct
import zlib

from taskctl.sandbox.media.scene import SKY_TO_SUN, scene

__all__ = ["HEIGHT", "WIDTH", "png"]

WIDTH, HEIGHT = 384, 256


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(prompt: str, index: int) -> bytes:
    """A picture drawn from the prompt, with the prompt written on it."""
    view = scene(prompt, index, width=WIDTH, height=HEIGHT, scale=2)
    view.canvas.disc(*view.sun, HEIGHT // 8, SKY_TO_SUN)
    pixels = view.canvas.pixels
    rows = b"".join(b"\0" + pixels[start : start + WIDTH] for start in range(0, len(pixels), WIDTH))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)  # eight bits a pixel, palette
    colours = b"".join(bytes(colour) for colour in view.palette)
    chunks = (b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)
