"""The landscape that belongs to a prompt: its colours, its hills and the prompt as a caption."""

from __future__ import annotations

import colorsys
import hashlib
import math
import textwrap
from dataclasses import dataclass

from taskctl.sandbox.media import font
from taskctl.sandbox.media.canvas import Canvas

__all__ = ["BAR", "SKY_TO_SUN", "Scene", "fingerprint", "scene"]

_SKY = 24  # colours 0 to 23 are the sky, from the top down
_SUN, _HILLS, _BAND, _INK, BAR = 24, 25, 28, 29, 30
SKY_TO_SUN = bytes(_SUN if colour < _SKY else colour for colour in range(256))
_CAPTION_LINES, _CAPTION_LETTERS = 3, 400


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A landscape without its sun, the colours it is painted with, and where the sun may go."""

    canvas: Canvas
    palette: tuple[tuple[int, int, int], ...]
    horizon: int
    sun: tuple[int, int]


def fingerprint(prompt: str, index: int) -> bytes:
    """Thirty-two bytes that decide everything about the media of one output."""
    return hashlib.sha256(f"{index}:{prompt}".encode("utf-8", "surrogatepass")).digest()


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _palette(seed: bytes) -> tuple[tuple[int, int, int], ...]:
    hue, turn = seed[0] / 256, (seed[1] - 128) / 800
    share = [step / (_SKY - 1) for step in range(_SKY)]
    sky = [_colour(hue + turn * part, 0.75 - 0.45 * part, 0.55 + 0.45 * part) for part in share]
    hills = [_colour(hue + 0.42 + turn, 0.45 + 0.1 * layer, 0.62 - 0.16 * layer) for layer in range(3)]
    return (*sky, _colour(0.13, 0.35, 1), *hills, (24, 24, 32), (244, 244, 244), _colour(hue + 0.5, 0.6, 0.95))


def _caption(prompt: str, index: int, columns: int) -> list[str]:
    text = f"{prompt} #{index + 1}" if index else prompt
    return textwrap.wrap(text[:_CAPTION_LETTERS], columns, max_lines=_CAPTION_LINES, placeholder="...") or [
        f"#{index + 1}"
    ]


def scene(prompt: str, index: int, *, width: int, height: int, scale: int) -> Scene:
    """The landscape of one output of a prompt, in the size asked for."""
    seed = fingerprint(prompt, index)
    canvas = Canvas(width, height)
    line_height = (font.HEIGHT + 2) * scale
    caption = _caption(prompt, index, (width - 4 * scale) // ((font.WIDTH + 1) * scale))
    floor = height - line_height * len(caption) - 5 * scale
    for row in range(height):
        canvas.span(row, 0, width, min(row * _SKY // floor, _SKY - 1))
    for layer in range(3):
        level, swing = floor * (0.55 + 0.15 * layer), floor * (0.05 + seed[4 + layer] / 2600)
        waves, shift = 1 + seed[8 + layer] % 3, seed[12 + layer] / 40
        for x in range(width):
            top = round(level - swing * math.sin(shift + waves * math.tau * x / width))
            canvas.column(x, top, floor, _HILLS + layer)
    for row in range(floor, height):
        canvas.span(row, 0, width, _BAND)
    for number, line in enumerate(caption):
        canvas.text(2 * scale, floor + 2 * scale + number * line_height, line, colour=_INK, scale=scale)
    sun = (width // 4 + seed[2] * width // 512, floor // 4 + seed[3] * floor // 1024)
    return Scene(canvas=canvas, palette=_palette(seed), horizon=floor, sun=sun)
