"""Sources of prompts by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budwood.types import RenderedPrompt


class PromptSource(Protocol):
    """Keeps prompts by name. It is called from any thread, and may block: async clients call it in a thread."""

    def render(self, reference: str, variables: Mapping[str, object]) -> RenderedPrompt:
        """
        Return the messages of a prompt with the values of its variables.

        Args:
            reference: ``NAME``, ``NAME@LABEL`` or ``NAME@VERSION``, as the user wrote it.
            variables: The values by name, as the user passed them.

        Raises:
            PromptError: There is no such prompt, or it cannot be rendered with these values.
        """
        ...
