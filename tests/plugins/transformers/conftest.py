"""
A tiny model with random weights, and the plugin.

Without torch or the plugin these tests are skipped; in the nox session that runs them, this is a failure.
"""

from __future__ import annotations

import importlib.util
import os

import pytest

MISSING = [name for name in ("torch", "transformers", "budwood_transformers") if importlib.util.find_spec(name) is None]
HINT = f"{', '.join(MISSING)} missing; `nox -s local_models` installs what these tests need"

if MISSING and os.environ.get("BUDWOOD_TEST_LOCAL_MODELS"):
    raise pytest.UsageError(HINT)


class SkippedModule(pytest.Module):
    """A test module that cannot be imported."""

    def collect(self):
        """Skip the module."""
        pytest.skip(HINT, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    """
    Replace test modules if a requirement is missing.
    """
    return SkippedModule.from_parent(parent, path=module_path) if MISSING else None


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """
    The folder of a model with random weights.
    """
    from tests.tiny_model import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def vision_folder(tmp_path_factory):
    """
    The folder of a model that takes images, with random weights.
    """
    from tests.tiny_vision_model import save_tiny_llava

    return save_tiny_llava(tmp_path_factory.mktemp("models") / "llava")


@pytest.fixture(scope="session")
def audio_models(tmp_path_factory):
    """
    The addresses of models that speak and transcribe, by the name of their architecture.
    """
    from tests import tiny_audio_models

    folder = tmp_path_factory.mktemp("audio")
    folders = {
        "vits": tiny_audio_models.save_tiny_vits(folder / "vits"),
        "vits-speakers": tiny_audio_models.save_tiny_vits(folder / "vits-speakers", speakers=3),
        "whisper": tiny_audio_models.save_tiny_whisper(folder / "whisper"),
        "whisper-english": tiny_audio_models.save_tiny_whisper(folder / "whisper-english", multilingual=False),
        "wav2vec2": tiny_audio_models.save_tiny_wav2vec2(folder / "wav2vec2"),
    }
    return {name: f"transformers/{path}" for name, path in folders.items()}


@pytest.fixture
def parrot(tmp_path):
    """
    Returns a function that creates a model which generates the given tokens, and returns its folder.
    """
    from tests.tiny_model import save_tiny_model

    def make(*tokens, **options):
        return save_tiny_model(tmp_path / "parrot", texts=tokens, **options)

    return make


@pytest.fixture
def local(clock, tmp_path):
    """
    Returns a function that builds the provider from settings; closes it after the test.
    """
    from budwood.contracts import PluginContext
    from budwood.types import ModelRules
    from budwood_transformers import Transformers, TransformersSettings

    providers = []

    def make(rules=None, **settings):
        context = PluginContext(
            instance="local",
            rules=lambda _: rules or ModelRules(),
            log=lambda _, **__: None,
            clock=clock,
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        providers.append(Transformers(TransformersSettings(**settings), context))
        return providers[-1]

    yield make
    for provider in providers:
        provider.close()
