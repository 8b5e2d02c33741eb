"""The settings that a process uses, as text: its parent keeps them for the process that replaces it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood import Settings


def dump_settings(settings: Settings) -> str:
    """Return settings as text. It has their secrets, so it is only for a link between processes."""
    sources = [(*source[:2], {**source.variables}, source in settings.folder_sources) for source in settings.sources]
    folder = None if settings.key_folder is None else str(settings.key_folder)
    return json.dumps({"key_folder": folder, "sources": sources}, default=str)  # TOML has dates


def load_kept_settings(text: str) -> Settings:
    """Return the settings of a text that `dump_settings` made."""
    from pathlib import Path

    from budwood import Settings
    from budwood.settings_sources import Source

    kept = json.loads(text)
    sources = [(Source(name, tree, variables), of_folder) for name, tree, variables, of_folder in kept["sources"]]
    settings = Settings(*(source for source, _ in sources))
    settings.key_folder = None if kept["key_folder"] is None else Path(kept["key_folder"])
    settings.folder_sources = tuple(source for source, of_folder in sources if of_folder)
    return settings
