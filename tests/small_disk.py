"""A small filesystem, which tests fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KIB = 1024


class Disk:
    """A small filesystem."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, size: int) -> None:
        """Fill it except for ``size`` bytes."""
        with (self.folder / "ballast").open("wb") as file:
            while (remaining := shutil.disk_usage(self.folder).free - size) > 0:
                file.write(bytes(min(remaining, 64 * KIB)))
                file.flush()

    def make_room(self) -> None:
        """Remove the file that fills it."""
        (self.folder / "ballast").unlink()


@contextmanager
def mount_disk(folder: Path) -> Iterator[Disk]:
    """Mount a tmpfs of 16 MiB at a new folder. Without permission for that, the test is skipped."""
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a filesystem requires root")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
