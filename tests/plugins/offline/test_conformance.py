"""Conformance tests of the offline provider."""

from typing import ClassVar

from budwood.types import Capability
from budwood_testing import LocalProviderSuite


class TestOffline(LocalProviderSuite):
    plugin = "offline"
    model = "extractive"
    media_models: ClassVar = {
        Capability.IMAGES: "image",
        Capability.SPEECH: "speech",
        Capability.TRANSCRIPTION: "transcription",
        Capability.VIDEOS: "video",
    }
