"""Metrics of several processes, which `prometheus_client` keeps in one folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment that `prometheus_client` reads when it is imported."""


def prepare(folder: Path | None, instance: str) -> None:
    """
    Let `prometheus_client` keep its metrics in a folder for this instance of the observer, if there is a folder.

    Raises:
        ConfigurationError: `prometheus_client` was imported before, with another folder or without one, or the folder
            cannot be created.
    """
    if folder is None:
        return
    chosen = folder.expanduser().absolute() / instance
    if "prometheus_client" in sys.modules and not _is_used(chosen):
        raise ConfigurationError(
            f"[observer.{instance}] multiprocess_folder cannot be used: prometheus_client was imported before the "
            f"environment variable {VARIABLE} was set to {chosen}.",
            hint=f"Set {VARIABLE}={chosen} before the program starts, or create the client before the first import of "
            "prometheus_client.",
        )
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"[observer.{instance}] multiprocess_folder: cannot create {chosen}: {error.strerror}.",
            hint="Choose a folder that this user may write to.",
        ) from error
    os.environ[VARIABLE] = str(chosen)


def is_active() -> bool:
    """Tell whether `prometheus_client` keeps its metrics in a folder. It decides this when it is imported."""
    from prometheus_client import values

    return values.ValueClass is not values.MutexValue


def _is_used(folder: Path) -> bool:
    used = os.environ.get(VARIABLE)
    return used is not None and Path(used).absolute() == folder and is_active()
