"""Conformance tests of the tokenizer."""

import pytest

from budwood_testing import TokenizerSuite


class TestTiktoken(TokenizerSuite):
    plugin = "tiktoken"
    model = "openai/gpt-4o"

    @pytest.fixture(autouse=True)
    def _use_vocabularies(self, vocabularies):
        """
        Store the folder of the vocabularies.
        """
        self.vocabularies = vocabularies

    def settings(self, folder):
        """
        Use a folder with the vocabularies, so that nothing is downloaded.
        """
        return {"cache_folder": self.vocabularies}
