"""Whether a path lies on another machine's disk: SQLite's write-ahead log needs memory shared by all its users."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
REMOTE = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)


def remote(path: Path) -> bool:
    """Whether this path is on a network file system, as far as this system tells."""
    try:
        return kind_at(path.resolve(), MOUNTS.read_text(errors="replace")) in REMOTE
    except (OSError, ValueError):
        return False


def kind_at(path: Path, mounts: str) -> str | None:
    """The type of the file system that holds this path, by a table in the form of /proc/self/mounts."""
    kind, depth = None, 0
    for line in mounts.splitlines():
        _device, place, found, *_options = line.split(" ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place))
        if path.is_relative_to(folder) and len(folder.parts) >= depth:  # of two mounts at one place the later holds
            kind, depth = found, len(folder.parts)
    return kind
