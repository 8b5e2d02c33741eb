"""
Find the phrases that a sentence is about, and ask about them.

The fall-back for every sentence whose grammar gives no better question: code, names, and nouns that an article or a
preposition announces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from budwood_offline.asking.casing import Casing
from budwood_offline.asking.clauses import TOKEN, looks_plural
from budwood_offline.words import (
    ADVERBS,
    AMBIGUOUS,
    AUXILIARIES,
    DETERMINERS,
    NUMBERS,
    PAST,
    PREPOSITIONS,
    PRONOUNS,
    STOP_WORDS,
    THIRD_PERSON,
    VERBS,
    third_person,
)

_TEMPLATES: Final = (
    "what does the text say about {0}",
    "what does the passage tell us about {0}",
    "what should I know about {0}",
    "can you tell me more about {0}",
    "what is the role of {0}",
    "what role {do} {0} play here",
    "what is worth knowing about {0}",
    "can you explain the part about {0}",
    "what do we learn about {0}",
    "what is said about {0}",
    "what information is there on {0}",
    "could you sum up what is said about {0}",
    "what point does the text make about {0}",
    "what does one need to know about {0}",
)
_CODE_TEMPLATES: Final = (
    "what is {0} for",
    "how is {0} used here",
    "what does the text say about {0}",
    "what should I know about {0}",
    "where does {0} come in",
    "can you explain {0}",
)
_PAIR_TEMPLATES: Final = (
    "how is {0} related to {1}",
    "what connects {0} with {1}",
    "what does the text say about {0} and {1}",
    "what have {0} and {1} to do with each other",
    "what is the connection between {0} and {1}",
    "can you explain how {0} and {1} go together",
)
_VAGUE: Final = frozenset(
    "same other own new old whole first last next best worst good bad only right wrong different single such main full "
    "empty least most more less rest way ways thing things case cases time times fact sort kind kinds lot bit example "
    "instance order end part parts place point side one ones default turn vain hand short long general particular "
    "practice theory mind addition contrast effect advance detail total favour spite terms charge need thought "
    "everyone fixed large small little great high low open free sure able second third half words word others "
    "length course account means result results reason moment beginning public private look cause bunch piece pair "
    "number set rather day days night nights week weeks month months year years hour hours minute minutes second "
    "seconds century centuries decade decades".split()
)
_STARTING: Final = frozenset('.:?!"')
_REFERENCE: Final = re.compile(r"\s\[[^\[\]]{0,200}\]")
_REFERENCES: Final = frozenset("Chapter Figure Listing Table Section Appendix Part Page Note Example Step".split())
_NO_NOUN: Final = ("able", "ible", "ous", "less", "ful", "ly", "ing", "est", "'s", "\u2019s")
_OPENERS: Final = DETERMINERS - {"that", "no", "all", "both", "some", "any", "many", "few", "most", "several", "one"}
_SINGULAR: Final = frozenset("a an each every this".split())
_QUIET: Final = PREPOSITIONS - {"as", "like", "than", "to", "since", "because", "except"}
_AFTER_VERBS: Final = frozenset("at if when until once without".split())
_LONGEST: Final = 3
_LONGEST_CODE: Final = 40
_MOST: Final = 6
_ENOUGH: Final = 2
_ARTICLES: Final = ("the ", "a ", "an ")
_UNITS: Final = frozenset("KB MB GB TB KiB MiB GiB".split())
# "INCLUDES" is stress, "OpenAI-shaped" an adjective; neither is a name.
_SHOUTED: Final = re.compile(r"[A-Z]{6,}|[A-Z]+(?:-[A-Z]+)+")
_ADJECTIVAL: Final = re.compile(r"-[a-z]+$")
_POSSESSIVE: Final = ("'s", "\u2019s")
_VERSION: Final = re.compile(r"\d{1,2}|\d+(?:\.\d+)+")


def phrase_questions(phrases: Sequence[str]) -> Iterator[str]:
    """Ask about each phrase, and about neighbouring phrases together."""
    for phrase in phrases:
        templates = _CODE_TEMPLATES if phrase.startswith("`") else _TEMPLATES
        plural = looks_plural(phrase.split(" ")[-1].lower())
        words = {"do": "do", "be": "are"} if plural else {"do": "does", "be": "is"}
        for template in templates:
            yield template.format(phrase, **words)
    for first, second in pairwise(phrases):
        for template in _PAIR_TEMPLATES:
            if not (template.startswith("how is") and looks_plural(first)):
                yield template.format(first, second)


def key_phrases(sentence: str, casing: Casing) -> list[str]:
    """List the phrases of a sentence without markup that a question can be about, in order."""
    tokens = TOKEN.findall(_REFERENCE.sub("", sentence))
    found: dict[str, None] = {}
    place = 0
    while place < len(tokens):
        phrase, place = _phrase_at(tokens, place, casing)
        if phrase and not any(phrase in longer or longer in phrase for longer in found):
            found[phrase] = None
    special = [phrase for phrase in found if _is_special(phrase)]
    return special[:_MOST] if len(special) >= _ENOUGH else list(found)[:_MOST]


def _is_special(phrase: str) -> bool:
    """Tell a phrase that says what it is about from a bare noun: "the code"."""
    return not phrase.islower() or phrase.startswith("`") or len(phrase.split()) > 1 + phrase.startswith(_ARTICLES)


def _phrase_at(tokens: list[str], place: int, casing: Casing) -> tuple[str, int]:
    token, low = tokens[place], tokens[place].lower()
    if token.startswith(("`", "\u201c")):
        return (token if _is_name(token) else ""), place + 1
    if low in _OPENERS:
        run = _run(tokens, place + 1)
        if low in _SINGULAR and run and looks_plural(run[-1]):
            run = run[:-1] if _is_noun(run[:-1]) else []
        article = low if low in {"a", "an", "the"} else "the"
        return (f"{article} {' '.join(run)}" if run else ""), place + 1 + len(run)
    if low in _QUIET and place + 1 < len(tokens):
        run = _run(tokens, place + 1)
        return (" ".join(run) if _stands_alone(run) else ""), place + 1 + len(run)
    if place and tokens[place - 1] not in _STARTING and _is_proper(token, casing):
        run = _proper_run(tokens, place)
        return (" ".join(run) if len(run) <= _LONGEST else ""), place + len(run)
    return "", place + 1


def _is_name(code: str) -> bool:
    return len(code) <= _LONGEST_CODE and sum(letter.isalpha() for letter in code) >= 2


def _is_proper(token: str, casing: Casing) -> bool:
    return _is_capital(token) and token not in _REFERENCES and token.lower() not in casing.lower


def _is_capital(token: str) -> bool:
    if not token[0].isupper() or len(token) < 2 or token.lower() in STOP_WORDS or token in _UNITS:
        return False
    return not _SHOUTED.fullmatch(token) and not _ADJECTIVAL.search(token) and not token.endswith(_POSSESSIVE)


def _proper_run(tokens: list[str], place: int) -> list[str]:
    end = place + 1
    while end < len(tokens) and (_is_capital(tokens[end]) or _VERSION.fullmatch(tokens[end])):
        end += 1
    return tokens[place:end]


def _run(tokens: list[str], start: int) -> list[str]:
    """Take the noun phrase that begins at `start`; empty where its end is in doubt."""
    end = start
    while end < len(tokens) and _is_content(tokens[end], first=end == start):
        end += 1
        if looks_plural(
            tokens[end - 1].lower()
        ):  # what follows may be a verb, or a clause: "the formats trainers read"
            break
    run = tokens[start:end]
    if end < len(tokens) and _follows_verb(tokens[end].lower(), run):
        run = run[:-1]
    return run if 0 < len(run) <= _LONGEST and _is_noun(run) else []


def _follows_verb(word: str, run: list[str]) -> bool:
    """Tell whether what follows a run shows that its last word was a verb: "the caller gets | the"."""
    if word in DETERMINERS or word in PRONOUNS:
        return True
    return (
        bool(run)
        and run[-1].lower() in THIRD_PERSON
        and (word in ADVERBS or word in NUMBERS or word in _AFTER_VERBS or word.isdigit())
    )


def _is_content(token: str, *, first: bool) -> bool:
    low = token.lower()
    if "'" in low or "\u2019" in low:
        return low.endswith(("'s", "\u2019s")) and low[:-2] not in PRONOUNS
    if not token[0].isalpha() or low in STOP_WORDS or low in ADVERBS or low in NUMBERS or low.endswith("ly"):
        return False
    if low in THIRD_PERSON and low not in AMBIGUOUS:
        return False
    return first or not (low.endswith("ed") or low in PAST)


def _is_noun(run: list[str]) -> bool:
    if not run:
        return False
    last = run[-1].lower()
    if last in _VAGUE or last.endswith(_NO_NOUN) or len(last) < 3:
        return False
    if (len(run) == 1 and last.endswith("ed")) or last.rpartition("-")[2] in ADVERBS | PREPOSITIONS:
        return False
    return len(run) == 1 or last not in VERBS or third_person(last) in AMBIGUOUS


def _stands_alone(run: list[str]) -> bool:
    if not run or run[0] in _REFERENCES or run[0].lower() in VERBS or run[0].lower().endswith("ing"):
        return False
    return len(run) > 1 or looks_plural(run[0].lower()) or run[0][0].isupper()


def is_about_something(phrase: str) -> bool:
    """Tell whether a clause's subject can stand in a question as a phrase."""
    words = phrase.lower().split()
    return len(words) <= 5 and not any(word in AUXILIARIES or word in PRONOUNS for word in words)
