from __future__ import annotations

import sys
from pathlib import Path

import pytest

from budwood_generation.journal.filesystems import network_filesystem

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:5 / /mnt/share rw shared:2 - nfs4 server:/export rw,vers=4.2
31 30 0:6 / /mnt/share/local rw - ext4 /dev/sdb1 rw
32 22 0:7 / /mnt/with\\040space rw - cifs //server/share rw
33 22 0:8 / /mnt/remote rw - fuse.sshfs me@host: rw
34 22 0:9 / /mnt/hidden rw - nfs4 server:/old rw
35 22 0:9 / /mnt/hidden rw - tmpfs tmpfs rw
36 22 0:9 / /mnt/image rw - fuse.squashfuse image rw
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such mounts")
@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/data", None),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/er", "nfs4"),
        ("/mnt/shared", None),
        ("/mnt/share/local/data", None),
        ("/mnt/with space/data", "cifs"),
        ("/mnt/remote/me", "fuse.sshfs"),
        ("/mnt/hidden/data", None),
        ("/mnt/image", None),
    ],
)
def test_a_network_file_system_is_found_by_its_mount(tmp_path, folder, kind):
    """
    The deepest mount above a path counts, and of several at one path the last.
    """
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)

    assert network_filesystem(Path(folder), mounts) == kind


def test_without_a_list_of_mounts_all_paths_are_accepted(tmp_path):
    """
    Other systems do not have this file.
    """
    assert network_filesystem(tmp_path, tmp_path / "absent") is None
