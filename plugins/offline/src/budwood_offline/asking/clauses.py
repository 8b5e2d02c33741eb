"""
Find the subject and the verb at the beginning of a sentence.

No grammar of English: a noun phrase of a few words in front of a verb that the lexicon knows. Where that does not hold
beyond doubt there is no clause, and the sentence is asked about by its phrases instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from budwood_offline.asking.casing import Casing
from budwood_offline.words import (
    ADVERBS,
    AMBIGUOUS,
    ARTICLES,
    AUXILIARIES,
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    MODALS,
    NUMBERS,
    PAST,
    PREPOSITIONS,
    PRONOUNS,
    THIRD_PERSON,
    VERBS,
    is_participle,
)

Kind = Literal["be", "modal", "verb", "past"]

TOKEN: Final = re.compile(
    r"`[^`]+`|\u201c[^\u201c\u201d]{2,40}\u201d|\d{1,3}(?:,\d{3})+\b|[^\W_][\w'\u2019@/+-]*(?:\.\w[\w'\u2019@/+-]*)*|\S"
)
_OPENING: Final = re.compile(
    r"(?:(?:however|therefore|thus|hence|so|but|and|also|then|finally|still|besides|moreover|meanwhile|first|second),?"
    r"|(?:in|on|at|for|with|without|inside|outside|by|from|under|after|before|during|since|until|to|within)\b"
    r"[^,;:()]{3,60},)\s+",
    re.IGNORECASE,
)
_CLAUSE_END: Final = re.compile(
    r"\s*(?:,(?!\d{3}\b)|[;:()?!]|\s[\u2013\u2014-]+\s"
    r"|\s(?:because|so that|which|whereas|while|unless|if|when|once|until|and|but)\s"
    r"|\.$|\.\s)"
)
_LONGEST_SUBJECT: Final = 8
_PLURAL_OPENERS: Final = frozenset("both all many few several most these those two three four five six".split())
_UNFIT_OPENERS: Final = frozenset("and or no not its their his her our my".split())
_NEGATIONS: Final = frozenset({"not", "never"})


@dataclass(frozen=True, slots=True)
class Clause:
    """
    Hold the parts of "The cache never | keeps | its keys": subject, verb, negation, rest.

    `verb` is as written, `base` its infinitive; `rest` ends where the clause does.
    """

    subject: str
    verb: str
    base: str
    kind: Kind
    plural: bool
    negation: str
    rest: str

    @property
    def do(self) -> str:
        """The auxiliary that a question about this clause begins with."""
        if self.kind in ("be", "modal"):
            return "can" if self.verb == "cannot" else self.verb
        if self.kind == "past":
            return "did"
        return "do" if self.plural else "does"

    @property
    def predicate(self) -> str:
        """What follows the subject in a question that opens with `do`: negation, infinitive, rest."""
        infinitive = "" if self.kind in ("be", "modal") else self.base
        return " ".join(part for part in (self.negation, infinitive, self.rest) if part)


def parse_clause(text: str, casing: Casing) -> Clause | None:
    """Parse the first clause of a sentence without markup; `None` where subject and verb are not beyond doubt."""
    opening = _OPENING.match(text)
    body = text[opening.end() :] if opening else text
    tokens = list(TOKEN.finditer(body))
    words = [token[0].lower() for token in tokens]
    place = _find_verb(words, [token[0] for token in tokens])
    if place is None:
        return None
    start = _without_adverbs(words, place)
    if not _is_noun_phrase(words[:start]):
        return None
    negation, rest_at = _skip_adverbs(words, place + 1, words[start:place])
    subject = casing.lowered(body[: tokens[start - 1].end()])
    rest = _clause_rest(body[tokens[rest_at].start() :]) if rest_at < len(tokens) else ""
    return _clause(subject, words[place], words[:start], negation, rest)


def _clause(subject: str, verb: str, subject_words: list[str], negation: str, rest: str) -> Clause | None:
    if verb == "cannot":
        negation = "not"
    kind, base = _kind(verb)
    if base == "have" and is_participle(rest.split(" ", 1)[0]):
        return None
    plural = verb in {"are", "were"} or (kind != "be" and _is_plural(subject_words) and verb not in THIRD_PERSON)
    return Clause(subject, verb, base, kind, plural, negation, rest)


def _kind(verb: str) -> tuple[Kind, str]:
    if verb in BE:
        return "be", "be"
    if verb in MODALS or verb in {"do", "does", "did"}:
        return "modal", verb
    if verb in THIRD_PERSON:
        return "verb", THIRD_PERSON[verb]
    return ("past", PAST[verb]) if verb in PAST and verb not in VERBS else ("verb", verb)


def _find_verb(words: list[str], originals: list[str]) -> int | None:
    for place, word in enumerate(words[: _LONGEST_SUBJECT + 2]):
        follower = words[place + 1] if place + 1 < len(words) else ""
        if place and (word in BE or word in MODALS):
            return place
        if place and word in {"do", "does", "did"} and follower in _NEGATIONS:
            return place
        if (
            place
            and follower not in AUXILIARIES
            and _is_finite(word, words[place - 1], follower, originals[place + 1 :])
        ):
            return place
    return None


def _is_finite(word: str, before: str, follower: str, after: list[str]) -> bool:
    object_follows = follower in DETERMINERS or follower.startswith("`") or follower in NUMBERS or follower.isdigit()
    if word in THIRD_PERSON:
        return object_follows or (word not in AMBIGUOUS and (bool(after) and follower not in {",", "and", "or"}))
    if word in PAST and word not in VERBS:
        return object_follows
    if word in VERBS and before.endswith("s") and not before.endswith(("ss", "us", "is")):
        return object_follows or follower in PREPOSITIONS or follower in {"only", "never", "no"}
    return False


def _without_adverbs(words: list[str], end: int) -> int:
    while end > 1 and (words[end - 1] in ADVERBS or words[end - 1] in _NEGATIONS or words[end - 1].endswith("ly")):
        end -= 1
    return end


def _skip_adverbs(words: list[str], place: int, before: list[str]) -> tuple[str, int]:
    negation = next((word for word in before if word in _NEGATIONS), "")
    while place < len(words) and (words[place] in _NEGATIONS or words[place] in {"also", "then", "therefore", "thus"}):
        negation = words[place] if words[place] in _NEGATIONS else negation
        place += 1
    return negation, place


def _is_noun_phrase(words: list[str]) -> bool:
    if not 0 < len(words) <= _LONGEST_SUBJECT:
        return False
    if not all(word.startswith("`") or word[0].isalnum() for word in words):
        return False
    forbidden = PRONOUNS | AUXILIARIES | ADVERBS | (CONJUNCTIONS - {"and", "or"})
    if words[0] in PREPOSITIONS or words[0] in _UNFIT_OPENERS or any(_is_contraction(word) for word in words):
        return False
    inner = words[1:] if words[0] in DETERMINERS and words[0] not in {"this", "these", "those", "that"} else words
    if (
        not inner
        or (len(words) == 1 and is_participle(words[0]))
        or any(word in forbidden or word.endswith("ly") for word in inner)
    ):
        return False
    if any(word in ARTICLES and before not in PREPOSITIONS | {"and", "or"} for before, word in pairwise(words)):
        return False
    return words[-1] not in PREPOSITIONS and words[-1] not in DETERMINERS and not _has_verb(words)


def _is_contraction(word: str) -> bool:
    """Tell "we're" and "let's" from a possessive."""
    root = re.split("['\u2019]", word)[0]
    return root != word and (root in PRONOUNS or root in {"let", "who", "how"})


def _has_verb(words: list[str]) -> bool:
    return any(word in THIRD_PERSON and word not in AMBIGUOUS for word in words[1:])


def _is_plural(words: list[str]) -> bool:
    if words[0] in _PLURAL_OPENERS or "and" in words:
        return True
    head = next((place for place, word in enumerate(words) if place and word in PREPOSITIONS), len(words))
    return looks_plural(words[head - 1])


def looks_plural(word: str) -> bool:
    """Tell whether a noun reads as a plural."""
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")) and len(word) > 3


def _clause_rest(text: str) -> str:
    end = _CLAUSE_END.search(text + " ")
    rest = text[: end.start()] if end else text
    return rest.strip().rstrip(".")
