from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.ranking import best_sentences, candidates, shares_terms
from budwood_offline.sentences import normalise

KEYS = (
    "Keys rotate least recently used. A refused key is taken out. An exhausted key rests until its reset. "
    "It is tried again afterwards. Budgets are reserved before the call. They are settled after it. "
    "Rows carry no clock. The journal lies beside the output."
)


def test_the_sentence_that_shares_the_rarest_term_is_chosen():
    """
    A term that few sentences hold counts more than one that many hold.
    """
    assert best_sentences("Which key is refused?", KEYS, limit=1) == ["A refused key is taken out."]


def test_a_sentence_that_goes_on_accompanies_its_forerunner():
    """
    An answer of two sentences reads as one thought, in the context's order.
    """
    assert best_sentences("What happens to an exhausted key?", KEYS) == [
        "An exhausted key rests until its reset.",
        "It is tried again afterwards.",
    ]


def test_what_was_said_is_never_said_again():
    """
    Every answer of a conversation is new, and when all is said nothing is.
    """
    said: list[str] = []
    while answer := best_sentences("What happens to a key?", KEYS, exclude=said):
        assert not set(answer) & set(said)
        said += answer

    assert sorted(said) == sorted(candidate.text for candidate in candidates(KEYS))


def test_a_sparse_context_is_given_one_sentence_at_a_time():
    """
    Few sentences are saved for further questions.
    """
    assert len(best_sentences("key", "A key is old. A key is new. A key is red.")) == 1


def test_without_a_shared_term_the_context_begins():
    """
    A question about something else gets the first whole sentence, not a heading.
    """
    assert best_sentences("Quo vadis?", "# Keys\n\nKeys rotate in turn. They rest.", limit=1) == [
        "Keys rotate in turn."
    ]
    assert not shares_terms("Quo vadis?", KEYS)


def test_a_context_without_words_gives_what_it_has():
    """
    Nothing is made up where there is nothing.
    """
    assert best_sentences("What?", "") == []
    assert best_sentences("What?", " \n ") == []
    assert best_sentences("What?", "---") == ["---"]


@given(st.text(), st.text(), st.integers(1, 4))
def test_answers_are_parts_of_the_context(question, context, limit):
    """
    Whatever is asked, the answer consists of at most so many exact parts of the context.
    """
    answer = best_sentences(question, context, limit=limit)

    assert len(answer) <= limit
    assert all(sentence in normalise(context) for sentence in answer)
    assert answer == best_sentences(question, context, limit=limit)
