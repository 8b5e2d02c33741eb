"""The plugin that the author's guide shows passes the suite that it shows."""

import sys
from types import ModuleType

from budwood.hooks import PROVIDER
from budwood.plugins import InstalledPlugin, Inventory, Registry
from budwood_testing import LocalProviderSuite
from tests.docs.test_documentation import ROOT, blocks


def registry_of_the_guide():
    """
    Find the plugin where it is printed.
    """
    module = ModuleType("budwood_echo_of_the_guide")
    sys.modules[module.__name__] = module
    exec(blocks(ROOT / "docs" / "plugin-author-guide.md", "python")[0].code, vars(module))
    plugin = InstalledPlugin(PROVIDER, "echo", module.__name__, "budwood-echo", "0.1.0")
    return Registry(inventory=Inventory({(PROVIDER.group, "echo"): (plugin,)}))


class TestEcho(LocalProviderSuite):
    plugin = "echo"
    model = "parrot"
    heeds = frozenset()
    registry = registry_of_the_guide()
