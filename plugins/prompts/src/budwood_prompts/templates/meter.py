"""The bounds of rendering."""

from __future__ import annotations

from typing import Final

from budwood_prompts.errors import RenderError

MAX_TEMPLATE: Final = 100_000
"""Characters that the templates of a prompt may have together."""

MAX_OUTPUT: Final = 1_000_000
"""Characters that all messages of a prompt may have together. No text within rendering is longer either."""

MAX_STEPS: Final = 200_000
"""Steps of rendering a prompt: one for each expression, and for each thousand characters that it reads or writes."""

_CHARACTERS_PER_STEP: Final = 1000


class Meter:
    """
    Counts the output and the steps of rendering a prompt.

    Args:
        max_output: The maximum number of characters.
        max_steps: The maximum number of steps.
    """

    def __init__(self, max_output: int = MAX_OUTPUT, max_steps: int = MAX_STEPS) -> None:
        self._max_output = max_output
        self._max_steps = max_steps
        self.output = 0
        self.steps = 0

    def step(self, characters: int = 0) -> None:
        """
        Count a step that reads or writes as many characters, before it is done.

        Raises:
            RenderError: The limit is exceeded.
        """
        self.steps += 1 + characters // _CHARACTERS_PER_STEP
        if self.steps > self._max_steps:
            raise RenderError(
                f"Rendering the prompt takes more than {self._max_steps:,} steps.",
                hint="Use fewer or shorter loops, or shorter lists.",
            )

    def check_length(self, characters: int) -> None:
        """
        Check the length of a text before it is made.

        Raises:
            RenderError: The limit is exceeded.
        """
        if characters > self._max_output:
            raise RenderError(
                f"The prompt renders to more than {self._max_output:,} characters.",
                hint="Pass shorter values, or shorten them with the filter truncate.",
            )

    def write(self, text: str) -> str:
        """
        Count a text that becomes output, and return it.

        Raises:
            RenderError: The limit is exceeded.
        """
        self.output += len(text)
        self.check_length(self.output)
        self.step(len(text))
        return text
