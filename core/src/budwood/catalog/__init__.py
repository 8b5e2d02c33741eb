"""
What models can do and refuse, and which services are known: data, not code.

``models.json`` says what models want and refuse. Its keys are ``PLUGIN/PATTERN``; the name itself wins, or else the
longest pattern that fits it; ``renames`` and the refusals name parameters of `ChatRequest`. ``shutdowns.json`` says
which models end. ``facts/`` holds a file a vendor with prices and limits, taken from the package genai-prices (whose
licence lies beside them) by ``core/catalog/update.py`` of the repository. ``presets.json`` holds instances that exist
without a settings section, where no installed plugin has their name; ``environment`` names variables that fill a key.
Each row, or its file, says where it is written, and when that was read. JSON, because TOML takes ten times as long to
read.

What is in none of them is learned from the servers' refusals (`LearnedRules`).
"""

from budwood.catalog.catalog import Catalog, Preset, presets
from budwood.catalog.learned import LearnedRules

__all__ = ["Catalog", "LearnedRules", "Preset", "presets"]
