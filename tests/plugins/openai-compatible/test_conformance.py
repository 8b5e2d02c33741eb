"""The conformance suite, for the plugin that supports any server with OpenAI's API."""

from budwood_testing import OpenAIChatExamples, ProviderSuite

ADDRESS = {"base_url": "http://localhost:8000/v1"}


class TestOpenAICompatible(ProviderSuite):
    plugin = "openai-compatible"
    strict = True
    examples = OpenAIChatExamples()

    def settings(self, folder):
        """
        A server with all optional features.
        """
        return {**ADDRESS, "offers": ["count_tokens", "moderation"]}


class TestPoorServer(ProviderSuite):
    plugin = "openai-compatible"
    strict = True
    examples = OpenAIChatExamples()

    def settings(self, folder):
        """
        A server without optional features.
        """
        lacks = ["tools", "tool_choice", "json_schema", "image_input", "stream_options", "embeddings", "models"]
        return {**ADDRESS, "lacks": lacks}
