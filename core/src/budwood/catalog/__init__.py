"""What models can do and refuse, and which services are known: data, not code."""

from budwood.catalog.catalog import Catalog, Preset, presets

__all__ = ["Catalog", "Preset", "presets"]
