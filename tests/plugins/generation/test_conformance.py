"""Conformance tests of the storage, the strategies and the modifiers."""

import gzip
import json
from pathlib import Path

from budwood_testing import InstructionStrategySuite, PromptModifierSuite, StorageSuite


class TestJSONL(StorageSuite):
    plugin = "jsonl"
    file_name = "rows.jsonl"
    identifies = False

    def read_back(self, output):
        """
        Read one JSON object per line.
        """
        return [json.loads(line) for line in Path(output).read_text("utf-8").splitlines()]


class TestCompressedJSONL(StorageSuite):
    plugin = "jsonl"
    file_name = "rows.jsonl.gz"
    identifies = False

    def read_back(self, output):
        """
        Decompress the file, and read one JSON object per line.
        """
        return [json.loads(line) for line in gzip.decompress(Path(output).read_bytes()).splitlines()]


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
