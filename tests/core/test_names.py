from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.names import did_you_mean, join_names, normalise

SPELLINGS = st.text("aBc-_.", max_size=12)


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("my_vllm", "my-vllm"),
        ("my.vllm", "my-vllm"),
        ("My-_.vLLM", "my-vllm"),
        ("", ""),
    ],
)
def test_names_are_normalised(name, compared):
    """
    Names are in lower case, with one ``-`` for any run of separators.
    """
    assert normalise(name) == compared


@given(st.text())
def test_normalised_names_do_not_change(name):
    """
    Normalising is idempotent.
    """
    assert normalise(normalise(name)) == normalise(name)


@given(SPELLINGS)
def test_spelling_does_not_matter(name):
    """
    Case and separators do not matter.
    """
    assert normalise(name.swapcase()) == normalise(name)
    assert normalise(name.replace("_", ".")) == normalise(name)
    assert normalise(name.replace("-", "__")) == normalise(name)


def test_similar_names_are_suggested_in_a_sentence():
    """
    The most similar first, at most three.
    """
    assert did_you_mean("opnai", ["openai", "groq"]) == "Did you mean openai?"
    assert did_you_mean("modle", {"models", "model", "cache"}) == "Did you mean model or models?"
    assert did_you_mean("aaaa", ["aaab", "aaac", "aaad", "aaae"]).count(" or ") == 2


@pytest.mark.parametrize("known", [[], ["groq", "cohere"]])
def test_name_without_similar_ones_has_no_suggestion(known):
    """
    The result is None.
    """
    assert did_you_mean("xyzzy", known) is None


@given(st.text(), st.sets(st.text()))
def test_only_known_names_are_suggested(name, known):
    """
    This applies to any input.
    """
    message = did_you_mean(name, known)

    assert message is None or any(other in message for other in known)


def test_names_are_joined_in_order():
    """
    The result for no names is ``none``.
    """
    assert join_names(["b", "a", "c"]) == "a, b, c"
    assert join_names([]) == "none"
