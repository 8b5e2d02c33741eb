"""The plugin for any server that speaks OpenAI's API, proved by the kit."""

from budwood_testing import OpenAIChatExamples, ProviderSuite

ADDRESS = {"base_url": "http://localhost:8000/v1"}


class TestOpenAICompatible(ProviderSuite):
    plugin = "openai-compatible"
    strict = True
    examples = OpenAIChatExamples()

    def settings(self, folder):
        """
        A server that can do all that any can.
        """
        return {**ADDRESS, "offers": ["count_tokens", "moderation"]}


class TestPoorServer(ProviderSuite):
    plugin = "openai-compatible"
    strict = True
    examples = OpenAIChatExamples()

    def settings(self, folder):
        """
        A server that can do little.
        """
        lacks = ["tools", "tool_choice", "json_schema", "image_input", "stream_options", "embeddings", "models"]
        return {**ADDRESS, "lacks": lacks}
