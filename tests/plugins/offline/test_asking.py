from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.asking import ask_question
from budwood_offline.asking.drafts import drafts
from budwood_offline.ranking import best_sentences, candidates
from budwood_offline.sentences import normalise

TEXT = Path(__file__).with_name("passages.md").read_text(encoding="utf-8")
PASSAGES = [f"# {part}" for part in re.split(r"^# ", TEXT, flags=re.MULTILINE) if part.strip()]


def every_question(passage):
    """
    List what can be asked about a passage.
    """
    return [draft.text for draft in drafts(passage)]


def conversations(count, passages, seed):
    """
    Hold conversations of one to four turns, several on each passage.
    """
    chance = random.Random(seed)
    for number in range(count):
        passage = passages[number % len(passages)]
        asked, said, turns = [], [], []
        for _ in range(chance.randint(1, 4)):
            question = ask_question(passage, seed=chance.getrandbits(64), asked=asked, said=said)
            answer = best_sentences(question.text, passage, exclude=said)
            asked.append(question.text)
            said += answer
            turns.append((question, answer))
        yield passage, turns


@pytest.mark.parametrize(
    ("passage", "question"),
    [
        ("A rootstock is a plant that carries a scion.", "What is a rootstock?"),
        ("Meanders are bends of a river.", "What does the text say about meanders?"),
        ("The clock is slow because heat lengthens the rod.", "Why is the clock slow?"),
        ("If the cambium dries out, the graft fails.", "What happens if the cambium dries out?"),
        ("When the weight reaches the floor, the clock stops.", "What happens when the weight reaches the floor?"),
        ("Beekeepers must check every hive for mites.", "What must beekeepers do?"),
        ("A captain should never trust a table.", "What should a captain never do?"),
        ("The queen lays 2,000 eggs on a day.", "How many eggs does the queen lay?"),
        ("There are five hooks in the core.", "How many hooks are there in the core?"),
        ("The call costs 22 ms of time.", "How much does the call cost?"),
        ("Christiaan Huygens built the first clock in 1656.", "What did Christiaan Huygens build?"),
        ("The gas is held by gluten.", "How is the gas held?"),
        ("The list is kept in the harbour.", "Where is the list kept?"),
        ("A lens consists of many rings.", "What does a lens consist of?"),
        ("`encode` returns the call without secrets.", "What does `encode` return?"),
        ("Exhausted quotas are never retried.", "Are exhausted quotas ever retried?"),
    ],
)
def test_questions_follow_the_grammar_of_their_sentence(passage, question):
    """
    Definitions, causes, conditions, duties, numbers and verbs each have their question.
    """
    assert question in every_question(passage)


@pytest.mark.parametrize(
    "passage",
    [
        "It is a plant.",
        "We do it because they want it.",
        "If they do, it fails.",
        "What they install is theirs.",
        "There it was again.",
        "Let’s start the engine.",
    ],
)
def test_no_question_points_at_what_it_does_not_name(passage):
    """
    A sentence about "it" or "them" is not turned into a question that nobody can understand.
    """
    unquoted = " ".join(re.sub("“[^”]*”", "", question) for question in every_question(passage))

    assert not re.search(r"\b(?:it|they|them|they're|let’s)\b(?! that)", unquoted.lower())


@pytest.mark.parametrize(
    ("passage", "unwanted"),
    [
        ("Tides are long waves that the moon and the sun raise.", "waves that the moon?"),
        ("Sent again is what can succeed.", "describe sent?"),
        ("Most towers were automated after 1970, when lamps became reliable.", "tell me when most towers"),
        ("It is exported in the formats trainers read.", "trainers read"),
        ("A cache INCLUDES what is kept.", "INCLUDES?"),
        ("A starter is fed every day.", "the day"),
        ("Stay below the limit of OpenAI-shaped answers.", "OpenAI-shaped?"),
        ("Azure's window is fixed.", "azure's"),
    ],
)
def test_no_question_is_about_half_a_phrase(passage, unwanted):
    """
    Clauses that are cut in the middle, and words that name nothing, are not asked about.
    """
    assert not [question for question in every_question(passage) if unwanted in question and "\u201c" not in question]


@pytest.mark.parametrize("passage", PASSAGES)
def test_every_question_reads_well(passage):
    """
    One line, one question mark, a capital, no broken markup, less than 160 characters.
    """
    for question in every_question(passage):
        assert question == normalise(question)
        assert question.count("?") == 1
        assert question.endswith("?")
        assert question[0].isupper()
        assert len(question) < 160
        assert "**" not in question
        assert question.count("`") % 2 == 0
        assert not re.search(r"[ (,;:]\?|\b(?:the|a|an|of|and|or|because) ?\?$", question)


def test_over_200_conversations_nine_in_ten_questions_differ():
    """
    A dataset of many conversations on few passages does not repeat itself.
    """
    # 25 on 10 passages are as many a passage as 200 on 80.
    rounds = [
        [question.text for _, turns in conversations(25, PASSAGES, seed) for question, _ in turns] for seed in range(8)
    ]

    assert min(len(set(asked)) / len(asked) for asked in rounds) >= 0.9
    assert len({question for asked in rounds for question in asked}) > 300


def test_answers_contain_the_sentence_that_was_asked_about():
    """
    What is asked is answered, by sentences of the passage, none of them twice in a conversation.
    """
    hits = total = 0
    for passage, turns in conversations(100, PASSAGES, seed=7):
        given_sentences = [sentence for _, answer in turns for sentence in answer]
        assert len(given_sentences) == len(set(given_sentences))
        assert all(sentence in normalise(passage) for sentence in given_sentences)
        hits += sum(question.sentence in answer for question, answer in turns)
        total += len(turns)

    assert hits / total > 0.97


def test_the_seed_decides_and_nothing_else():
    """
    The same arguments give the same question; other seeds give others.
    """
    asked = [ask_question(PASSAGES[0], seed=seed).text for seed in range(50)]

    assert asked == [ask_question(PASSAGES[0], seed=seed).text for seed in range(50)]
    assert len(set(asked)) > 35


def test_sentences_without_an_answer_yet_are_asked_about_first():
    """
    A question goes to a sentence that was not said, by what was said, or else by what was asked.
    """
    first = ask_question(PASSAGES[1], seed=1)
    said = [item.text for item in candidates(PASSAGES[1]) if item.text != first.sentence]

    assert ask_question(PASSAGES[1], seed=2, asked=[first.text]).sentence != first.sentence
    assert ask_question(PASSAGES[1], seed=3, said=said).sentence == first.sentence


@pytest.mark.parametrize(
    "passage",
    [
        "```python\nx = {1: 2}\n```",
        "| name | age |\n|---|---|\n| Ada | 36 |",
        "今日は雨です。",
        "Der Hund schläft.",
        "Hm",
    ],
)
def test_any_words_can_be_asked_about(passage):
    """
    Code, tables and other languages get plain questions that quote them.
    """
    assert ask_question(passage, seed=1) is not None


def test_nothing_is_asked_about_nothing():
    """
    A passage without words gives no question, nor does one whose questions are all asked.
    """
    assert ask_question("", seed=1) is None
    assert ask_question("--- ...", seed=1) is None
    assert ask_question(PASSAGES[0], seed=1, asked=list(every_question(PASSAGES[0]))) is None


@given(st.text(), st.integers(-(2**70), 2**70))
def test_any_passage_and_seed_are_taken(passage, seed):
    """
    Whatever the passage, a question is about a part of it.
    """
    question = ask_question(passage, seed=seed)

    assert question is None or question.sentence in normalise(passage)
