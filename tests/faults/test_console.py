"""The search for the key finds it: without this, the promise that nothing leaks would be empty."""

import base64
from pathlib import Path

import pytest

from tests.faults.conftest import Play, Serve
from tests.faults.console import CANARY, Console, leaks
from tests.faults.server import File, answer


def test_a_key_in_a_file_in_words_or_in_a_request_is_found(tmp_path: Path, serve: Serve) -> None:
    import urllib.request

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\x00" + CANARY.encode() + b"\x00")
    server = serve(lambda _: answer(204), trusted=True)
    bearer = urllib.request.Request(server.url, headers={"Authorization": f"Bearer {CANARY}"})
    basic = base64.b64encode(f"user:{CANARY}".encode()).decode()
    with urllib.request.urlopen(bearer), urllib.request.urlopen(f"{server.url}/?auth={basic}"):
        found = leaks(CANARY, [tmp_path], ["nothing", f"error: {CANARY}"], [server])
    assert [text.partition(":")[0] for text in found] == [
        str(tmp_path / "deep" / "file"),
        "said",
        "sent to http",
        "sent to http",
    ]
    assert leaks(CANARY + "x", [tmp_path], ["nothing"], [server]) == []


def test_a_provider_that_is_a_stranger_is_told_apart(taskctl: Console, play: Play, strangers: list[object]) -> None:
    play.ephone.files = File(b"\x00\x00\x00\x20ftypisom")
    assert taskctl("download", "task-1").code == 0
    assert strangers == []
    assert len(leaks(CANARY, [], [], [play.server])) == play.looks == 1


@pytest.mark.parametrize("padding", ["", "x", "xx", "user:"])
def test_the_key_is_found_within_base64(padding: str) -> None:
    assert leaks(CANARY, [], [base64.b64encode(f"{padding}{CANARY}".encode()).decode()], [])
