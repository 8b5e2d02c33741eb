"""The provider of models inside the process, proved by the kit: over a model of three words, and as a package."""

from types import MappingProxyType

from budwood_testing import LocalProviderSuite, PackagingSuite
from tests.tiny_model import save_tiny_model


class TestTransformers(LocalProviderSuite):
    plugin = "transformers"
    model = "parrot"
    extra = MappingProxyType({"top_k": 5})

    def settings(self, folder):
        """
        Make the model where there is none yet.
        """
        path = folder / self.model
        if not path.exists():
            save_tiny_model(path, says=("Tea ", "or ", "coffee."))
        return {"model_path": str(path)}


class TestPackage(PackagingSuite):
    distribution = "budwood-transformers"
