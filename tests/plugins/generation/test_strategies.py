from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import Cell, CellDraft, SourcePassage, Turn
from budwood_generation.strategies.persona import PERSONAS
from budwood_testing import FakeClock, ListedPassages

LONG = SourcePassage(id="long", document="a.md", headings=(), text="Tea is green. It is old. It is hot. It is good.")
SHORT = SourcePassage(id="short", document="a.md", headings=(), text="See below.")
HISTORY = (Turn(question="Is tea green?", answer="It is."), Turn(question="Is it old?", answer="It is, too."))


def build(name, **settings):
    """Build a strategy as a run does: by name, with validated settings."""
    instances = Instances(Settings.load(), clock=FakeClock())
    return instances.build(INSTRUCTION_STRATEGY, name, settings).implementation


def drafts(strategy, passages, count, seed=1) -> list[CellDraft]:
    """Return drafts of cells."""
    cells = strategy.prepare(ListedPassages(passages), count, seed)
    return [cells.cell(number, Random(number)) for number in range(count)]


def cell(passage=None, **material) -> Cell:
    """Return a cell."""
    return Cell(id="c", index=0, turns=3, passage=passage, material=material)


def ask_texts(strategy, at: Cell, turns=()) -> str:
    """Return the messages for the asker, with the system message first."""
    instruction = strategy.instruct(at, turns, Random(1))
    assert instruction.text is None
    return "\n".join(message.text for message in instruction.ask)


def test_short_passages_are_skipped():
    """
    By default, a passage with one sentence is used.
    """
    strict = build("document-questions", min_sentences=3)

    assert {draft.passage for draft in drafts(strict, [SHORT, LONG], 6)} == {LONG}
    assert {draft.passage for draft in drafts(build("document-questions"), [SHORT, LONG], 6)} == {SHORT, LONG}


def test_only_short_passages_are_an_error():
    """
    The error says what to do.
    """
    with pytest.raises(ConfigurationError, match="no passage with 5 sentences") as raised:
        drafts(build("document-questions", min_sentences=5), [SHORT, LONG], 2)

    assert raised.value.hint is not None
    assert "Lower min_sentences" in raised.value.hint


def test_a_passage_has_one_turn_per_two_sentences():
    """
    A short one has one turn.
    """
    strategy = build("document-questions")

    assert [draft.max_turns for draft in drafts(strategy, [LONG], 2)] == [2, 2]
    assert [draft.max_turns for draft in drafts(strategy, [SHORT], 1)] == [1]


def test_the_asker_sees_the_passage_and_the_conversation():
    """
    From the second turn on, it must ask something new.
    """
    strategy = build("document-questions", request="Ask something hard.")

    first, third = ask_texts(strategy, cell(LONG)), ask_texts(strategy, cell(LONG), HISTORY)

    assert f"<passage>\n{LONG.text}\n</passage>" in first
    assert "Ask something hard. Write the question alone." in first
    assert "Conversation so far" not in first
    assert "User: Is it old?\nAssistant: It is, too." in third
    assert "has not been asked yet" in third


def test_personas_are_used_equally_often():
    """
    So are passages, if there are documents.
    """
    found = drafts(build("persona", personas=["a nurse", "a king"]), [LONG, SHORT], 8)

    assert Counter(draft.material["persona"] for draft in found) == {"a nurse": 4, "a king": 4}
    assert Counter(draft.passage for draft in found) == {LONG: 4, SHORT: 4}
    assert {draft.max_turns for draft in found} == {None}


def test_personas_have_a_default():
    """
    It needs no documents.
    """
    found = drafts(build("persona"), [], len(PERSONAS))

    assert {draft.material["persona"] for draft in found} == set(PERSONAS)
    assert {draft.passage for draft in found} == {None}


def test_the_persona_is_the_role_of_the_asker():
    """
    The passage is included if there is one.
    """
    strategy = build("persona", personas=["a nurse"])

    assert ask_texts(strategy, cell(persona="a nurse")).startswith("You are a nurse.")
    assert "<passage>" not in ask_texts(strategy, cell(persona="a nurse"))
    assert LONG.text in ask_texts(strategy, cell(LONG, persona="a nurse"))


def test_a_conversation_starts_with_the_seed():
    """
    It is used unchanged. The asker writes the next questions.
    """
    strategy = build("seed-list", seeds=["What is tea?"], request="Ask on.")

    first = strategy.instruct(cell(seed="What is tea?"), (), Random(1))

    assert (first.text, first.ask) == ("What is tea?", ())
    assert "Ask on." in ask_texts(strategy, cell(seed="What is tea?"), HISTORY[:1])


def test_seeds_are_used_equally_often():
    """
    Also if there are more rows than seeds.
    """
    found = drafts(build("seed-list", seeds=["a", "b", "c"]), [], 7)

    assert sorted(Counter(draft.material["seed"] for draft in found).values()) == [2, 2, 3]


@pytest.mark.parametrize("name", ["document-questions", "persona", "seed-list"])
def test_drafts_depend_only_on_the_seed(name):
    """
    Another seed gives other cells.
    """
    strategy = build(name, **({"seeds": list("abcdefgh")} if name == "seed-list" else {}))
    passages = [SourcePassage(id=str(number), document="a.md", headings=(), text=LONG.text) for number in range(8)]

    assert drafts(strategy, passages, 20) == drafts(strategy, passages, 20)
    assert drafts(strategy, passages, 20) != drafts(strategy, passages, 20, seed=2)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("seed-list", {}),
        ("seed-list", {"seeds": []}),
        ("seed-list", {"seeds": [""]}),
        ("persona", {"personas": []}),
        ("document-questions", {"seads": ["x"]}),
        ("document-questions", {"seeds": [""]}),
        ("seed-list", {"seeds": ["a", {"b": 1}]}),
        ("seed-list", {"seeds": [{"a": 1}, {"b": 1}]}),
        ("seed-list", {"seeds": [{}]}),
        ("persona", {"seeds": [{"persona": "a nurse"}]}),
        ("persona", {"request": "Ask {"}),
    ],
)
def test_invalid_settings_are_rejected(name, settings):
    """
    Empty lists, empty texts and unknown keys are errors.
    """
    with pytest.raises(ConfigurationError, match=name):
        build(name, **settings)
