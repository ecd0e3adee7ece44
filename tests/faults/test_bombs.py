"""R1: what is small on the wire and huge when unpacked does not fill the memory."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.faults.conftest import Play
from tests.faults.console import Console
from tests.faults.server import Asked, File, answer

LAYERS = 9
MOST = 50 * 1024
"""KiB more than a plain run."""
FILE = File(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(range(256)) * 40)


@pytest.fixture(scope="module")
def bombs() -> list[bytes]:
    """128 MiB of zeros, packed once, twice, and so on."""
    packer = zlib.compressobj(9, wbits=31)
    made = [b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(128)), packer.flush()])]
    for _ in range(LAYERS - 1):
        made.append(zlib.compress(made[-1], 9, wbits=31))  # each holds the one before
    return made


def measured(told: Path) -> list[str]:
    """Starts a command and writes down how many KiB of memory it needed at most.

    It is a process in between, since a child begins with the peak of whoever made it.
    """
    script = "import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]); "
    script += "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss; "
    script += "open(sys.argv[1], 'w').write(str(peak // (1024 if sys.platform == 'darwin' else 1))); sys.exit(code)"
    return [sys.executable, "-ISc", script, str(told)]


def peak(taskctl: Console, *arguments: str) -> tuple[int, int]:
    """The exit code of a run, and the KiB of memory that it needed at most."""
    told = taskctl.cwd.parent / "peak"
    done = taskctl.running(*arguments, within=measured(told)).ended()
    return done.code, int(told.read_text())


def packed(body: bytes, layers: int) -> bytes:
    encoding = ", ".join(["gzip"] * layers)
    return answer(200, body, {"Content-Type": "video/mp4", "Content-Encoding": encoding, "ETag": '"v1"'})


def test_R1_a_packed_result_of_any_depth_is_refused_and_fills_no_memory(
    taskctl: Console, play: Play, bombs: list[bytes]
) -> None:
    play.ephone.files = FILE
    code, usual = peak(taskctl, "download", "task-0")
    assert code == 0

    def files(asked: Asked) -> bytes:
        layers = int(asked.path.rpartition("/")[2].removesuffix(".mp4"))
        return packed(bombs[layers - 1], layers)

    play.ephone.links = lambda _: [f"/{layers}.mp4" for layers in range(1, LAYERS + 1)]
    play.ephone.files = files
    code, most = peak(taskctl, "download", "task-1", "--jobs", "1")
    assert (code, most - usual < MOST) == (10, True), f"{most - usual} KiB more than {usual} KiB"
    assert len(play.server.asked) == 2 + 1 + LAYERS  # each was asked for once: it will not become better
    assert [path.name for path in Path(taskctl.cwd).iterdir()] == ["task-0-0.mp4"]


def test_R1_a_packed_look_fills_no_memory(taskctl: Console, play: Play, bombs: list[bytes]) -> None:
    code, usual = peak(taskctl, "status", "task-0")
    assert code == 0
    play.server.script = lambda _: packed(bombs[0], 1)
    code, most = peak(taskctl, "status", "task-1")
    assert (code, most - usual < MOST) == (6, True), f"{most - usual} KiB more than {usual} KiB"


def test_R1_the_measurement_sees_memory(tmp_path: Path) -> None:
    hungry = [sys.executable, "-ISc", "b'x' * (60 << 20)"]
    subprocess.run([*measured(tmp_path / "peak"), *hungry], check=True)
    assert int((tmp_path / "peak").read_text()) > MOST
