"""Registers plugins without installing them."""

import sys
from itertools import count
from types import ModuleType

from budwood.hooks import hookimpl
from budwood.names import normalise
from budwood.plugins import InstalledPlugin, Inventory, Registry

_numbers = count()


def registry_of(kind, spec, name=None):
    """
    Create a registry with one plugin.
    """
    module = ModuleType(f"mutant_{next(_numbers)}")
    setattr(module, kind.hook, hookimpl(lambda: [spec]))
    sys.modules[module.__name__] = module
    name = name or spec.name
    patterns = tuple(getattr(spec, kind.patterns)) if kind.patterns else ()
    plugin = InstalledPlugin(kind, name, module.__name__, "mutants", "1.0", patterns=patterns)
    return Registry(inventory=Inventory({(kind.group, normalise(name)): (plugin,)}))
