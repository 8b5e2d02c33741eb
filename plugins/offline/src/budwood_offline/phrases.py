"""Extract the topics of a sentence: identifiers, names, and nouns after a determiner or a preposition."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from budwood_offline.terms import is_plural
from budwood_offline.words import DETERMINERS, PREPOSITIONS, STOP_WORDS, VAGUE_NOUNS, VERBS

_TOKEN: Final = re.compile(r"`[^`]+`|[\w@/+-]+(?:['\u2019.][\w@/+-]+)*|\S")
_IDENTIFIER: Final = re.compile(
    r"`[^`]{2,40}`|(?=[\w.]*[a-zA-Z])\w{2,40}(?:[._]\w{2,40}){1,4}|\w{0,40}[a-z][A-Z]\w{1,40}"
)
_ARTICLE: Final = re.compile(r"^(?:an?|the) ")
_SENTENCE_STARTS: Final = frozenset('.:?!"\u201c(')
_NOUN_OPENERS: Final = DETERMINERS - frozenset("that no all both some any many few most several one".split())
_NON_NOUN_ENDINGS: Final = ("able", "ible", "ous", "less", "ful", "ing", "ed", "est", "'s", "\u2019s")
_NON_NOUNS: Final = STOP_WORDS | VERBS.keys()
_NOUNS_IN_LY: Final = frozenset("assembly family reply supply".split())
_SINGULAR: Final = frozenset("a an each every this another".split())
_OBJECT_OPENERS: Final = DETERMINERS | frozenset("it they we you i he she him them us".split())
_MAX_WORDS: Final = 3
_MAX_PHRASES: Final = 6
_MIN_SPECIFIC_PHRASES: Final = 2


def tokenise(sentence: str) -> list[str]:
    """Split a sentence without markup into words, code and punctuation marks."""
    return _TOKEN.findall(sentence)


@lru_cache(maxsize=4096)
def extract_phrases(sentence: str) -> tuple[str, ...]:
    """Return the phrases of a sentence without markup, in order; single nouns only if there are few others."""
    tokens = tokenise(sentence)
    phrases: list[str] = []
    index = 0
    while index < len(tokens):
        phrase, index = _read_phrase(tokens, index)
        if phrase and not any(phrase in other or other in phrase for other in phrases):
            phrases.append(phrase)
    specific = [phrase for phrase in phrases if not phrase.islower() or " " in _ARTICLE.sub("", phrase)]
    return tuple((specific if len(specific) >= _MIN_SPECIFIC_PHRASES else phrases)[:_MAX_PHRASES])


def is_identifier(phrase: str) -> bool:
    """Return whether a phrase is code: in backticks, or with a dot, an underscore or a capital inside."""
    return _IDENTIFIER.fullmatch(phrase) is not None


def read_noun(tokens: list[str], start: int) -> list[str]:
    """Return the words of the noun phrase that starts at an index; empty if its end is uncertain."""
    end = start
    while end < len(tokens) and _is_noun_part(tokens[end]) and not (end > start and is_plural(tokens[end - 1].lower())):
        end += 1
    # A determiner or a pronoun follows a verb: "the caller gets | the".
    is_verb_last = end < len(tokens) and tokens[end].lower() in _OBJECT_OPENERS
    words = tokens[start : end - 1 if is_verb_last else end]
    return words if 0 < len(words) <= _MAX_WORDS and _is_noun(words[-1].lower()) else []


def _read_phrase(tokens: list[str], index: int) -> tuple[str, int]:
    token, lowered = tokens[index], tokens[index].lower()
    if is_identifier(token) and lowered not in STOP_WORDS:
        return token, index + 1
    if lowered in _NOUN_OPENERS or lowered in PREPOSITIONS:
        words = read_noun(tokens, index + 1)
        end = index + 1 + len(words)
        if lowered in PREPOSITIONS:
            return (" ".join(words) if len(words) > 1 or is_plural("".join(words)) else ""), end
        if lowered in _SINGULAR and words and is_plural(words[-1].lower()):
            words = words[:-1] if _is_noun("".join(words[-2:-1]).lower()) else []
        article = lowered if lowered in {"a", "an", "the"} else "the"
        return (" ".join([article, *words]) if words else ""), end
    end = index
    while end < len(tokens) and _is_name(tokens[end]):
        end += 1
    is_inside = index > 0 and tokens[index - 1] not in _SENTENCE_STARTS
    return (" ".join(tokens[index:end]) if is_inside and end - index <= _MAX_WORDS else ""), max(end, index + 1)


def _is_name(token: str) -> bool:
    return token[0].isupper() and token[1:].replace("-", "").isalnum() and token.lower() not in STOP_WORDS


def _is_noun_part(token: str) -> bool:
    lowered = token.lower()
    return (
        lowered[0].isalpha() and lowered not in _NON_NOUNS and (not lowered.endswith("ly") or lowered in _NOUNS_IN_LY)
    )


def _is_noun(word: str) -> bool:
    return len(word) > 2 and word not in VAGUE_NOUNS and not word.endswith(_NON_NOUN_ENDINGS)
