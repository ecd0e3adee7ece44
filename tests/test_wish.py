import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from taskctl.dialects.load import Dialects
from taskctl.errors import FileError
from taskctl.profiles import Profile
from taskctl.store.config import ProfileSettings
from taskctl.wish import LARGEST_INLINE, LocalFile, Wish, replaced, restored

EVOLINK = Dialects().get("evolink")
PROFILE = Profile(
    name="studio", dialect=EVOLINK, base_url=EVOLINK.form.base_url, settings=ProfileSettings(dialect="evolink")
)


@pytest.fixture
def picture(tmp_path: Path) -> LocalFile:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG and so on")
    return LocalFile(str(path))


def wished(**members: Any) -> Wish:
    return Wish(profile=PROFILE, **{"model": "m", "input": {"prompt": "a dog", "n": 1}, **members})


def test_the_order_of_the_input_does_not_make_another_request() -> None:
    assert wished(input={"n": 1, "prompt": "a dog"}).fingerprint() == wished().fingerprint()


@pytest.mark.parametrize(
    "other",
    [
        {"model": "other"},
        {"operation": "image"},
        {"callback_url": "https://me.example/hook"},
        {"input": {"prompt": "a cat", "n": 1}},
        {"input": {"prompt": "a dog", "n": "1"}},
        {"input": {"prompt": "a dog", "n": 1, "more": None}},
    ],
)
def test_whatever_is_sent_makes_another_request(other: dict[str, Any]) -> None:
    assert wished(**other).fingerprint() != wished().fingerprint()


@pytest.mark.parametrize("same", [{"key": "k"}, {"tags": ("a",)}, {"profile": replace(PROFILE, name="other")}])
def test_what_is_not_sent_makes_no_other_request(same: dict[str, Any]) -> None:
    assert replace(wished(), **same).fingerprint() == wished().fingerprint()


def test_files_count_by_their_content(tmp_path: Path, picture: LocalFile) -> None:
    same, other = tmp_path / "copy.png", tmp_path / "other.png"
    same.write_bytes(b"\x89PNG and so on")
    other.write_bytes(b"\x89PNG and more")
    first = wished(input={"image": picture}).fingerprint()
    assert wished(input={"image": LocalFile(str(same))}).fingerprint() == first
    assert wished(input={"image": LocalFile(str(other))}).fingerprint() != first


def test_files_are_found_where_they_stand_and_put_back_there(picture: LocalFile) -> None:
    input_: dict[str, object] = {"a/b": {"c~d": [1, picture]}, "image": picture, "text": "x", "rows": [[picture]]}
    wish = wished(input=input_)
    assert wish.files() == {"/a~1b/c~0d/1": picture, "/image": picture, "/rows/0/0": picture}
    shown = replaced(input_, lambda pointer, file: f"{pointer}@{Path(file.path).name}")
    assert shown == {
        "a/b": {"c~d": [1, "/a~1b/c~0d/1@picture.png"]},
        "image": "/image@picture.png",
        "text": "x",
        "rows": [["/rows/0/0@picture.png"]],
    }
    assert isinstance(shown, dict)
    assert restored(shown, {pointer: file.path for pointer, file in wish.files().items()}) == input_


def test_a_wish_without_files_is_left_as_it_is() -> None:
    assert wished().files() == {}
    assert restored({"a": [1, {"b": None}]}, {}) == {"a": [1, {"b": None}]}


class TestLocalFile:
    @pytest.mark.parametrize("name", ["", "missing.png", "folder", "a\0b", "n" * 300])
    def test_what_is_no_file_is_refused_at_once(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(FileError):
            LocalFile(str(tmp_path / name) if name else "")

    def test_its_hash_is_that_of_its_content(self, picture: LocalFile) -> None:
        assert picture.sha256() == hashlib.sha256(b"\x89PNG and so on").hexdigest()

    def test_one_that_vanished_is_named(self, picture: LocalFile) -> None:
        Path(picture.path).unlink()
        with pytest.raises(FileError, match=r"picture\.png cannot be read"):
            picture.sha256()
        with pytest.raises(FileError, match=r"picture\.png cannot be read"):
            picture.data_url()

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("a.png", "image/png"),
            ("a.JPG", "image/jpeg"),
            ("a.webp", "image/webp"),
            ("a.mp3", "audio/mpeg"),
            ("a.wav", "audio/wav"),
            ("a.flac", "audio/flac"),
            ("a.m4a", "audio/mp4"),
            ("a.mp4", "video/mp4"),
            ("a.mkv", "video/x-matroska"),
            ("a", "application/octet-stream"),
            ("a.unheard-of", "application/octet-stream"),
        ],
    )
    def test_a_data_url_names_the_type_on_every_machine(self, tmp_path: Path, name: str, kind: str) -> None:
        (tmp_path / name).write_bytes(b"x\xff")
        head, _, content = LocalFile(str(tmp_path / name)).data_url().partition(",")
        assert head == f"data:{kind};base64"
        assert base64.b64decode(content) == b"x\xff"

    def test_a_file_too_large_for_a_request_is_refused(self, tmp_path: Path) -> None:
        with (tmp_path / "big.bin").open("wb") as file:
            file.truncate(LARGEST_INLINE + 1)
        with pytest.raises(FileError, match="too many to send"):
            LocalFile(str(tmp_path / "big.bin")).data_url()
