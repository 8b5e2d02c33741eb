"""The suite for sources of prompts."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import PromptSource
from budwood.errors import PromptError
from budwood.hooks import PROMPT_SOURCE, Kind
from budwood.providing import check_messages
from budwood.types import RenderedPrompt
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts

_THREADS: Final = 4
_UNKNOWN: Final = "conformance-unknown"


class PromptSourceSuite(PluginSuite):
    """
    Tests a source of prompts.

    .. code-block:: python

        class TestAcme(PromptSourceSuite):
            plugin = "acme"
            prompt = "greeting"
            variables = {"name": "Ada"}

    Attributes:
        prompt: The name of a prompt that it has; ``settings`` may create it.
        variables: Values of all variables of the prompt. One or more are required, and one is a text in the messages.
    """

    kind: ClassVar[Kind[Any]] = PROMPT_SOURCE
    prompt: ClassVar[str]
    variables: ClassVar[Mapping[str, object]]

    @pytest.fixture
    def source(self, build: Build) -> PromptSource:
        """Build the source."""
        source: PromptSource = build().implementation
        return source

    def test_prompt_is_rendered(self, source: PromptSource) -> None:
        """The result has messages that can be sent, and the name of the prompt, with its version if there are any."""
        rendered = source.render(self.prompt, self.variables)

        assert isinstance(rendered, RenderedPrompt)
        check_messages(rendered.messages)
        assert rendered.reference.partition("@")[0] == self.prompt

    def test_values_are_in_the_messages(self, source: PromptSource) -> None:
        """A text among the values appears as it is, also if it looks like a template."""
        name, value = next((name, value) for name, value in self.variables.items() if isinstance(value, str))
        for text in (value, "{{ 7 * 7 }} {name} $name %s"):
            messages = source.render(self.prompt, {**self.variables, name: text}).messages

            assert any(text in message.text for message in messages)

    def test_rendering_is_repeatable(self, source: PromptSource) -> None:
        """Threads that render the same prompt with the same values get the same messages."""
        with ThreadPoolExecutor(_THREADS) as pool:
            results = list(pool.map(lambda _: source.render(self.prompt, self.variables), range(4 * _THREADS)))

        assert all(result == results[0] for result in results)

    def test_unknown_prompt_is_an_error(self, source: PromptSource) -> None:
        """A prompt that does not exist raises `PromptError`."""
        with pytest.raises(PromptError):
            source.render(_UNKNOWN, self.variables)

    def test_missing_value_is_an_error(self, source: PromptSource) -> None:
        """A required variable without a value raises `PromptError`: the text with a gap would be sent."""
        with pytest.raises(PromptError):
            source.render(self.prompt, {})

    def test_any_reference_is_handled(self, source: PromptSource) -> None:
        """A text that is no reference, such as a path, raises `PromptError` as well."""

        def check(text: str) -> None:
            with pytest.raises(PromptError):
                source.render(text, self.variables)

        always = ["../secrets", "/etc/passwd", f"{self.prompt}@", f"{self.prompt}@@1", *HOSTILE_TEXTS]
        for_all(texts(), check, always=always, examples=15)
