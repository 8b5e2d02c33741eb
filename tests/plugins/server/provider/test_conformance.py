"""The conformance suite for the provider."""

from budwood_testing import OpenAIChatExamples, ProviderSuite


class TestBudwoodServer(ProviderSuite):
    plugin = "budwood-server"
    examples = OpenAIChatExamples()

    def settings(self, folder):
        """
        A server on this machine.
        """
        return {"base_url": "http://localhost:8080", "api_key": "bw_live_test_secret"}
