"""
Choose the sentences of a context that matter to a question.

The measure is BM25 over the context's own sentences: a rare term of the question counts more than a frequent one, and
a long sentence less than a short one that says the same. Then each sentence lends some of its weight to a neighbour
that goes on about it ("It …", "Otherwise …"), so that an answer of two sentences reads as one thought.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from budwood_offline.prose import UNFINISHED, WORDLESS, quality, trim
from budwood_offline.sentences import normalise, split_sentences
from budwood_offline.terms import stem, terms
from budwood_offline.words import CONTINUERS, QUESTION_WORDS

# BM25's usual constants (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", section 3.4).
_SATURATION: Final = 1.2
_LENGTH: Final = 0.75
_SIDE_WORDS: Final = frozenset(stem(word) for word in QUESTION_WORDS)
_SIDE_WEIGHT: Final = 0.15
_NEIGHBOUR: Final = 0.55  # above _COMPANION: what goes on about the best sentence accompanies it
_COMPANION: Final = 0.5
_STRANGER: Final = 0.7
_PLENTY: Final = 6
_FIRST_WORD: Final = re.compile(r"\W*([^\W\d_]+)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    A sentence that can be given as an answer, with what the comparison needs.

    `quality` is 1 for whole prose, less for headings, table rows and code.
    """

    text: str
    terms: tuple[str, ...]
    counts: Mapping[str, int]
    pairs: frozenset[tuple[str, str]]
    quality: float
    continues: bool


@dataclass(frozen=True, slots=True)
class _Index:
    candidates: tuple[Candidate, ...]
    rarity: Mapping[str, float]
    mean_length: float


def best_sentences(question: str, context: str, *, limit: int = 2, exclude: Collection[str] = ()) -> list[str]:
    """
    Choose at most `limit` sentences of `context` for `question`, in the context's order.

    The best one is always given, companions only if they weigh nearly as much, or half as much where they go on about
    it, and if enough sentences are left for further questions. Without a shared term it is the context's first good
    sentences. A sentence in `exclude` is never given: when no other is left, the list is empty.
    """
    index = _index(context)
    said = {normalise(sentence) for sentence in exclude}
    left = [place for place, item in enumerate(index.candidates) if item.text not in said]
    scores = _scores(question, index)
    if not any(scores[place] > 0 for place in left):
        scores = [item.quality for item in index.candidates]
    order = sorted(left, key=lambda place: (-scores[place], place))[: limit if len(left) >= _PLENTY else 1]
    chosen = order[:1] + [place for place in order[1:] if _accompanies(place, order[0], scores, index)]
    return [index.candidates[place].text for place in sorted(chosen)]


def _accompanies(place: int, best: int, scores: list[float], index: _Index) -> bool:
    first, second = sorted((place, best))
    goes_on = second == first + 1 and index.candidates[second].continues
    least = (_COMPANION if goes_on else _STRANGER) * scores[best]
    return scores[place] >= least and index.candidates[place].quality >= UNFINISHED


def candidates(context: str) -> tuple[Candidate, ...]:
    """List what `best_sentences` can give: the context's sentences, trimmed, each once."""
    return _index(context).candidates


def shares_terms(question: str, context: str) -> bool:
    """Tell whether a sentence of the context holds a term of the question."""
    known = _index(context).rarity
    return any(term in known for term in terms(question))


@lru_cache(maxsize=128)
def _index(context: str) -> _Index:
    found: dict[str, str] = {}
    for sentence in split_sentences(context):
        found.setdefault(trim(sentence), sentence)
    every = [_candidate(text, sentence) for text, sentence in found.items()]
    kept = tuple(item for item in every if item.quality > WORDLESS) or tuple(every)
    frequency = Counter(term for item in kept for term in item.counts)
    rarity = {term: math.log(1 + (len(kept) - n + 0.5) / (n + 0.5)) for term, n in frequency.items()}
    return _Index(kept, rarity, sum(len(item.terms) for item in kept) / max(1, len(kept)) or 1)


def _candidate(text: str, sentence: str) -> Candidate:
    found = tuple(terms(text))
    first = _FIRST_WORD.match(text)
    return Candidate(
        text=text,
        terms=found,
        counts=Counter(found),
        pairs=frozenset(pairwise(found)),
        quality=quality(sentence),
        continues=first is not None and first[1].casefold() in CONTINUERS,
    )


def _scores(question: str, index: _Index) -> list[float]:
    wanted = terms(question)
    own = [_score(wanted, candidate, index) for candidate in index.candidates]
    scores = own.copy()
    for place, candidate in enumerate(index.candidates):
        if candidate.continues and place:
            scores[place] += _NEIGHBOUR * own[place - 1] * candidate.quality
            scores[place - 1] += _NEIGHBOUR * own[place] * index.candidates[place - 1].quality
    return scores


def _score(wanted: list[str], candidate: Candidate, index: _Index) -> float:
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * len(candidate.terms) / index.mean_length)
    score = 0.0
    for term in dict.fromkeys(wanted):
        if count := candidate.counts.get(term, 0):
            weight = _SIDE_WEIGHT if term in _SIDE_WORDS else 1.0
            score += weight * index.rarity[term] * count * (_SATURATION + 1) / (count + norm)
    for pair in dict.fromkeys(pairwise(wanted)):
        if pair in candidate.pairs:
            score += 0.3 * min(index.rarity[pair[0]], index.rarity[pair[1]])
    return score * candidate.quality
