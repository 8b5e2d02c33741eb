"""
The catalog of models and services, as data.

* ``models.json`` has the rules of models. Its keys are ``PLUGIN/PATTERN``. An exact name takes precedence over
  patterns, a longer pattern over a shorter one. ``renames`` and the refusals refer to parameters of `ChatRequest`.
  ``names`` lists models that no other file names, for hints.
* ``media.json`` has what models take of each kind of media; ``input`` lists the kinds that messages to them may
  contain. Unlike the other rows, all that match apply, kind by kind.
* ``shutdowns.json`` has the days on which models are shut down.
* ``facts/`` has one file per vendor with prices and limits. ``core/catalog/update.py`` of the repository generates them
  from the package genai-prices, whose licence is in the same folder.
* ``presets.json`` has instances that need no section in the settings, unless an installed plugin has their name.
  ``environment`` lists the variables that fill a key.

Each row, or its file, has its source and the day on which it was read. The files are JSON because parsing TOML takes
ten times as long.

Rules that are not in the catalog are learned from the errors of servers (`LearnedRules`).
"""

from budwood.catalog.catalog import Catalog, Preset, list_models, list_takers, load_presets
from budwood.catalog.learned import LearnedRules

__all__ = ["Catalog", "LearnedRules", "Preset", "list_models", "list_takers", "load_presets"]
