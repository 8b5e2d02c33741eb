"""Rank the sentences of a text by their relevance to a question, with BM25."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from budwood_offline.sentences import normalise, split_sentences, strip_markers
from budwood_offline.terms import UNSPACED, extract_terms, stem
from budwood_offline.words import CONTINUATIONS, QUESTION_WORDS

# BM25's usual constants (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", section 3.4).
_SATURATION: Final = 1.2
_LENGTH_WEIGHT: Final = 0.75
_SECOND_SHARE: Final = 0.7  # a second sentence has at least this share of the best one's score
_MIN_REMAINING: Final = 6  # with fewer remaining, an answer is one sentence, so that later questions have answers
_QUESTION_TERMS: Final = frozenset(map(stem, QUESTION_WORDS))
_MIN_WORDS: Final = 4
_MAX_LENGTH: Final = 500
_WORD: Final = re.compile(r"[^\W\d_]+")
_SYMBOL: Final = re.compile(r"[^\w\s.,;:'\"!?()\u2013\u2014\u2018-\u201d`*-]")
_FINISHED: Final = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u0964][)\"'\u201d\u2019*_`\u300d\u300f]*$")

COMPLETE: Final = 1.0
FRAGMENT: Final = 0.7
NO_PROSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Sentence:
    """
    A sentence of a text, without list and heading markers.

    Attributes:
        text: The sentence, an exact part of the normalised text.
        counts: The number of occurrences of each term.
        quality: 1 for a complete sentence, less for fragments, least for headings, tables and code; 0 without words.
        is_continuation: Whether its first word refers to the sentence before it.
        length: The number of terms, including repetitions.
    """

    text: str
    counts: Mapping[str, int]
    quality: float
    is_continuation: bool
    length: int


@dataclass(frozen=True, slots=True)
class Index:
    """The distinct sentences of a text, the inverse document frequency of their terms, and their mean length."""

    sentences: tuple[Sentence, ...]
    frequencies: Mapping[str, float]
    mean_length: float


@lru_cache(maxsize=128)
def build_index(text: str) -> Index:
    """Index the sentences of a text; sentences without words are omitted if there are others."""
    originals = {strip_markers(sentence): sentence for sentence in reversed(split_sentences(text))}
    every = [_make_sentence(stripped, original) for stripped, original in reversed(originals.items())]
    sentences = tuple(sentence for sentence in every if sentence.quality) or tuple(every)
    total = len(sentences)
    containing = Counter(term for sentence in sentences for term in sentence.counts)
    frequencies = {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) for term, count in containing.items()}
    return Index(sentences, frequencies, sum(sentence.length for sentence in sentences) / max(1, total) or 1)


def _make_sentence(text: str, original: str) -> Sentence:
    terms = extract_terms(text)
    first = _WORD.search(text)
    is_continuation = first is not None and first[0].casefold() in CONTINUATIONS
    return Sentence(text, Counter(terms), _rate(original), is_continuation, len(terms))


def _rate(sentence: str) -> float:
    # In a script without spaces two characters make about one word.
    words = len(_WORD.findall(UNSPACED.sub(" ", sentence))) + len("".join(UNSPACED.findall(sentence))) // 2
    if not words:
        return 0
    is_marked = sentence.startswith(("#", "|", "```", "~~~")) or sentence.endswith((":", "?")) or " | " in sentence
    if is_marked or words < _MIN_WORDS or len(_SYMBOL.findall(sentence)) > words / 3:
        return NO_PROSE
    return COMPLETE if _FINISHED.search(sentence) and len(sentence) <= _MAX_LENGTH else FRAGMENT


def select_sentences(question: str, text: str, *, limit: int = 2, exclude: Collection[str] = ()) -> list[str]:
    """
    Select the sentences that answer a question, in the order of the text.

    If no sentence shares a term with the question, the first complete sentences are selected. A second sentence is
    added if its score is close to the best one, or if one of the two continues the other.

    Args:
        question: The question.
        text: The text to select from.
        limit: The maximum number of sentences.
        exclude: Sentences that must not be selected. If there are no others, the result is empty.
    """
    index = build_index(text)
    excluded = {normalise(sentence) for sentence in exclude}
    left = {place for place, sentence in enumerate(index.sentences) if sentence.text not in excluded}
    all_terms = dict.fromkeys(extract_terms(question))
    terms = [term for term in all_terms if term not in _QUESTION_TERMS] or list(all_terms)
    scores = [_score(terms, sentence, index) * sentence.quality for sentence in index.sentences]
    if not any(scores[place] for place in left):
        scores = [sentence.quality for sentence in index.sentences]
    ranked = sorted(left, key=lambda place: (-scores[place], place))
    selected = ranked[:1]
    if len(left) >= _MIN_REMAINING:
        best = ranked[0]
        neighbours = [place for place in (best - 1, best + 1) if place in left]
        adjoining = [place for place in neighbours if index.sentences[max(place, best)].is_continuation]
        close = [place for place in ranked[1:] if scores[place] >= _SECOND_SHARE * scores[best]]
        further = dict.fromkeys([*adjoining, *close])
        selected += [place for place in further if index.sentences[place].quality >= FRAGMENT][: limit - 1]
    return [index.sentences[place].text for place in sorted(selected)]


def _score(terms: Sequence[str], sentence: Sentence, index: Index) -> float:
    norm = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * sentence.length / index.mean_length)
    counts = ((term, sentence.counts.get(term, 0)) for term in terms)
    return sum(index.frequencies[term] * count * (_SATURATION + 1) / (count + norm) for term, count in counts if count)
