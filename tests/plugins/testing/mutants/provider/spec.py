"""Providers with an incorrect specification."""

import socket

from pydantic import ConfigDict

from budwood.types import (
    Capability,
)
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import OpenAIChatExamples
from tests.plugins.testing.mutants.provider.correct import Correct


class TestWithoutSummary(Correct):
    caught_by = ("test_summary_is_one_line",)
    changes = {"summary": " "}


class TestInvalidName(Correct):
    caught_by = ("test_name_is_valid",)
    changes = {"name": "ACME"}


class TestAcceptsUnknownSettings(Correct):
    caught_by = ("test_settings_reject_unknown_keys",)

    class Settings(OpenAICompatibleSettings):
        model_config = ConfigDict(extra="ignore")


class TestKeyInPlainText(Correct):
    caught_by = ("test_settings_hide_secrets", "test_required_credential_has_a_setting")

    class Settings(OpenAICompatibleSettings):
        api_key: str | None = None


class TestConnectsOnCreation(Correct):
    caught_by = ("test_building_uses_no_network",)

    class Mutant(OpenAICompatible):
        def __init__(self, settings, context):
            socket.getaddrinfo("127.0.0.1", 80)
            super().__init__(settings, context)


class TestClaimsMoreThanItsSpec(Correct):
    caught_by = ("test_capabilities_are_within_the_spec",)
    changes = {"capabilities": frozenset({Capability.CHAT})}


class TestClaimsMissingMethods(Correct):
    caught_by = ("test_capabilities_have_their_methods", "test_embeddings_are_in_input_order")

    class Mutant(OpenAICompatible):
        encode_embedding = None


class TestLacksServicesOfMedia(Correct):
    caught_by = ("test_capabilities_have_their_methods",)

    class Mutant(OpenAICompatible):
        decode_image = None


class TestLacksAMethod(Correct):
    caught_by = ("test_implements_provider",)

    class Mutant(OpenAICompatible):
        error = None


class TestVariableWithoutSetting(Correct):
    caught_by = ("test_environment_variables_match_settings",)
    changes = {"environment": {"apikey": ("ACME_API_KEY",)}}


class TestPatternOfKeysIsInvalid(Correct):
    caught_by = ("test_key_data_are_valid",)
    changes = {"key_pattern": "sk-(.+"}


class TestKeyCheckIsNoPath(Correct):
    caught_by = ("test_key_data_are_valid",)
    changes = {"key_check": "key"}


class TestClaimWithoutExample(Correct):
    caught_by = ("test_tool_calls_are_decoded", "test_tool_loop_completes")

    class Examples(OpenAIChatExamples):
        def tool_calls(self, calls):
            return None

    examples = Examples()
