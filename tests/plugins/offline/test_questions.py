from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.phrases import extract_phrases
from budwood_offline.questions import write_question
from budwood_offline.ranking import build_index, select_sentences
from budwood_offline.sentences import normalise

TEXT = Path(__file__).with_name("passages.md").read_text(encoding="utf-8")
PASSAGES = [f"# {part}" for part in re.split(r"^# ", TEXT, flags=re.MULTILINE) if part.strip()]


def list_questions(passage):
    """
    List all questions about a passage.
    """
    questions = []
    while question := write_question(passage, seed=1, questions=questions, shown=["none"]):
        questions.append(question)
    return questions


def make_conversations(count, passages, seed):
    """
    Make conversations of one to four turns, several about each passage.
    """
    chance = random.Random(seed)
    for number in range(count):
        passage = passages[number % len(passages)]
        questions, shown, turns = [], [], []
        for _ in range(chance.randint(1, 4)):
            question = write_question(
                passage,
                seed=chance.getrandbits(64),
                questions=questions,
                shown=shown,
            )
            answer = select_sentences(question, passage, exclude=shown)
            questions.append(question)
            shown += answer
            turns.append((question, answer))
        yield passage, turns


@pytest.mark.parametrize(
    ("passage", "question"),
    [
        ("A rootstock is a plant that carries a scion.", "What is a rootstock?"),
        ("The rootstock gives the roots.", "What does the rootstock give?"),
        ("If the cambium dries out, the graft fails.", "What happens if the cambium dries out?"),
        ("The clock stops when the weight reaches the floor.", "What happens when the weight reaches the floor?"),
        ("Most apple trees need a dwarfing rootstock.", "What should I know about a dwarfing rootstock?"),
        ("`encode` returns the call without secrets.", "What is `encode` for?"),
        ("| name | age |", "What does the text say about “name”?"),
    ],
)
def test_questions_follow_the_templates(passage, question):
    """
    There are templates for definitions, verbs, conditions, phrases, identifiers, and for anything else by quotation.
    """
    assert question in list_questions(passage)


@pytest.mark.parametrize(
    ("sentence", "phrases"),
    [
        ("The caller gets the reply.", ("the caller", "the reply")),
        ("A gardener cuts the shoot of a young tree.", ("the shoot", "a young tree")),
        ("It goes to the Bay of Fundy in max_retries steps.", ("the Bay", "max_retries")),
        ("It is one of these things at the end.", ()),
        ("We wrote it for them.", ()),
    ],
)
def test_phrases_name_a_subject(sentence, phrases):
    """
    Phrases end before a verb, and neither pronouns nor vague nouns are phrases.
    """
    found = extract_phrases(sentence)

    assert set(found) >= set(phrases)
    assert bool(found) == bool(phrases)


@pytest.mark.parametrize("passage", PASSAGES)
def test_every_question_is_well_formed(passage):
    """
    A question is one line with one question mark, a capital, no broken markup, and less than 160 characters.
    """
    for question in list_questions(passage):
        assert question == normalise(question)
        assert question.count("?") == 1
        assert question.endswith("?")
        assert question[0].isupper()
        assert len(question) < 160
        assert "**" not in question
        assert question.count("`") % 2 == 0
        assert not re.search(r"[ (,;:]\?|\b(?:the|a|an|of|and|or|because) ?\?$", question)


def test_nine_in_ten_questions_of_200_conversations_differ():
    """
    A dataset of many conversations about few passages does not repeat itself.
    """
    # 25 about 10 passages are as many for each passage as 200 about 80.
    rounds = [
        [question for _, turns in make_conversations(25, PASSAGES, seed) for question, _ in turns] for seed in range(8)
    ]

    assert min(len(set(questions)) / len(questions) for questions in rounds) >= 0.9
    assert len({question for questions in rounds for question in questions}) > 300


def test_answers_are_new_sentences_of_the_passage():
    """
    Every question of a conversation has an answer, and no sentence is repeated.
    """
    for passage, turns in make_conversations(100, PASSAGES, seed=7):
        shown = [sentence for _, answer in turns for sentence in answer]
        assert all(answer for _, answer in turns)
        assert len(shown) == len(set(shown))
        assert all(sentence in normalise(passage) for sentence in shown)


def test_the_seed_chooses_the_question():
    """
    The same arguments give the same question; other seeds give others.
    """
    questions = [write_question(PASSAGES[0], seed=seed) for seed in range(50)]

    assert questions == [write_question(PASSAGES[0], seed=seed) for seed in range(50)]
    assert len(set(questions)) > 35


def test_sentences_without_an_answer_are_asked_about_first():
    """
    The answer to a new question is a sentence that was not returned before.
    """
    sentences = [sentence.text for sentence in build_index(PASSAGES[1]).sentences]
    shown = [sentence for sentence in sentences if not sentence.startswith("A neap tide")]
    question = write_question(PASSAGES[1], seed=3, shown=shown)

    assert select_sentences(question, PASSAGES[1], limit=1)[0].startswith("A neap tide")


@pytest.mark.parametrize("passage", ["```python\nx = {1: 2}\n```", "| name | age |", "今日は雨です。", "Hm"])
def test_code_tables_and_other_languages_are_quoted(passage):
    """
    A question about a sentence with unknown grammar quotes its first words.
    """
    assert "“" in write_question(passage, seed=1)


def test_a_passage_without_further_questions_gives_none():
    """
    There is no question about a passage without words, or after all questions were asked.
    """
    assert write_question("", seed=1) is None
    assert write_question("--- ...", seed=1) is None
    assert write_question(PASSAGES[0], seed=1, questions=list_questions(PASSAGES[0])) is None


@given(st.text(), st.integers(-(2**70), 2**70))
def test_any_passage_and_seed_are_accepted(passage, seed):
    """
    There is a question or None, whatever the passage.
    """
    question = write_question(passage, seed=seed)

    assert question is None or question.endswith("?")
