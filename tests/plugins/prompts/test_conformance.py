"""The conformance suites for the source of prompts and its distribution."""

from typing import ClassVar

from budwood_testing import PromptSourceSuite

PROMPT = """
[variables.name]
[[messages]]
role = "user"
content = "Greet {{ name }}."
"""


class TestFolder(PromptSourceSuite):
    plugin = "folder"
    prompt = "greeting"
    variables: ClassVar = {"name": "Ada"}

    def settings(self, folder):
        """
        A folder with one prompt.
        """
        (folder / "greeting.toml").write_text(PROMPT)
        return {"folder": str(folder)}
