"""Detection of network file systems."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "orangefs",
        "smb3",
        "smbfs",
        "vboxsf",
    }
    | {f"fuse.{kind}" for kind in ("ceph", "glusterfs", "gcsfuse", "rclone", "s3fs", "sshfs", "goofys", "juicefs")}
)
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def network_filesystem(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """
    Return the type of the network file system that contains a path, or None if it is local or unknown.

    Only Linux is supported. Source: proc_pid_mountinfo(5): the fifth field is the mount point, the field after ``-``
    the type.
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    where = path.resolve()
    depth, found = -1, None
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4]))
        if where.is_relative_to(point) and len(point.parts) >= depth:  # a later mount hides an earlier one
            depth, found = len(point.parts), after.split(" ")[0]
    return found if found in _NETWORK else None
