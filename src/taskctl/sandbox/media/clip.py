"""MP4 clips: the prompt's landscape while its sun goes by."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from taskctl.sandbox.media import boxes, h264
from taskctl.sandbox.media.scene import BAR, SKY_TO_SUN, scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskctl.sandbox.media.canvas import Canvas
    from taskctl.sandbox.media.scene import Scene

__all__ = ["FRAMES", "HEIGHT", "RATE", "WIDTH", "mp4"]

WIDTH, HEIGHT = 256, 144
FRAMES, RATE = 24, 10
_COLUMNS, _ROWS = WIDTH // h264.BLOCK, HEIGHT // h264.BLOCK
_SUN_RADIUS = 9


def _tables(palette: tuple[tuple[int, int, int], ...]) -> tuple[bytes, bytes, bytes]:
    """What each colour is in brightness and in the two colour differences, as in BT.601."""
    luma, blue_difference, red_difference = bytearray(256), bytearray(256), bytearray(256)
    for number, (red, green, blue) in enumerate(palette):
        luma[number] = round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255)
        blue_difference[number] = round(128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255)
        red_difference[number] = round(128 + (112 * red - 93.786 * green - 18.214 * blue) / 255)
    return bytes(luma), bytes(blue_difference), bytes(red_difference)


def _block(canvas: Canvas, place: int, tables: tuple[bytes, bytes, bytes]) -> bytes:
    """One macroblock's samples: brightness in full, the colour of every second pixel of every second row."""
    row, column = divmod(place, _COLUMNS)
    first = row * h264.BLOCK * WIDTH + column * h264.BLOCK
    lines = [canvas.pixels[start : start + h264.BLOCK] for start in range(first, first + h264.BLOCK * WIDTH, WIDTH)]
    half = b"".join(line[::2] for line in lines[::2])
    luma, blue_difference, red_difference = tables
    return b"".join(lines).translate(luma) + half.translate(blue_difference) + half.translate(red_difference)


def _sun_at(number: int) -> int:
    return number * (WIDTH + 2 * _SUN_RADIUS) // FRAMES


def _bar_at(number: int) -> int:
    return WIDTH * (number + 1) // FRAMES


def _frame(view: Scene, number: int) -> Canvas:
    frame = view.canvas.copy()
    rise = view.horizon // 2 * 4 * number * (FRAMES - number) // FRAMES**2
    frame.disc(_sun_at(number), view.horizon * 3 // 4 - rise, _SUN_RADIUS, SKY_TO_SUN)
    for row in (HEIGHT - 2, HEIGHT - 1):
        frame.span(row, 0, _bar_at(number), BAR)
    return frame


def _changes(number: int, before: Canvas, after: Canvas) -> Iterator[int]:
    """The macroblocks that may differ: in rows that do, where the sun was or is, and where the bar grew."""
    sun = range(_sun_at(number - 1) - _SUN_RADIUS, _sun_at(number) + _SUN_RADIUS + 1)
    columns = {x // h264.BLOCK for x in (*sun, *range(_bar_at(number - 1), _bar_at(number))) if 0 <= x < WIDTH}
    strip = WIDTH * h264.BLOCK
    for row in range(_ROWS):
        piece = slice(row * strip, (row + 1) * strip)
        if before.pixels[piece] != after.pixels[piece]:
            yield from (row * _COLUMNS + column for column in sorted(columns))


def _units(view: Scene) -> Iterator[bytes]:
    tables, total = _tables(view.palette), _COLUMNS * _ROWS
    before = _frame(view, 0)
    shown = {place: _block(before, place, tables) for place in range(total)}
    yield h264.key_picture(shown)
    for number in range(1, FRAMES):
        after = _frame(view, number)
        blocks = {place: _block(after, place, tables) for place in _changes(number, before, after)}
        blocks = {place: block for place, block in blocks.items() if block != shown[place]}
        yield h264.changed_picture(blocks, number, total)
        shown.update(blocks)
        before = after


def mp4(prompt: str, index: int) -> bytes:
    """A clip of somewhat more than two seconds, drawn from the prompt."""
    view = scene(prompt, index, width=WIDTH, height=HEIGHT, scale=1)
    samples = [struct.pack(">I", len(unit)) + unit for unit in _units(view)]
    sequence, picture = h264.parameter_sets(_COLUMNS, _ROWS)
    configuration = bytes((1, h264.PROFILE, h264.COMPATIBILITY, h264.LEVEL, 0xFF, 0xE1))
    configuration += struct.pack(">H", len(sequence)) + sequence + b"\x01" + struct.pack(">H", len(picture)) + picture
    return boxes.movie(samples, [1], size=(WIDTH, HEIGHT), rate=RATE, configuration=configuration)
