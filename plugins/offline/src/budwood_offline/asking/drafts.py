"""Collect every question that a passage allows, each with the sentence that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from budwood_offline.asking.casing import Casing, capitalised
from budwood_offline.asking.clauses import parse_clause
from budwood_offline.asking.patterns import (
    clause_questions,
    condition_questions,
    count_questions,
    reason_questions,
)
from budwood_offline.asking.phrases import is_about_something, key_phrases, phrase_questions
from budwood_offline.prose import PROSE, ROW, plain
from budwood_offline.ranking import Candidate, candidates
from budwood_offline.words import CONJUNCTIONS, CONTINUERS, DETERMINERS, PREPOSITIONS

_STRETCH: Final = 200
_LONGEST_SENTENCE: Final = 1000
_LONGEST: Final = 159
_WORD: Final = re.compile(r"\w+")
_QUOTED_WORDS: Final = 7
_QUOTED_LETTERS: Final = 40
_BRACKET: Final = re.compile(r"[()\[\]{}]")
_UNFIT_ENDS: Final = PREPOSITIONS | CONJUNCTIONS | DETERMINERS
_QUOTE_TEMPLATES: Final = (
    "what does the text say about \u201c{0}\u201d",
    "can you tell me more about \u201c{0}\u201d",
    "how does the passage go on after \u201c{0}\u201d",
    "what is meant by \u201c{0}\u201d",
    "what should I know about \u201c{0}\u201d",
    "what stands in the text under \u201c{0}\u201d",
    "what does the passage tell us about \u201c{0}\u201d",
    "can you explain \u201c{0}\u201d",
    "what is said about \u201c{0}\u201d",
)

# How the weight of a sentence is divided between questions that follow its grammar and questions about its phrases.
_GRAMMAR_SHARE: Final = 0.65
# No single question is likelier than this share of its sentence, or conversations would repeat one another.
_MOST: Final = 0.12
_ROW_WEIGHT: Final = 0.02
_LAST_RESORT: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Draft:
    """A question, the sentence of the passage that it is about, and how good it is in comparison."""

    text: str
    sentence: str
    weight: float


def stretches(passage: str) -> range:
    """Say where the stretches of a passage begin, counted in sentences; all but books are one stretch."""
    return range(0, max(1, len(candidates(passage))), _STRETCH)


@lru_cache(maxsize=128)
def drafts(passage: str, start: int = 0) -> tuple[Draft, ...]:
    """Collect the questions about a stretch of a passage; none only where it has no words."""
    every = candidates(passage)[start : start + _STRETCH]
    prose = [item.text for item in every if item.quality >= PROSE and len(item.text) <= _LONGEST_SENTENCE]
    casing = Casing.of(plain(sentence) for sentence in prose)
    found = chain(
        (draft for sentence in prose for draft in _about(sentence, casing)),
        (draft for item in every for draft in _quoting(item)),
    )
    return tuple({draft.text: draft for draft in reversed(tuple(found))}.values())


def _about(sentence: str, casing: Casing) -> Iterator[Draft]:
    text = plain(sentence)
    grammar = _asked(_grammar_questions(text, casing))
    phrases = _asked(phrase_questions(_topics(text, casing)))
    salience = 0.5 if text.split(" ")[0].lower() in CONTINUERS else 1.0
    share = _GRAMMAR_SHARE if phrases else 1.0
    yield from (Draft(question, sentence, salience * min(_MOST, share / len(grammar))) for question in grammar)
    share = 1 - _GRAMMAR_SHARE if grammar else 0.6
    yield from (Draft(question, sentence, salience * min(_MOST, share / len(phrases))) for question in phrases)


def _grammar_questions(text: str, casing: Casing) -> Iterator[str]:
    clause = parse_clause(text, casing)
    yield from reason_questions(text, casing)
    yield from condition_questions(text, casing)
    yield from count_questions(text, clause)
    if clause is not None:
        yield from clause_questions(clause)


def _topics(text: str, casing: Casing) -> list[str]:
    clause = parse_clause(text, casing)
    phrases = key_phrases(text, casing)
    if clause is None or not is_about_something(clause.subject):
        return phrases
    return [clause.subject, *(phrase for phrase in phrases if phrase not in clause.subject)]


def _asked(texts: Iterable[str]) -> list[str]:
    questions = (capitalised(" ".join(text.split()).replace(" can not ", " cannot ")) + "?" for text in texts)
    return [question for question in dict.fromkeys(questions) if _reads_well(question)]


def _reads_well(question: str) -> bool:
    balanced = all(question.count(mark) % 2 == 0 for mark in '`"*')
    return balanced and question.count("(") == question.count(")") and len(question) <= _LONGEST


def _quoting(item: Candidate) -> Iterator[Draft]:
    """Ask about the opening words of a sentence: all that can be done with code, tables and other languages."""
    words = (
        plain(item.text[:_LONGEST_SENTENCE]).split(" | ")[0].replace("`", "").replace('"', "").strip(" .:;,!?").split()
    )
    opening = _opening(words)
    weight = _ROW_WEIGHT if ROW <= item.quality < PROSE else _LAST_RESORT
    if _WORD.search(opening):
        for template in _QUOTE_TEMPLATES:
            yield Draft(capitalised(template.format(opening)) + "?", item.text, weight)


def _opening(words: list[str]) -> str:
    words = words[:_QUOTED_WORDS]
    while len(words) > 1 and (len(" ".join(words)) > _QUOTED_LETTERS or words[-1].lower() in _UNFIT_ENDS):
        words = words[:-1]
    quoted = " ".join(words)
    if any(quoted.count(first) != quoted.count(last) for first, last in ("()", "[]", "{}")):
        quoted = _BRACKET.split(quoted.lstrip("([{"), maxsplit=1)[0]
    return quoted[:_QUOTED_LETTERS].strip(" .:;,!?")
