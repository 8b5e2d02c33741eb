from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import Cell, CellDraft, SourcePassage, Turn
from budwood_generation.strategies.cycles import shuffled_cycle
from budwood_generation.strategies.persona import PERSONAS
from budwood_testing import FakeClock

LONG = SourcePassage(id="long", document="a.md", headings=(), text="Tea is green. It is old. It is hot. It is good.")
SHORT = SourcePassage(id="short", document="a.md", headings=(), text="See below.")
SAID = (Turn(question="Is tea green?", answer="It is."), Turn(question="Is it old?", answer="It is, too."))


def made(name, **settings):
    """Make a strategy as a run does: by its name, with settings that are checked."""
    instances = Instances(Settings.load(), clock=FakeClock())
    return instances.build(INSTRUCTION_STRATEGY, name, settings).implementation


def drafts(strategy, passages, count, seed=1) -> list[CellDraft]:
    """Draft cells."""
    return list(strategy.plan(passages, count, Random(seed)))


def cell(passage=None, **material) -> Cell:
    """Make a cell."""
    return Cell(id="c", index=0, turns=3, passage=passage, material=material)


def asked(strategy, at: Cell, turns=()) -> str:
    """Return what the asking model is told, its role first."""
    told = strategy.instruct(at, turns, Random(1))
    assert told.text is None
    return "\n".join(message.text for message in told.ask)


@given(st.integers(1, 20), st.integers(0, 100), st.integers())
def test_things_are_spread_evenly(things, count, seed):
    """
    However many are taken, none comes twice more often than another, and the seed decides the order.
    """
    taken = list(islice(shuffled_cycle(range(things), Random(seed)), count))

    counts = Counter(taken)
    assert max(counts.values(), default=0) - min(counts[thing] for thing in range(things)) <= 1
    assert taken == list(islice(shuffled_cycle(range(things), Random(seed)), count))


def test_nothing_can_be_spread_to_no_end():
    """
    Without things there is nothing to take.
    """
    assert list(shuffled_cycle((), Random(1))) == []


def test_questions_are_asked_about_passages_that_say_enough():
    """
    Passages of fewer sentences than wanted are left out; by default none that holds one is.
    """
    strict = made("document-questions", min_sentences=3)

    assert {draft.passage for draft in drafts(strict, [SHORT, LONG], 6)} == {LONG}
    assert {draft.passage for draft in drafts(made("document-questions"), [SHORT, LONG], 6)} == {SHORT, LONG}


def test_passages_that_all_say_too_little_are_refused():
    """
    Nothing is asked about what was to be left out; the cure is told.
    """
    with pytest.raises(ConfigurationError, match="no passage of 5 sentences") as raised:
        drafts(made("document-questions", min_sentences=5), [SHORT, LONG], 2)

    assert raised.value.hint is not None
    assert "Lower min_sentences" in raised.value.hint


def test_a_passage_bears_a_turn_for_every_two_sentences():
    """
    Short ones bear one.
    """
    strategy = made("document-questions")

    assert [draft.max_turns for draft in drafts(strategy, [LONG], 2)] == [2, 2]
    assert [draft.max_turns for draft in drafts(strategy, [SHORT], 1)] == [1]


def test_the_asker_sees_the_passage_and_the_conversation():
    """
    Every further question is asked in the light of what was said, with the demand for something new.
    """
    strategy = made("document-questions", request="Ask something hard.")

    first, third = asked(strategy, cell(LONG)), asked(strategy, cell(LONG), SAID)

    assert f"<passage>\n{LONG.text}\n</passage>" in first
    assert "Ask something hard. Write the question alone." in first
    assert "Conversation so far" not in first
    assert "User: Is it old?\nAssistant: It is, too." in third
    assert "has not been asked yet" in third


def test_each_persona_asks_as_often_as_any_other():
    """
    With documents, each passage comes as often as any other as well.
    """
    found = drafts(made("persona", personas=["a nurse", "a king"]), [LONG, SHORT], 8)

    assert Counter(draft.material["persona"] for draft in found) == {"a nurse": 4, "a king": 4}
    assert Counter(draft.passage for draft in found) == {LONG: 4, SHORT: 4}
    assert {draft.max_turns for draft in found} == {None}


def test_there_are_personas_by_default():
    """
    Nobody has to be named, and no documents are wanted.
    """
    found = drafts(made("persona"), [], len(PERSONAS))

    assert {draft.material["persona"] for draft in found} == set(PERSONAS)
    assert {draft.passage for draft in found} == {None}


def test_the_asker_is_told_who_it_is():
    """
    The persona is the role; the passage is shown where there is one.
    """
    strategy = made("persona", personas=["a nurse"])

    assert asked(strategy, cell(persona="a nurse")).startswith("You are a nurse.")
    assert "<passage>" not in asked(strategy, cell(persona="a nurse"))
    assert LONG.text in asked(strategy, cell(LONG, persona="a nurse"))


def test_a_conversation_begins_with_the_seed_word_for_word():
    """
    No model is asked for the first question; it is for the next ones.
    """
    strategy = made("seed-list", seeds=["What is tea?"], request="Ask on.")

    first = strategy.instruct(cell(seed="What is tea?"), (), Random(1))

    assert (first.text, first.ask) == ("What is tea?", ())
    assert "Ask on." in asked(strategy, cell(seed="What is tea?"), SAID[:1])


def test_each_seed_comes_as_often_as_any_other():
    """
    Also where there are more rows than seeds.
    """
    found = drafts(made("seed-list", seeds=["a", "b", "c"]), [], 7)

    assert sorted(Counter(draft.material["seed"] for draft in found).values()) == [2, 2, 3]


@pytest.mark.parametrize("name", ["document-questions", "persona", "seed-list"])
def test_drafts_depend_on_chance_alone(name):
    """
    The same seed drafts the same cells, another one others.
    """
    strategy = made(name, **({"seeds": list("abcdefgh")} if name == "seed-list" else {}))
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
        ("document-questions", {"seeds": ["x"]}),
    ],
)
def test_settings_of_no_use_are_refused(name, settings):
    """
    Empty lists, empty texts and unknown keys are errors before anything is planned.
    """
    with pytest.raises(ConfigurationError, match=name):
        made(name, **settings)
