"""Conformance tests of the provider, with a model that generates three words, and of its package."""

from types import MappingProxyType

from budwood_testing import LocalProviderSuite, PackagingSuite
from tests.tiny_model import save_tiny_model


class TestTransformers(LocalProviderSuite):
    plugin = "transformers"
    model = "parrot"
    extra = MappingProxyType({"top_k": 5})

    def settings(self, folder):
        """
        Create the model if it does not exist yet.
        """
        path = folder / self.model
        if not path.exists():
            save_tiny_model(path, texts=("Tea ", "or ", "coffee."))
        return {"model_path": str(path)}


class TestPackage(PackagingSuite):
    distribution = "budwood-transformers"
