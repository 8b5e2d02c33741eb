"""Build the limiter inside the process from its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.limiting.lasting import LastingCounters
from budwood.limiting.local import LocalLimiter
from budwood.providing.sqlite import absolute_path
from budwood.settings import user_folder

FILE_NAME: Final = "limits.sqlite3"


class LocalLimiterSettings(BaseModel):
    """
    Settings of the limiter inside the process.

    Attributes:
        path: The file that counts limits of a day or more, on a local disk; by default ``limits.sqlite3`` in the user's
            data folder. All clients of a process use the file of the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: Path | None = None


def build_local_limiter(settings: LocalLimiterSettings, context: PluginContext) -> LocalLimiter:
    """Build a limiter from its settings. The file is opened on first use."""
    path = user_folder("data") / FILE_NAME if settings.path is None else settings.path
    file = absolute_path(path, f"[limiters.{context.instance}] path")
    return LocalLimiter(context.clock, LastingCounters(file, context.clock, context.log))
