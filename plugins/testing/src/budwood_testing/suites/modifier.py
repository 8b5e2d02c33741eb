"""The suite for prompt modifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import PromptModifier
from budwood.hooks import PROMPT_MODIFIER, Kind
from budwood.providing import check_messages
from budwood.types import Cell, Message
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts
from budwood_testing.suites.strategy import passage

_ASKED: Final = (Message.user("What holds?"), Message.assistant("The bark."), Message.user("Why?"))
_CONVERSATIONS: Final = (_ASKED[:1], _ASKED, (Message.system("Be brief."), *_ASKED))


class PromptModifierSuite(PluginSuite):
    """
    Proves a prompt modifier.

    .. code-block:: python

        class TestPirate(PromptModifierSuite):
            plugin = "pirate"
    """

    kind: ClassVar[Kind[Any]] = PROMPT_MODIFIER

    def cells(self) -> Sequence[Cell]:
        """Return cells with which the modifier has something to do, and some with which it has not."""
        graft = passage(1, "A graft holds where bark meets bark.")
        return [
            Cell(id="cell-0", index=0, turns=2, passage=graft, material={"persona": "a gardener", "seed": "Why?"}),
            Cell(id="cell-1", index=1, turns=1, passage=graft),
            Cell(id="cell-2", index=2, turns=1, material={"persona": "a gardener"}),
            Cell(id="cell-3", index=3, turns=1),
        ]

    @pytest.fixture
    def modifier(self, build: Build) -> PromptModifier:
        """Make the modifier."""
        modifier: PromptModifier = build().thing
        return modifier

    def test_conversation_can_be_answered(self, modifier: PromptModifier) -> None:
        """Messages come out, of which the last is still the user's question."""
        for messages, cell in self.pairs():
            changed = modifier.modify(messages, cell)

            assert isinstance(changed, tuple)
            check_messages(changed)
            assert changed[-1].role == "user"
            assert messages[-1].text in changed[-1].text

    def test_turns_are_kept(self, modifier: PromptModifier) -> None:
        """What users and models said is said in the same order."""
        for messages, cell in self.pairs():
            changed = [message for message in modifier.modify(messages, cell) if message.role in ("user", "assistant")]
            spoken = [message for message in messages if message.role in ("user", "assistant")]

            assert [message.role for message in changed] == [message.role for message in spoken]
            assert all(old.text in new.text for old, new in zip(spoken, changed, strict=True))

    def test_there_is_one_system_message_and_it_comes_first(self, modifier: PromptModifier) -> None:
        """Many models take no more, and none elsewhere; its own words are kept."""
        for messages, cell in self.pairs():
            roles = [message.role for message in modifier.modify(messages, cell)]

            assert "system" not in roles[1:]
            assert messages[0].role != "system" or messages[0].text in modifier.modify(messages, cell)[0].text

    def test_change_depends_on_what_is_given_alone(self, modifier: PromptModifier, build: Build) -> None:
        """The same messages and cell give the same ones, after others too, and from another instance."""
        first = [modifier.modify(*pair) for pair in self.pairs()]

        assert [modifier.modify(*pair) for pair in reversed(self.pairs())][::-1] == first
        assert [build().thing.modify(*pair) for pair in self.pairs()] == first

    def test_it_does_something(self, modifier: PromptModifier) -> None:
        """At least one of the cells makes a difference."""
        assert any(modifier.modify(messages, cell) != messages for messages, cell in self.pairs())

    def test_modifying_does_no_io(self, modifier: PromptModifier) -> None:
        """Whatever it needs is in the cell."""
        with forbidden():
            for pair in self.pairs():
                modifier.modify(*pair)

    def test_any_text_is_borne(self, modifier: PromptModifier) -> None:
        """Whatever was said and whatever a document holds."""

        def check(text: str) -> None:
            cell = Cell(id="cell-0", index=0, turns=1, passage=passage(0, text), material={"persona": text})
            assert modifier.modify((Message.user(f"{text}?"),), cell)[-1].text.endswith("?")

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=15)

    def pairs(self) -> list[tuple[tuple[Message, ...], Cell]]:
        """Pair each conversation with each cell."""
        return [(messages, cell) for messages in _CONVERSATIONS for cell in self.cells()]
