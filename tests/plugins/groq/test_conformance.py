"""Groq's plugin, proved by the kit."""

from budwood.testing import OpenAIChatExamples, ProviderSuite


class TestGroq(ProviderSuite):
    plugin = "groq"
    examples = OpenAIChatExamples()
