"""Providers that describe themselves badly."""

import socket

from pydantic import ConfigDict

from budwood.types import (
    Capability,
)
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import OpenAIChatExamples
from tests.plugins.testing.mutants.provider.sound import Sound


class TestWithoutSummary(Sound):
    caught_by = ("test_summary_is_one_line",)
    changes = {"summary": " "}


class TestShoutingName(Sound):
    caught_by = ("test_name_is_one_that_users_can_type",)
    changes = {"name": "ACME"}


class TestTakesAnySetting(Sound):
    caught_by = ("test_settings_refuse_unknown_keys",)

    class Settings(OpenAICompatibleSettings):
        model_config = ConfigDict(extra="ignore")


class TestKeyInPlainText(Sound):
    caught_by = ("test_settings_hide_secrets", "test_needed_credential_has_its_setting")

    class Settings(OpenAICompatibleSettings):
        api_key: str | None = None


class TestTalksWhenItIsMade(Sound):
    caught_by = ("test_building_it_talks_to_nobody",)

    class Mutant(OpenAICompatible):
        def __init__(self, settings, context):
            socket.getaddrinfo("127.0.0.1", 80)
            super().__init__(settings, context)


class TestClaimsMoreThanItsSpec(Sound):
    caught_by = ("test_instance_claims_no_more_than_its_spec",)
    changes = {"capabilities": frozenset({Capability.CHAT})}


class TestClaimsWithoutMethods(Sound):
    caught_by = ("test_claims_have_their_methods", "test_texts_are_embedded_in_their_order")

    class Mutant(OpenAICompatible):
        encode_embedding = None


class TestLacksAMethod(Sound):
    caught_by = ("test_it_is_a_provider",)

    class Mutant(OpenAICompatible):
        error = None


class TestVariableOfNoSetting(Sound):
    caught_by = ("test_variables_fill_settings_that_exist",)
    changes = {"environment": {"apikey": ("ACME_API_KEY",)}}


class TestClaimWithoutExample(Sound):
    caught_by = ("test_calls_of_tools_are_read", "test_tool_is_run_and_the_model_goes_on")

    class Examples(OpenAIChatExamples):
        def tool_calls(self, calls):
            return None

    examples = Examples()
