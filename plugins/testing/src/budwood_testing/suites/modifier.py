"""The suite for prompt modifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import PromptModifier
from budwood.hooks import PROMPT_MODIFIER, Kind
from budwood.providing import check_messages
from budwood.types import Cell, Message
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts
from budwood_testing.suites.strategy import make_passage

_ASKED: Final = (Message.user("What holds?"), Message.assistant("The bark."), Message.user("Why?"))
_CONVERSATIONS: Final = (_ASKED[:1], _ASKED, (Message.system("Be brief."), *_ASKED))


class PromptModifierSuite(PluginSuite):
    """
    Tests a prompt modifier.

    .. code-block:: python

        class TestPirate(PromptModifierSuite):
            plugin = "pirate"
    """

    kind: ClassVar[Kind[Any]] = PROMPT_MODIFIER

    def cells(self) -> Sequence[Cell]:
        """Return some cells that the modifier acts on, and some that it does not."""
        graft = make_passage(1, "A graft holds where bark meets bark.")
        return [
            Cell(id="cell-0", index=0, turns=2, passage=graft, material={"persona": "a gardener", "seed": "Why?"}),
            Cell(id="cell-1", index=1, turns=1, passage=graft),
            Cell(id="cell-2", index=2, turns=1, material={"persona": "a gardener"}),
            Cell(id="cell-3", index=3, turns=1),
        ]

    @pytest.fixture
    def modifier(self, build: Build) -> PromptModifier:
        """Build the modifier."""
        modifier: PromptModifier = build().implementation
        return modifier

    def test_result_ends_with_the_users_question(self, modifier: PromptModifier) -> None:
        """The result is a valid conversation whose last message still contains the user's question."""
        for messages, cell in self.pairs():
            changed = modifier.modify(messages, cell)

            assert isinstance(changed, tuple)
            check_messages(changed)
            assert changed[-1].role == "user"
            assert messages[-1].text in changed[-1].text

    def test_turns_are_preserved(self, modifier: PromptModifier) -> None:
        """The turns of user and assistant keep their order and their text."""
        for messages, cell in self.pairs():
            changed = [message for message in modifier.modify(messages, cell) if message.role in ("user", "assistant")]
            original = [message for message in messages if message.role in ("user", "assistant")]

            assert [message.role for message in changed] == [message.role for message in original]
            assert all(old.text in new.text for old, new in zip(original, changed, strict=True))

    def test_only_the_first_message_may_be_a_system_message(self, modifier: PromptModifier) -> None:
        """Many models accept only one system message, at the start; the text of an existing one is preserved."""
        for messages, cell in self.pairs():
            roles = [message.role for message in modifier.modify(messages, cell)]

            assert "system" not in roles[1:]
            assert messages[0].role != "system" or messages[0].text in modifier.modify(messages, cell)[0].text

    def test_result_depends_only_on_the_arguments(self, modifier: PromptModifier, build: Build) -> None:
        """The same messages and cell give the same result, in any order of calls and from another instance."""
        first = [modifier.modify(*pair) for pair in self.pairs()]

        assert [modifier.modify(*pair) for pair in reversed(self.pairs())][::-1] == first
        assert [build().implementation.modify(*pair) for pair in self.pairs()] == first

    def test_at_least_one_cell_changes_the_messages(self, modifier: PromptModifier) -> None:
        """The modifier changes the messages for at least one of the cells."""
        assert any(modifier.modify(messages, cell) != messages for messages, cell in self.pairs())

    def test_modifying_does_no_io(self, modifier: PromptModifier) -> None:
        """`modify` does no I/O: all input is in the cell."""
        with no_io():
            for pair in self.pairs():
                modifier.modify(*pair)

    def test_any_text_is_handled(self, modifier: PromptModifier) -> None:
        """Messages and documents may contain any text."""

        def check(text: str) -> None:
            cell = Cell(id="cell-0", index=0, turns=1, passage=make_passage(0, text), material={"persona": text})
            assert modifier.modify((Message.user(f"{text}?"),), cell)[-1].text.endswith("?")

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=15)

    def pairs(self) -> list[tuple[tuple[Message, ...], Cell]]:
        """Pair each conversation with each cell."""
        return [(messages, cell) for messages in _CONVERSATIONS for cell in self.cells()]
