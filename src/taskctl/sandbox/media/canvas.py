"""A picture of palette colours, with the few strokes that the sandbox's pictures are made of."""

from __future__ import annotations

from taskctl.sandbox.media import font

__all__ = ["Canvas"]


class Canvas:
    """Pixels in rows, each the number of a colour."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.pixels = bytearray(width * height)

    def copy(self) -> Canvas:
        """Another canvas that shows the same."""
        other = Canvas(self.width, self.height)
        other.pixels[:] = self.pixels
        return other

    def span(self, row: int, left: int, right: int, colour: int) -> None:
        """Paint a piece of one row; what lies outside is cut off."""
        left, right = max(left, 0), min(right, self.width)
        if 0 <= row < self.height and left < right:
            start = row * self.width
            self.pixels[start + left : start + right] = bytes((colour,)) * (right - left)

    def column(self, x: int, top: int, bottom: int, colour: int) -> None:
        """Paint a piece of one column, which lies inside."""
        self.pixels[top * self.width + x : bottom * self.width : self.width] = bytes((colour,)) * (bottom - top)

    def disc(self, x: int, y: int, radius: int, recolour: bytes) -> None:
        """Recolour what lies in a circle; the table says what each colour becomes there."""
        for row in range(max(y - radius, 0), min(y + radius + 1, self.height)):
            half = int((radius * radius - (row - y) ** 2) ** 0.5)
            left, right = max(x - half, 0), min(x + half + 1, self.width)
            if left < right:
                start = row * self.width
                piece = slice(start + left, start + right)
                self.pixels[piece] = self.pixels[piece].translate(recolour)

    def text(self, x: int, y: int, line: str, *, colour: int, scale: int) -> None:
        """Write one line, its upper left corner at the given place."""
        for number, letter in enumerate(line):
            left = x + number * (font.WIDTH + 1) * scale
            for down, dots in enumerate(font.glyph(letter)):
                for across, dot in enumerate(dots):
                    if dot == "#":
                        for row in range(y + down * scale, y + (down + 1) * scale):
                            self.span(row, left + across * scale, left + (across + 1) * scale, colour)
