from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.terms import extract_terms, split_name, stem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("keys", "Key"),
        ("cached", "caches"),
        ("caching", "cache"),
        ("tries", "try"),
        ("running", "runs"),
        ("committed", "commits"),
        ("boxes", "box"),
        ("Ada's", "Ada"),
        ("Gärten", "gärten"),
        ("STRASSE", "straße"),
    ],
)
def test_forms_of_a_word_are_one_term(one, other):
    """
    Plural, past, -ing, possessive and case make no difference.
    """
    assert extract_terms(one) == extract_terms(other) != []


@pytest.mark.parametrize(("one", "other"), [("class", "clas"), ("bus", "bu"), ("thing", "th"), ("news", "nest")])
def test_different_words_stay_different(one, other):
    """
    An ending that belongs to the word is not cut off.
    """
    assert stem(one) != stem(other)


def test_versions_file_names_and_addresses_are_single_terms():
    """
    A version, a file name or an address is one term.
    """
    assert extract_terms("Write qa.jsonl with 3.11 for ada@example.org") == [
        "writ",
        "qa.jsonl",
        "3.11",
        "ada@example.org",
    ]


def test_scripts_without_spaces_are_compared_by_pairs():
    """
    A question in Japanese shares terms with its answer although no space parts the words.
    """
    assert set(extract_terms("東京の天気")) & set(extract_terms("東京は晴れ")) == {"東京"}


def test_identifiers_are_split_into_their_words():
    """
    The writing of an identifier makes no difference.
    """
    assert split_name("postalCode") == ["postal", "Code"]
    assert split_name("postal_code") == split_name("postal-code") == ["postal", "code"]


@given(st.text())
def test_no_term_is_empty(text):
    """
    Any text is accepted.
    """
    assert all(extract_terms(text))
