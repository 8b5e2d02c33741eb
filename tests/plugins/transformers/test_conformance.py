"""Conformance tests of the provider, with a model that generates three words and two for audio, and of its package."""

from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from budwood.types import Capability
from budwood_testing import LocalProviderSuite, PackagingSuite
from tests.tiny_audio_models import save_tiny_vits, save_tiny_whisper
from tests.tiny_model import save_tiny_model

COMMIT = "c" * 40


def make_snapshot(cache: Path, model: str) -> Path:
    """
    Return the folder of a model in a cache of the Hub, as if it had been downloaded.
    """
    folder = cache / f"models--{model.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    return folder / "snapshots" / COMMIT


class TestTransformers(LocalProviderSuite):
    plugin = "transformers"
    model = "acme/parrot"
    extra = MappingProxyType({"top_k": 5})
    media_models: ClassVar = {Capability.SPEECH: "acme/vits", Capability.TRANSCRIPTION: "acme/whisper"}

    def settings(self, folder):
        """
        Create the models if they do not exist yet.
        """
        cache = folder / "hub"
        if not cache.exists():
            save_tiny_model(make_snapshot(cache, self.model), texts=("Tea ", "or ", "coffee."))
            save_tiny_vits(make_snapshot(cache, "acme/vits"))
            save_tiny_whisper(make_snapshot(cache, "acme/whisper"))
        return {"cache_folder": str(cache), "local_files_only": True, "max_models": 3}


class TestPackage(PackagingSuite):
    distribution = "budwood-transformers"
