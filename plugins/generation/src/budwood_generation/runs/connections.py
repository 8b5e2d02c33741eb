"""As many connections as a run has slots."""

from __future__ import annotations

import sys
from typing import Final

from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood.settings_sources import Source

SPARE_FILES: Final = 128
"""Files that a run opens besides its connections: the journal, the output, libraries that are imported late."""

_SECTION: Final = "transports"


def allow_connections(settings: Settings, slots: int) -> Settings:
    """
    Return settings whose transports permit one connection per slot.

    Args:
        settings: The settings.
        slots: The most calls at a time.

    Raises:
        ConfigurationError: The process may not open as many files.
    """
    _raise_file_limit(slots + SPARE_FILES)
    low = [name for name in settings.instance_names(_SECTION) if _max_connections(settings, name) < slots]
    if not low:
        return settings
    tree = {_SECTION: {name: {"max_connections": slots} for name in low}}
    return Settings(Source("concurrency", tree), *settings.sources)


def _max_connections(settings: Settings, name: str) -> float:
    value = settings.instance_settings(_SECTION, name).get("max_connections")
    try:
        return float("inf") if value is None else int(value)
    except (TypeError, ValueError):  # the transport reports it, with the source of the setting
        return float("inf")


def _raise_file_limit(needed: int) -> None:
    """Raise the limit of open files of this process, as far as the system permits."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigurationError(
            f"This process may open {hard:,} files, but the run needs {needed:,}.",
            hint="Lower concurrency, or raise the limit: ulimit -n.",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
