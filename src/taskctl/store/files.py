"""Files and folders for this user alone, whatever the umask."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EINVAL
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(folder: Path) -> None:
    """Make the folder and what is missing above it, mode 0700; what exists is left as it is."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def make_private(path: Path) -> None:
    """Make the file if it is missing, check that it can be written, and keep others out of it."""
    make_folder(path.parent)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # never opened here: closing it would release the locks that this process holds on it
        if not path.is_file():
            raise OSError(EINVAL, "it is not a regular file", str(path)) from None
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(EACCES, "it may only be read, if at all", str(path)) from None
        tighten(path)
    else:
        sync_folder(path.parent)


def tighten(path: Path) -> None:
    """Take the rights of others from a file, where it has any and where the system knows such rights."""
    if exposed(path):
        with suppress(OSError):  # some mounts know no modes, and SQLite's companions come and go
            path.chmod(0o600)


def exposed(path: Path) -> bool:
    """Whether others than its owner may read or write this file."""
    try:
        return sys.platform != "win32" and bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False


def write_private(path: Path, content: bytes) -> None:
    """Put the content in place whole or not at all, mode 0600 before the first byte is in."""
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in this folder survive a power cut, where the system can."""
    with suppress(OSError):  # Windows opens no folders, some network disks do not sync them
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold this lock file against every other process; it stays, since removing it would race."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        hold(descriptor)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":

    def hold(descriptor: int) -> None:
        """Keep an open file from every other process that holds it, until it is closed."""
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

else:

    def hold(descriptor: int) -> None:
        """Keep an open file from every other process that holds it, until it is closed."""
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
