"""
What models can do and refuse, and which services are known: data, not code.

``models.json`` says what models want and refuse. Its keys are ``PLUGIN/PATTERN``, and the longest pattern that fits a
model's name wins; ``renames`` and the refusals name parameters of `ChatRequest`. ``presets.json`` holds instances that
exist without a settings section, where no installed plugin has their name; ``environment`` names variables that fill a
key. Each row says where it is written, and when that was read. JSON, because TOML takes ten times as long to read.

What is in none of them is learnt from the servers' refusals (`Lessons`).
"""

from budwood.catalog.catalog import Catalog, Preset, presets
from budwood.catalog.learnt import Lessons

__all__ = ["Catalog", "Lessons", "Preset", "presets"]
