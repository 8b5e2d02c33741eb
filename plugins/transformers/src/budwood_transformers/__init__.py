"""
A provider that runs Hugging Face models in this process, with the transformers library and PyTorch.

``transformers/ORG/NAME`` is a model of the Hub, ``transformers/./models/tiny`` a folder. transformers and torch are
imported at the first request.
"""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import ProviderSpec, hookimpl
from budwood_transformers.provider import CAPABILITIES, Transformers
from budwood_transformers.settings import TransformersSettings

__all__ = ["Transformers", "TransformersSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="transformers",
            settings=lambda: TransformersSettings,
            build=Transformers,
            requires_api=(2, 0),
            summary="Runs Hugging Face models in this process.",
            capabilities=CAPABILITIES,
            environment={"token": ("HF_TOKEN",)},
        )
    ]
