"""Where a store lies: a private file of ours on a disk of this machine, with one writer.

Everything is made with mode 0600 in a folder with mode 0700; links are not followed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from logmon.errors import StoreError
from logmon.redaction import KEY_BYTES

MOUNTS = "/proc/self/mounts"
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "lustre",
     "fuse.sshfs", "fuse.glusterfs", "fuse.rclone"}
)  # fmt: skip


class Lock:
    """Held by the one process that writes into a store; the kernel lets go when it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._file = -1

    def acquire(self) -> bool:
        """Take the lock, or return False when another process holds it.

        Raises:
            StoreError: the lock file cannot be opened.
        """
        if self._file < 0:
            self._file = _open_private(self.path)
        for wait_s in (0.02, 0.02, 0.0):  # one that only asks holds it for a moment
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(wait_s)
            else:
                return True
        return False

    def is_held(self) -> bool:
        """Whether any process holds it now."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def release(self) -> None:
        """Let another process write."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def prepare(path: Path) -> None:
    """Make the folder (0700) and the file (0600), or make sure that they are ours.

    Raises:
        StoreError: it is a link, no file, or somebody else's, or may be written by others.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent}: {error.strerror}") from None
    with suppress(OSError):  # where the system does not tell
        if kind := network_file_system(path.parent.resolve(), Path(MOUNTS).read_text()):
            hint = "name a file on a disk of this machine in [store] path"
            raise StoreError(f"{path.parent}: is {kind}, and SQLite needs a local disk; {hint}")
    for ending in ("-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.is_symlink():
            raise StoreError(f"{beside}: is a link; remove it")
    os.close(_open_private(path))


def redaction_key(path: Path) -> bytes:
    """Return the key of this store's pseudonyms, kept beside it; made when there is none.

    Raises:
        StoreError: the key's file cannot be made, or is not ours alone.
    """
    prepare(path)
    file = _open_private(path.with_name(f"{path.name}.key"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        key = os.read(file, KEY_BYTES)
        if len(key) < KEY_BYTES:
            key = secrets.token_bytes(KEY_BYTES)
            os.pwrite(file, key, 0)
            os.fsync(file)
        return key
    except OSError as error:
        raise StoreError(f"{path}.key: {error.strerror}") from None
    finally:
        os.close(file)


def network_file_system(folder: Path, mounts: str) -> str:
    """Return the kind of the file system a folder is on when it is another machine's, else "".

    `mounts` is what /proc/self/mounts holds. Write-ahead logs need memory that all processes
    share, which no network file system gives (sqlite.org/wal.html, "Disadvantages").
    """
    found, longest = "", -1
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        point = Path(place.replace("\\040", " "))
        if (point == folder or point in folder.parents) and len(point.parts) >= longest:
            found, longest = kind, len(point.parts)
    return found if found in NETWORK else ""


def _open_private(path: Path) -> int:
    """Open a file of ours for writing, made with mode 0600; links are not followed."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = "is a link; name the file itself" if path.is_symlink() else error.strerror
        raise StoreError(f"{path}: {reason}") from None
    status = os.fstat(file)
    fault = ""
    if not stat.S_ISREG(status.st_mode):
        fault = "is no file"
    elif status.st_uid != os.getuid():
        fault = "belongs to another user"
    elif status.st_mode & 0o077:
        fault = f"may be read by others; run chmod 600 {path}"
    if fault:
        os.close(file)
        raise StoreError(f"{path}: {fault}")
    return file
