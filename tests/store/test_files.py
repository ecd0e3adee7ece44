"""Files are for this user alone, and whole."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from taskctl.store import files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_missing_folders_are_made_private_and_others_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        files.make_folder(tmp_path / "a" / "b")
        files.make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert (mode(tmp_path), mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o755, 0o700, 0o700)


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"old")
    path.chmod(0o666)
    files.write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="irectory"):
        files.write_private(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_while_saving_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    files.write_private(path, b"0" * 100_000)
    script = (
        "import sys; from pathlib import Path; from taskctl.store.files import write_private\n"
        "for turn in range(10**9): write_private(Path(sys.argv[1]), str(turn % 10).encode() * 100_000);"
        " print(turn, flush=True)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
        writer.kill()
        writer.stdout.close()
    content = path.read_bytes()
    assert len(content) == 100_000
    assert len(set(content)) == 1
    assert mode(path) == 0o600


def test_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    inside = []

    def enter() -> None:
        with files.locked(lock):
            inside.append("other")

    with files.locked(lock):
        other = threading.Thread(target=enter)
        other.start()
        other.join(0.05)
        inside.append("first")
    other.join()
    assert inside == ["first", "other"]
    assert mode(lock) == 0o600
