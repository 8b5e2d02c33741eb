from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.ranking import COMPLETE, build_index, select_sentences
from budwood_offline.sentences import normalise

KEYS = (
    "Keys rotate least recently used. A refused key is taken out. An exhausted key rests until its reset. "
    "It is tried again afterwards. Budgets are reserved before the call. They are settled after it. "
    "Rows carry no clock. The journal lies beside the output."
)


def test_the_sentence_with_the_rarest_term_is_selected():
    """
    A term of few sentences counts more than one of many.
    """
    assert select_sentences("Which key is refused?", KEYS, limit=1) == ["A refused key is taken out."]


@pytest.mark.parametrize("question", ["What happens to an exhausted key?", "What is tried again afterwards?"])
def test_a_sentence_is_selected_with_its_continuation(question):
    """
    A sentence that begins with "It" comes with the one before it, in the order of the text.
    """
    assert select_sentences(question, KEYS) == [
        "An exhausted key rests until its reset.",
        "It is tried again afterwards.",
    ]


def test_excluded_sentences_are_not_selected():
    """
    Every answer of a conversation is new; after all sentences were returned, there is none.
    """
    shown: list[str] = []
    while answer := select_sentences("What happens to a key?", KEYS, exclude=shown):
        assert not set(answer) & set(shown)
        shown += answer

    assert sorted(shown) == sorted(sentence.text for sentence in build_index(KEYS).sentences)


def test_a_text_of_few_sentences_gives_one_at_a_time():
    """
    Sentences are left for further questions.
    """
    assert len(select_sentences("key", "A key is old. A key is new. A key is red.")) == 1


def test_without_a_common_term_the_first_complete_sentence_is_selected():
    """
    A question about something else gets a sentence, not a heading.
    """
    assert select_sentences("Quo vadis?", "# Keys\n\nKeys rotate in turn. They rest.") == ["Keys rotate in turn."]


@pytest.mark.parametrize(("text", "answer"), [("", []), (" \n ", []), ("---", ["---"])])
def test_a_text_without_words_is_accepted(text, answer):
    """
    Nothing is made up if there is nothing to select.
    """
    assert select_sentences("What?", text) == answer


@pytest.mark.parametrize(
    "text", ["## Keys of cars and doors", "| a | b | c | d |", "```python\nx = 1\n```", "x[0] = {y: w}", "as follows:"]
)
def test_only_sentences_of_prose_have_the_best_quality(text):
    """
    Headings, tables, code and fragments are rated below a complete sentence.
    """
    complete, other = (build_index(part).sentences[0] for part in ("A refused key is taken out.", text))

    assert other.quality < complete.quality == COMPLETE


@given(st.text(), st.text(), st.integers(1, 4))
def test_answers_are_parts_of_the_text(question, text, limit):
    """
    An answer consists of exact parts of the text, and of no more than requested.
    """
    answer = select_sentences(question, text, limit=limit)

    assert len(answer) <= limit
    assert all(sentence in normalise(text) for sentence in answer)
