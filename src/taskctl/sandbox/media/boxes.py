"""The MP4 file around a video track: boxes within boxes, the index before the pictures."""

from __future__ import annotations

import struct

__all__ = ["movie"]

_TICKS = 1000  # a second, in the file's time
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _box(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + name + data


def _full(name: bytes, flags: int, *parts: bytes) -> bytes:
    return _box(name, struct.pack(">I", flags), *parts)


def _description(width: int, height: int, configuration: bytes) -> bytes:
    entry = struct.pack(">6xH16xHHIIIH", 1, width, height, 0x480000, 0x480000, 0, 1)
    entry += bytes(32) + struct.pack(">Hh", 24, -1)
    return _full(b"stsd", 0, struct.pack(">I", 1), _box(b"avc1", entry, _box(b"avcC", configuration)))


def _table(samples: list[bytes], keys: list[int], ticks: int, description: bytes, offset: int) -> bytes:
    count = len(samples)
    return _box(
        b"stbl",
        description,
        _full(b"stts", 0, struct.pack(">III", 1, count, ticks)),
        _full(b"stss", 0, struct.pack(f">I{len(keys)}I", len(keys), *keys)),
        _full(b"stsc", 0, struct.pack(">IIII", 1, 1, count, 1)),
        _full(b"stsz", 0, struct.pack(f">II{count}I", 0, count, *map(len, samples))),
        _full(b"stco", 0, struct.pack(">II", 1, offset)),
    )


def _index(size: tuple[int, int], duration: int, table: bytes) -> bytes:
    width, height = size
    track = struct.pack(">IIIII8xhhhxx", 0, 0, 1, 0, duration, 0, 0, 0) + _MATRIX
    track += struct.pack(">II", width << 16, height << 16)
    where = _box(b"dinf", _full(b"dref", 0, struct.pack(">I", 1), _full(b"url ", 1)))
    handler = struct.pack(">4x4s12x", b"vide") + b"taskctl sandbox\0"
    media = _box(
        b"mdia",
        _full(b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, _TICKS, duration, 0x55C4, 0)),  # language: undetermined
        _full(b"hdlr", 0, handler),
        _box(b"minf", _full(b"vmhd", 1, bytes(8)), where, table),
    )
    movie_header = struct.pack(">IIIIIH10x", 0, 0, _TICKS, duration, 0x10000, 0) + _MATRIX + bytes(24)
    movie_header += struct.pack(">I", 2)
    return _box(b"moov", _full(b"mvhd", 0, movie_header), _box(b"trak", _full(b"tkhd", 3, track), media))


def movie(samples: list[bytes], keys: list[int], *, size: tuple[int, int], rate: int, configuration: bytes) -> bytes:
    """A file that shows the samples at the given rate; `keys` names, from 1, those that need no other."""
    ticks = _TICKS // rate
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    description = _description(*size, configuration)

    def index(offset: int) -> bytes:
        return _index(size, ticks * len(samples), _table(samples, keys, ticks, description, offset))

    offset = len(kind) + len(index(0)) + 8
    return kind + index(offset) + _box(b"mdat", *samples)
