"""The conformance suite for OpenRouter's plugin."""

from budwood_testing import OpenAIChatExamples, ProviderSuite


class TestOpenRouter(ProviderSuite):
    plugin = "openrouter"
    examples = OpenAIChatExamples()
