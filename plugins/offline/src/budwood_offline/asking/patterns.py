"""
Write questions that follow the grammar of one sentence: what it defines, demands, counts, and why and when.

Each function yields question texts without capital and question mark, best known first; an empty yield says that
the pattern does not fit. The sentences come without markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from budwood_offline.asking.casing import Casing
from budwood_offline.asking.clauses import TOKEN, Clause, looks_plural, parse_clause
from budwood_offline.words import (
    ARTICLES,
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    NUMBERS,
    PHRASAL,
    PREPOSITIONS,
    PRONOUNS,
    THIRD_PERSON,
    VERBS,
    is_participle,
    third_person,
)

_BECAUSE: Final = re.compile(r"^(?P<main>.+?),? because (?P<cause>.+)$")
_PURPOSE: Final = re.compile(r"^(?P<main>.+?),? (?:so that|in order to|in order that) (?P<cause>.+)$")
_OPENING_CONDITION: Final = re.compile(
    r"^(?P<word>if|when|once|unless|as soon as|whenever|after|until|while) (?P<condition>[^,;:]+), (?P<main>.+)$",
    re.IGNORECASE,
)
_CLOSING_CONDITION: Final = re.compile(
    r"^(?P<main>[^;:]+?),? (?P<word>if|when|once|unless|as soon as|whenever|after|until) "
    r"(?P<condition>[^,;:()]+?)[.,;:]?$"
)
_THERE: Final = re.compile(r"^there (?P<be>is|are|was|were) (?P<count>\w+) (?P<rest>[^,;:()]+?)[.,;:]?$", re.IGNORECASE)
_UNITS: Final = re.compile(r"(?:milli|micro)?seconds?|[mµn]?s|minutes?|hours?|days?|weeks?|months?|years?")
_MANNER: Final = frozenset("by through via with".split())
_PLACE: Final = frozenset("in into under on at inside within from".split())
_PLACED: Final = frozenset(
    "kept stored written found saved placed held listed recorded shown put documented described located built grown "
    "born buried defined printed".split()
)
_DURATIONS: Final = frozenset({"take", "last", "wait", "live", "stay", "need"})
_MOST_ANSWERED: Final = 9
_YEAR: Final = re.compile(r"\b\d{4}$")
_RELATIVES: Final = frozenset("that which who whom whose where".split())
_PLAIN_WORD: Final = re.compile(r"`[^`]+`|[^\W\d_][\w'\u2019-]*|\d+", re.UNICODE)


def clause_questions(clause: Clause) -> Iterator[str]:
    """Ask about the one fact that a clause states."""
    if not clause.rest or _dangles(clause.rest):
        return
    if clause.kind == "be":
        yield from _being(clause)
    elif clause.kind == "modal":
        yield from _obligation(clause)
    else:
        yield from _action(clause)


def reason_questions(sentence: str, casing: Casing) -> Iterator[str]:
    """Ask why, of a sentence that gives a cause or a purpose."""
    for pattern in (_BECAUSE, _PURPOSE):
        match = pattern.match(sentence)
        main = _last_part(match["main"]) if match else ""
        clause = parse_clause(main, casing) if main and not _is_anaphoric(main) else None
        if clause is not None and clause.rest and not _dangles(main):
            yield f"why {clause.do} {clause.subject} {clause.predicate}"
            yield f"for what reason {clause.do} {clause.subject} {clause.predicate}"
            yield f"can you explain why {casing.lowered(main)}"
            yield f"what is the reason that {casing.lowered(main)}"
            yield f"why is it that {casing.lowered(main)}"


def condition_questions(sentence: str, casing: Casing) -> Iterator[str]:
    """Ask what happens if, and when something happens, of a sentence with a condition."""
    match = _OPENING_CONDITION.match(sentence) or _CLOSING_CONDITION.match(sentence)
    if match is None:
        return
    word, condition = match["word"].lower(), match["condition"]
    if not _is_anaphoric(condition) and parse_clause(condition, casing) is not None:
        condition = casing.lowered(condition.rstrip("."))
        yield f"what happens {word} {condition}"
        yield f"what does the text say happens {word} {condition}"
        yield f"what is to be expected {word} {condition}"
        yield f"what follows {word} {condition}" if word != "unless" else f"what is the case unless {condition}"
    main = _last_part(match["main"])
    clause = None if _is_anaphoric(main) or _YEAR.search(main) else parse_clause(main, casing)
    if clause is not None and clause.rest and word != "unless":
        asking = "under what condition" if word == "if" else "when"
        yield f"{asking} {clause.do} {clause.subject} {clause.predicate}"
        yield f"can you tell me {asking} {casing.lowered(main.rstrip('.'))}"


def count_questions(sentence: str, clause: Clause | None) -> Iterator[str]:
    """Ask how many, how much or how long, of a sentence with a number."""
    match = _THERE.match(sentence)
    if match and _is_number(match["count"]) and (noun := _counted(match["rest"])):
        rest = match["rest"][len(noun) :]
        yield f"how many {noun} {match['be'].lower()} there{rest}"
        yield f"how many {noun} does the text count{rest}"
    if clause is None:
        return
    first, _, others = clause.subject.partition(" ")
    if _is_number(first) and others and clause.plural and not _is_anaphoric(clause.rest):
        written = clause.verb if clause.kind in ("be", "modal", "past") else clause.base
        yield f"how many {others} {' '.join(part for part in (written, clause.negation, clause.rest) if part)}"
    elif not clause.negation:
        yield from _counted_objects(clause)


def _counted_objects(clause: Clause) -> Iterator[str]:
    number, _, rest = clause.rest.partition(" ")
    if clause.kind in ("be", "modal") or not _is_number(number):
        return
    unit = rest.split(" ")[0]
    if _UNITS.fullmatch(unit) and clause.base in _DURATIONS:
        yield f"how long {clause.do} {clause.subject} {clause.base}"
    elif clause.base in {"cost", "weigh"}:
        yield f"how much {clause.do} {clause.subject} {clause.base}"
    elif noun := _counted(rest):
        yield f"how many {noun} {clause.do} {clause.subject} {clause.base}"


def _being(clause: Clause) -> Iterator[str]:
    be, subject, rest = clause.verb, clause.subject, clause.rest
    first = rest.split(" ")[0].lower()
    if first in {"a", "an", "the", "one", "any"} and not clause.negation:
        yield from _definition(clause)
    elif is_participle(first) or (first in {"only", "always"} and is_participle(_second(rest))):
        yield from _passive(clause)
    elif _is_short(rest):
        yield f"{be} {subject} {clause.negation.replace('never', 'ever').replace('not', '')} {rest}"
        yield f"what does the text say {subject} {be}"
        yield f"how would you describe {subject}"


def _definition(clause: Clause) -> Iterator[str]:
    be, subject, rest = clause.verb, clause.subject, clause.rest
    yield f"what {be} {subject}"
    yield f"what exactly {be} {subject}"
    yield f"can you explain what {subject} {be}"
    yield f"how does the text define {subject}"
    yield f"how would you describe {subject}"
    yield f"what is meant by {subject}"
    if be == "is" and _is_answerable(rest):
        yield f"what is {rest}"


def _passive(clause: Clause) -> Iterator[str]:
    be, subject, words = clause.verb, clause.subject, clause.rest.split(" ")
    words = words[1:] if words[0] in {"only", "always"} else words
    if clause.negation == "never" and not _is_anaphoric(clause.rest):
        yield f"{be} {subject} ever {' '.join(words)}"
    if not clause.negation:
        follower = words[1] if len(words) > 1 else ""
        if follower in _MANNER:
            yield f"how {be} {subject} {words[0]}"
            yield f"can you tell me how {subject} {be} {words[0]}"
        if follower in _PLACE and words[0] in _PLACED:
            yield f"where {be} {subject} {words[0]}"
            yield f"can you tell me where {subject} {be} {words[0]}"
    yield f"what happens to {subject}"
    yield f"what is done with {subject}"
    yield f"what does the text say happens to {subject}"


def _obligation(clause: Clause) -> Iterator[str]:
    modal, subject, rest, negation = clause.do, clause.subject, clause.rest, clause.negation
    if rest.startswith("be ") and is_participle(_second(rest)):
        yield f"what {modal} {negation} happen to {subject}"
        yield f"what {modal} {negation} be done with {subject}"
    else:
        yield f"what {modal} {subject} {negation} {'be' if rest.startswith('be ') else 'do'}"
        yield f"what does the text say {subject} {modal} {negation} {'be' if rest.startswith('be ') else 'do'}"
    if _is_short(rest) and modal in {"must", "can", "may", "should"}:
        yield f"{modal} {subject} {negation.replace('never', 'ever').replace('not', '')} {rest}"


def _action(clause: Clause) -> Iterator[str]:
    do, subject, base, rest = clause.do, clause.subject, clause.base, clause.rest
    first = rest.split(" ")[0]
    if PHRASAL.get(base) == first.lower():
        yield f"what {do} {subject} {clause.negation} {base} {first}"
        yield f"can you tell me what {subject} {clause.negation} {clause.verb} {first}"
    elif _opens_object(first) and not (_is_number(first) and _UNITS.fullmatch(_second(rest))):
        yield f"what {do} {subject} {clause.negation} {base}"
        yield f"what does the text say {subject} {clause.negation} {clause.verb}"
        yield f"can you tell me what {subject} {clause.negation} {clause.verb}"
        if _is_answerable(rest) and not clause.negation:
            asking = "who or what" if subject[0].isupper() else "what"
            yield f"{asking} {clause.verb if clause.kind == 'past' else third_person(base)} {rest}"


def _opens_object(first: str) -> bool:
    word = first.lower()
    if word in PRONOUNS and word not in {"nothing", "something", "everything"}:
        return word in {"this", "that", "these", "those"}
    if word in {"only", "no"} or word in DETERMINERS or _is_number(word):
        return True
    if word in PREPOSITIONS | CONJUNCTIONS | AUXILIARIES or word.endswith("ly"):
        return False
    return first.startswith("`") or first[:1].isupper() or looks_plural(word)


def _is_answerable(rest: str) -> bool:
    first, _, others = rest.partition(" ")
    return bool(others) and first.lower() in ARTICLES and _is_short(rest)


def _is_short(rest: str) -> bool:
    """Tell whether a question may repeat the rest of its clause: few plain words that point at nothing else."""
    words = rest.split()
    return len(words) <= _MOST_ANSWERED and all(map(_PLAIN_WORD.fullmatch, words)) and not _is_anaphoric(rest)


def _is_anaphoric(text: str) -> bool:
    """Tell whether a part of a sentence points at something outside it: "it", "them", "this is"."""
    words = [re.split("['\u2019]", token.lower())[0] for token in TOKEN.findall(text)]
    pointing = {
        "it",
        "they",
        "them",
        "he",
        "she",
        "him",
        "itself",
        "themselves",
        "there",
        "here",
        "such",
        "so",
        "we",
        "i",
    }
    return not words or any(word in pointing for word in words) or words[0] in {"this", "that", "these", "those"}


def _dangles(text: str) -> bool:
    """Tell whether a part of a sentence was cut too early: "waves that the moon", "the end of"."""
    words = text.lower().split()
    if words[-1] in PREPOSITIONS | CONJUNCTIONS | DETERMINERS | AUXILIARIES:
        return True
    relatives = [place for place, word in enumerate(words) if word in _RELATIVES]
    return bool(relatives) and not any(_is_verb(word) for word in words[relatives[-1] + 1 :])


def _is_verb(word: str) -> bool:
    return word in VERBS or word in THIRD_PERSON or word in AUXILIARIES or is_participle(word)


def _last_part(main: str) -> str:
    return re.split(r"[;:]\s|\s[\u2013\u2014]\s", main)[-1].strip()


def _second(text: str) -> str:
    return text.split(" ")[1].rstrip(",") if " " in text else ""


def _is_number(word: str) -> bool:
    return word.lower() in NUMBERS or bool(re.fullmatch(r"\d[\d,.]*", word))


def _counted(rest: str) -> str:
    """Take the plural noun, with its adjectives, that opens `rest`; empty where there is none."""
    words = rest.split(" ")
    for size in range(1, min(4, len(words)) + 1):
        word = words[size - 1].lower()
        if word in PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | DETERMINERS or not word.isalpha():
            return ""
        if looks_plural(word):
            return " ".join(words[:size])
    return ""
