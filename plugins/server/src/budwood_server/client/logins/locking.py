"""Locks that keep other processes from changing a file of logins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError

MAX_WAIT: Final = 60.0
"""Seconds to wait for another process that renews the tokens of a login."""


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """
    Keep other processes from changing a file, whose directory is created if it does not exist.

    Raises:
        ConfigurationError: One has been changing it for `MAX_WAIT`, or the directory cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = FileLock(lock, timeout=MAX_WAIT, mode=0o600)
        held.acquire()
    except Timeout:
        raise ConfigurationError(
            f"{path}: another process has been changing the logins for {MAX_WAIT:.0f} s.",
            hint="Wait for it to end, and try again.",
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        yield
    finally:
        held.release()


def cannot_write(path: Path, error: OSError) -> ConfigurationError:
    """Return the error for a file that cannot be written."""
    return ConfigurationError(
        f"{path}: cannot be written: {error.strerror or error}.", hint="Check the permissions of its folder."
    )
