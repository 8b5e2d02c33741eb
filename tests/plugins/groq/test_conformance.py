"""Groq's plugin, proved by the kit."""

from budwood_testing import OpenAIChatExamples, ProviderSuite


class TestGroq(ProviderSuite):
    plugin = "groq"
    strict = True
    examples = OpenAIChatExamples()
