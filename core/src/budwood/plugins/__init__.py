"""Find plugins by metadata and load them by name."""

from budwood.catalog import load_presets
from budwood.plugins.discovery import InstalledPlugin, Inventory, take_inventory
from budwood.plugins.instances import Instance, Instances
from budwood.plugins.known_models import list_known_models
from budwood.plugins.registry import Registry

__all__ = [
    "InstalledPlugin",
    "Instance",
    "Instances",
    "Inventory",
    "Registry",
    "list_known_models",
    "load_presets",
    "take_inventory",
]
