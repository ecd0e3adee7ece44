import io
import struct
import wave
import zlib
from collections.abc import Callable, Iterator

import pytest

from taskctl.sandbox import media
from taskctl.sandbox.media import clip, font, picture
from taskctl.sandbox.media.bits import Bits

PROMPT = "a lighthouse in a storm"
MAKERS = [media.png, media.wav, media.mp3, media.mp4]


@pytest.mark.parametrize("make", MAKERS)
def test_media_follow_from_the_prompt_and_the_index_alone(make: Callable[[str, int], bytes]) -> None:
    assert make(PROMPT, 0) == make(PROMPT, 0)
    assert len({make(PROMPT, 0), make(PROMPT, 1), make("a windmill", 0)}) == 3


@pytest.mark.parametrize("make", [*MAKERS, lambda prompt, _: media.srt(prompt)])
@pytest.mark.parametrize("prompt", ["", "  ", "Café 夜景 \x00 \ud800", "word " * 500, "x" * 500])
def test_any_prompt_will_do(make: Callable[[str, int], bytes], prompt: str) -> None:
    assert make(prompt, 0)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place = 8
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size) == (zlib.crc32(name + content),)
        yield name, content
        place += size + 12


def test_a_png_decodes_to_the_size_it_says() -> None:
    parts = dict(chunks(media.png(PROMPT, 0)))
    assert list(parts) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, colour_type = struct.unpack_from(">IIBB", parts[b"IHDR"])
    assert (width, height, depth, colour_type) == (picture.WIDTH, picture.HEIGHT, 8, 3)
    rows = zlib.decompress(parts[b"IDAT"])
    assert len(rows) == (width + 1) * height
    assert max(rows) < len(parts[b"PLTE"]) // 3
    assert set(rows[:: width + 1]) == {0}


def test_the_prompt_is_written_on_the_picture() -> None:
    assert font.glyph("i") == font.glyph("I") == font.glyph("Î")
    assert font.glyph("夜") == font.glyph("本") != font.glyph(" ")
    known = [letter for letter in map(chr, range(32, 127)) if font.glyph(letter) != font.glyph("夜")]
    assert len(known) >= 90
    assert all(len(row) == font.WIDTH for letter in known for row in font.glyph(letter))


def boxes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    place = 0
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        assert 8 <= size <= len(data) - place
        yield name, place + 8, data[place + 8 : place + size]
        place += size


def inner(data: bytes, *path: bytes) -> bytes:
    for name in path:
        data = next(content for each, _, content in boxes(data) if each == name)
    return data


def samples(data: bytes) -> list[bytes]:
    table = inner(data, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    _, count = struct.unpack_from(">II", inner(table, b"stsz"), 4)
    sizes = struct.unpack_from(f">{count}I", inner(table, b"stsz"), 12)
    place = struct.unpack_from(">I", inner(table, b"stco"), 8)[0]
    found = []
    for size in sizes:
        found.append(data[place : place + size])
        place += size
    assert place == len(data)
    return found


def test_an_mp4_has_its_index_first_and_finds_its_samples() -> None:
    data = media.mp4(PROMPT, 0)
    assert [name for name, _, _ in boxes(data)] == [b"ftyp", b"moov", b"mdat"]
    assert len(data) < 200_000
    assert samples(data)[0][:4] == inner(data, b"mdat")[:4]
    scale, duration = struct.unpack_from(">II", inner(data, b"moov", b"mvhd"), 12)
    assert 2 <= duration / scale <= 3


def test_an_mp4_s_pictures_are_a_key_and_what_changes() -> None:
    pictures = samples(media.mp4(PROMPT, 0))
    assert len(pictures) == clip.FRAMES
    for number, sample in enumerate(pictures):
        assert struct.unpack_from(">I", sample) == (len(sample) - 4,)
        assert sample[4] & 31 == (1 if number else 5)
        assert not {b"\x00\x00\x00", b"\x00\x00\x01", b"\x00\x00\x02"} & {
            sample[at : at + 3] for at in range(4, len(sample))
        }
        assert number == 0 or 384 <= len(sample) < len(pictures[0]) / 4


def test_a_key_picture_holds_every_macroblock_s_samples() -> None:
    blocks = clip.WIDTH // 16 * clip.HEIGHT // 16
    key = samples(media.mp4(PROMPT, 0))[0]
    assert 0 <= len(key) - blocks * 384 <= blocks * 3 + 16


@pytest.mark.parametrize(
    ("number", "digits"),
    [(0, "1"), (1, "010"), (2, "011"), (3, "00100"), (25, "000011010"), (30, "000011111")],
)
def test_exp_golomb_codes_are_as_the_standard_has_them(number: int, digits: str) -> None:
    written = bytes(Bits().golomb(number))
    assert "".join(f"{byte:08b}" for byte in written) == digits.ljust(len(written) * 8, "0")


def test_a_wav_lasts_two_seconds_and_is_not_silent() -> None:
    with wave.open(io.BytesIO(media.wav(PROMPT, 0))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert sound.getnframes() / sound.getframerate() == 2
        assert len(set(sound.readframes(4000))) > 100


def test_an_mp3_is_frames_of_one_size_for_two_seconds() -> None:
    data = media.mp3(PROMPT, 0)
    assert len(data) % 96 == 0
    assert {data[place : place + 4] for place in range(0, len(data), 96)} == {b"\xff\xfb\x14\xc0"}
    assert len(data) / 96 * 1152 / 48_000 == pytest.approx(2, abs=0.03)


def test_captions_say_the_prompt_in_order() -> None:
    first, second = media.srt("Salt comes from rock. Rain takes it to the sea.").decode().split("\n\n")
    assert first == "1\n00:00:00,000 --> 00:00:02,000\nSalt comes from rock. Rain takes it to the"
    assert second == "2\n00:00:02,000 --> 00:00:04,000\nsea.\n"
