"""A correct provider, and broken ones."""

from typing import ClassVar

from budwood.hooks import PROVIDER, ProviderSpec
from budwood_openai_compatible import OpenAIBatches, OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import OpenAIChatExamples, ProviderSuite
from tests.plugins.testing.mutants.registering import registry_of

OFFERS = ["count_tokens", "moderation", "audio_input", "document_input", "files", "videos", "background"]


class Correct(ProviderSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "acme"
    examples = OpenAIChatExamples()
    caught_by: ClassVar = ()
    Mutant: ClassVar = OpenAICompatible
    Settings: ClassVar = OpenAICompatibleSettings
    changes: ClassVar = {}

    def __init_subclass__(cls):
        says = {
            "name": "acme",
            "settings": lambda: cls.Settings,
            "build": cls.Mutant,
            "requires_api": (2, 0),
            "summary": "A vendor.",
            "capabilities": OpenAIBatches.all_capabilities,
            "needs_credential": True,
            **cls.changes,
        }
        cls.registry = registry_of(PROVIDER, ProviderSpec(**says), "acme")

    def settings(self, folder):
        return {"base_url": "https://acme.example/v1", "offers": OFFERS}


class TestCorrect(Correct):
    Mutant: ClassVar = OpenAIBatches
