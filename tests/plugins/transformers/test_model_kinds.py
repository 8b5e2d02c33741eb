"""Kinds of models, from their own configuration."""

from __future__ import annotations

import pytest

from budwood.types import Capability
from budwood_transformers.model_kinds import find_auto_class, rules_from_config

VISION = {"vision_config": {}}


@pytest.mark.parametrize(
    ("config", "auto_class", "kind"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "AutoModelForCausalLM", "chat"),
        ({"architectures": ["LlamaForCausalLM"], **VISION}, "AutoModelForCausalLM", "chat"),
        ({"architectures": ["LlavaForConditionalGeneration"], **VISION}, "AutoModelForImageTextToText", "chat"),
        ({"architectures": ["Gemma3ForConditionalGeneration"], **VISION}, "AutoModelForImageTextToText", "chat"),
        ({"architectures": ["VitsModel"]}, "AutoModelForTextToWaveform", "speech"),
        ({"architectures": ["SpeechT5ForTextToSpeech"]}, "AutoModelForTextToSpectrogram", "speech"),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "AutoModelForSpeechSeq2Seq", "transcription"),
        ({"architectures": ["Wav2Vec2ForCTC"]}, "AutoModelForCTC", "transcription"),
        ({"architectures": ["MartianModel"]}, None, None),
        ({"architectures": []}, None, None),
        ({"architectures": "LlamaForCausalLM"}, None, None),
    ],
)
def test_kind_is_that_of_the_class(config, auto_class, kind):
    """
    The class in config.json tells which class of the library loads the model, and only one of them takes images.
    """
    rules = rules_from_config(config)

    assert (find_auto_class(config), rules.kind) == (auto_class, kind)
    assert (Capability.IMAGE_INPUT in rules.lacks) == (auto_class != "AutoModelForImageTextToText")


def test_nothing_is_known_without_a_configuration():
    """
    A model that is not on this machine may take images.
    """
    assert rules_from_config({}).lacks == frozenset()
