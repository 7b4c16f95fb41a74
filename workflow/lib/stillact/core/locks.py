"""File locks between processes, also of different nodes of a cluster."""

import errno
import fcntl
from pathlib import Path

from stillact.core.errors import InputError

# ENOLCK: NFS without a lock service.
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


def lock(file: int, path: Path, wait: bool) -> bool:
    """Lock an open file until it is closed, or its process ends, however it ends.

    Args:
        file: its descriptor, open for writing (NFS requires it).
        path: its path, for the message.
        wait: wait for the process that has locked it; else return False at once.

    Raises:
        InputError: the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise InputError(
            f"{path}: this file system does not lock files ({error.strerror}), so jobs could "
            "do the same work side by side. Mount it with locks (Lustre: `-o flock`, or "
            "`-o localflock` if all jobs run on one node; NFS: not nolock), or use another folder"
        ) from None
    return True
