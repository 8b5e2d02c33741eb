"""Find plugins by metadata and load them by name."""

from budwood.catalog import load_presets
from budwood.plugins.discovery import InstalledPlugin, Inventory, take_inventory
from budwood.plugins.instances import Instance, Instances
from budwood.plugins.registry import Registry

__all__ = ["InstalledPlugin", "Instance", "Instances", "Inventory", "Registry", "load_presets", "take_inventory"]
