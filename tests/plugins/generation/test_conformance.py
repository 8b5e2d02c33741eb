"""Conformance tests of the storage, the strategies and the modifiers."""

import json

from budwood_testing import InstructionStrategySuite, PromptModifierSuite, StorageSuite


class TestJSONL(StorageSuite):
    plugin = "jsonl"
    file_name = "rows.jsonl"

    def read_back(self, path):
        """
        Read one JSON object per line.
        """
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class TestDocumentQuestions(InstructionStrategySuite):
    plugin = "document-questions"


class TestPersonaStrategy(InstructionStrategySuite):
    plugin = "persona"
    needs_documents = False


class TestSeedList(InstructionStrategySuite):
    plugin = "seed-list"
    needs_documents = False

    def settings(self, folder):
        """
        Return two seeds.
        """
        return {"seeds": ["What is grafting?", "When do I prune?"]}


class TestDocumentContext(PromptModifierSuite):
    plugin = "document-context"


class TestPersonaModifier(PromptModifierSuite):
    plugin = "persona"
