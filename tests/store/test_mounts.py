"""A path on another machine's disk is recognised."""

from pathlib import Path

import pytest

from taskctl.store.mounts import REMOTE, kind_at, remote

MOUNTS = r"""/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//nas/my\040share /mnt/my\040share cifs rw 0 0
tmpfs /home/local tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/x", "ext4"),
        ("/home/me/.local/state/history.db", "nfs4"),
        ("/homework/x", "ext4"),
        ("/home/local/x", "tmpfs"),
        ("/mnt/my share/x", "cifs"),
    ],
)
def test_the_deepest_mount_counts_and_of_two_at_one_place_the_later(path: str, kind: str) -> None:
    assert kind_at(Path(path), MOUNTS) == kind


def test_network_disks_are_remote() -> None:
    assert {"nfs", "nfs4", "cifs", "fuse.sshfs"} <= REMOTE
    assert not {"ext4", "tmpfs", "overlay"} & REMOTE


def test_the_folder_of_the_tests_is_here(tmp_path: Path) -> None:
    assert not remote(tmp_path)
