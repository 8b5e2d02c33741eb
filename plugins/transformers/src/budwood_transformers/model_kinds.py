"""The purpose of a model, from the class that its own configuration names. Does not load the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.types import Capability, ModelKind, ModelRules

WITH_IMAGES: Final = "AutoModelForImageTextToText"
"""The class of the library that loads chat models which take images."""

WITHOUT_VOCODER: Final = "AutoModelForTextToSpectrogram"
"""The class of the library that loads speech models which need a second model to return sound."""

_TEXT: Final = "AutoModelForCausalLM"

_AUTO_CLASSES: Final[dict[str, tuple[ModelKind, str]]] = {
    "AutoModelForTextToWaveform": ("speech", "MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES"),
    WITHOUT_VOCODER: ("speech", "MODEL_FOR_TEXT_TO_SPECTROGRAM_MAPPING_NAMES"),
    "AutoModelForSpeechSeq2Seq": ("transcription", "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES"),
    "AutoModelForCTC": ("transcription", "MODEL_FOR_CTC_MAPPING_NAMES"),
    WITH_IMAGES: ("chat", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"),
    _TEXT: ("chat", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"),
}
"""
The class of the library that loads models of a kind, and the library's own list of their classes.

The first match counts: some classes that take images are also in the list of text models.
"""

_TEXT_MODEL: Final = "ForCausalLM"
_IMAGE_ENCODER: Final = "vision_config"


def rules_from_config(config: Mapping[str, Any]) -> ModelRules:
    """Return what the ``config.json`` of a model tells about it; nothing if it is empty, because it is not known."""
    if not config:
        return ModelRules()
    lacks = frozenset() if find_auto_class(config) == WITH_IMAGES else frozenset({Capability.IMAGE_INPUT})
    return ModelRules(kind=model_kind(config), lacks=lacks)


def model_kind(config: Mapping[str, Any]) -> ModelKind | None:
    """Return the kind of a model from its ``config.json``; None if the library has no list with its class."""
    name = find_auto_class(config)
    return _AUTO_CLASSES[name][0] if name is not None else None


def find_auto_class(config: Mapping[str, Any]) -> str | None:
    """Return the name of the class of the library that loads a model; None if it is not known."""
    names = config.get("architectures")
    if not isinstance(names, list | tuple) or not names:
        return None
    architecture = str(names[0])
    if architecture.endswith(_TEXT_MODEL) and _IMAGE_ENCODER not in config:
        return _TEXT  # the import below takes seconds
    from transformers.models.auto import modeling_auto

    for auto_class, (_, mapping) in _AUTO_CLASSES.items():
        if architecture in getattr(modeling_auto, mapping).values():
            return auto_class
    return None
