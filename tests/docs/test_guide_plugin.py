"""The plugins in the author's guide pass their conformance suites."""

import sys
from types import ModuleType

from budwood.hooks import OBSERVER, PROVIDER
from budwood.plugins import InstalledPlugin, Inventory, Registry
from budwood_testing import LocalProviderSuite, ObserverSuite
from tests.docs.test_documentation import ROOT, blocks


def registry_of_the_guide():
    """
    Build a registry of the plugins in the guide; the observer's code uses the imports of the provider's.
    """
    module = ModuleType("budwood_plugins_of_the_guide")
    sys.modules[module.__name__] = module
    provider, *others = blocks(ROOT / "docs" / "plugin-author-guide.md", "python")
    (observer,) = (block for block in others if "def budwood_observers" in block.code)
    exec(provider.code + observer.code, vars(module))
    claims = {(PROVIDER, "echo"), (OBSERVER, "usage")}
    plugins = [InstalledPlugin(kind, name, module.__name__, "budwood-echo", "0.1.0") for kind, name in claims]
    return Registry(inventory=Inventory({(plugin.kind.group, plugin.name): (plugin,) for plugin in plugins}))


REGISTRY = registry_of_the_guide()


class TestEcho(LocalProviderSuite):
    plugin = "echo"
    model = "parrot"
    heeds = frozenset()
    registry = REGISTRY


class TestUsage(ObserverSuite):
    plugin = "usage"
    registry = REGISTRY

    def state(self, observer):
        """
        Return the counts.
        """
        return dict(observer._requests)
