"""The conformance suite for Groq's plugin."""

from budwood_testing import OpenAIChatExamples, ProviderSuite


class TestGroq(ProviderSuite):
    plugin = "groq"
    strict = True
    examples = OpenAIChatExamples()
