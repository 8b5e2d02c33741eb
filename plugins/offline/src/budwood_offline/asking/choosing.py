"""Choose one question about a passage by seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from budwood_offline.asking.drafts import Draft, drafts, stretches
from budwood_offline.ranking import best_sentences
from budwood_offline.sentences import normalise

_TRIES: Final = 12


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the sentence of the passage that it is about."""

    text: str
    sentence: str


def ask_question(
    passage: str, *, seed: int, asked: Collection[str] = (), said: Collection[str] = ()
) -> Question | None:
    """
    Ask one question about a passage that is not among those `asked`; `None` when there is none left.

    The same arguments give the same question. Sentences in `said`, or else the likely answers to what was asked, are
    left alone as long as there are others.
    """
    given = {normalise(text) for text in said} or _answers(asked, passage)
    ordered = _in_order(_choices(passage, seed, asked, given), seed)
    answered = (
        draft for draft in ordered[:_TRIES] if draft.sentence in best_sentences(draft.text, passage, exclude=given)
    )
    draft = next(answered, ordered[0] if ordered else None)
    return Question(draft.text, draft.sentence) if draft else None


def _choices(passage: str, seed: int, asked: Collection[str], given: Collection[str]) -> list[Draft]:
    """List the drafts of one stretch that are not among those asked: the first with a sentence not given, or any."""
    known = {_key(text) for text in asked}
    starts = stretches(passage)
    left: list[Draft] = []
    for turn in range(len(starts)):
        fresh = [
            draft for draft in drafts(passage, starts[(seed + turn) % len(starts)]) if _key(draft.text) not in known
        ]
        if unanswered := [draft for draft in fresh if draft.sentence not in given]:
            return unanswered
        left = left or fresh
    return left


def _answers(asked: Collection[str], passage: str) -> set[str]:
    given: set[str] = set()
    for question in asked:
        given.update(best_sentences(question, passage, exclude=given))
    return given


def _in_order(choices: Sequence[Draft], seed: int) -> list[Draft]:
    """Shuffle by weight (Efraimidis and Spirakis 2006): a draft's place depends on the seed and itself alone."""
    return sorted(choices, key=lambda draft: (-math.log(_chance(seed, draft.text)) / draft.weight, draft.text))


def _chance(seed: int, text: str) -> float:
    digest = blake2b(f"{seed}:{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 1) / (2**64 + 1)


def _key(question: str) -> str:
    return normalise(question).casefold()
