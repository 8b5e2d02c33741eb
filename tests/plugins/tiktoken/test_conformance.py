"""The tokenizer, proved by the kit."""

import pytest

from budwood_testing import TokenizerSuite


class TestTiktoken(TokenizerSuite):
    plugin = "tiktoken"
    model = "openai/gpt-4o"

    @pytest.fixture(autouse=True)
    def _vocabularies_here(self, vocabularies):
        """
        Where OpenAI's vocabularies lie.
        """
        self.vocabularies = vocabularies

    def settings(self, folder):
        """
        A folder with the vocabularies: nothing is downloaded.
        """
        return {"cache_folder": self.vocabularies}
