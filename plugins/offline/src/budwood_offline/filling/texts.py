"""Choose a text of the context for a string property, by what the property is called."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from budwood_offline.asking import ask_question
from budwood_offline.filling.evidence import Found, evidence, formatted, labelled, near, speaks_of
from budwood_offline.filling.schemas import Schema, number_of
from budwood_offline.filling.validity import is_valid
from budwood_offline.prose import plain
from budwood_offline.ranking import best_sentences, candidates
from budwood_offline.terms import name_terms, terms

_QUESTIONS: Final = frozenset(name_terms("question query prompt"))
_STATEMENTS: Final = frozenset(
    name_terms(
        "answer response reply completion output summary abstract description explanation text content quote evidence "
        "excerpt snippet reason rationale reasoning detail body note sentence statement fact claim definition passage "
        "context finding point message comment paragraph"
    )
)
_TITLES: Final = frozenset(name_terms("title heading headline topic subject theme keyword tag concept phrase"))
_PLACES: Final = frozenset(
    name_terms("city country place location town state region address capital birthplace destination origin home")
)
_NAMES: Final = _PLACES | frozenset(
    name_terms(
        "name person author character speaker founder owner employee customer company organisation organization "
        "employer brand publisher product surname firstname lastname fullname"
    )
)
_FORMS: Final = {"email": "email", "mail": "email", "url": "uri", "link": "uri", "websit": "uri", "dat": "date"}
_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_FRAGMENT: Final = re.compile(r"[,;\n|]\s*")
_SHORT_CONTEXT: Final = 300


@dataclass(slots=True)
class Memory:
    """What has been taken from the context already, so that no two values are the same by accident."""

    context: str
    seed: int
    question: str = ""
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    used: set[object] = field(default_factory=set)

    @property
    def is_short(self) -> bool:
        """Whether the context is a form or a note, where what stands there is what is meant."""
        return len(self.context) <= _SHORT_CONTEXT

    def copy(self) -> Memory:
        """Copy the memory, to try something that may fail."""
        return Memory(self.context, self.seed, self.question, self.asked.copy(), self.said.copy(), self.used.copy())


@dataclass(frozen=True, slots=True)
class Property:
    """A property as the context may speak of it: its name, and the terms of name and description."""

    name: str
    description: str = ""

    @property
    def parts(self) -> list[str]:
        """The words of the name: `postalCode` has `postal` and `Code`."""
        return [part for part in re.split(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", self.name) if part]

    @property
    def terms(self) -> list[str]:
        """The terms of the name."""
        return name_terms(self.name)

    @property
    def all_terms(self) -> list[str]:
        """The terms of name and description."""
        return [*self.terms, *terms(self.description)]

    def means(self, kind: Collection[str]) -> bool:
        """Tell whether the name's last word, or else another, is of a kind."""
        return any(term in kind for term in self.terms)


def is_question(name: str) -> bool:
    """Tell whether a property wants a question."""
    return Property(name).means(_QUESTIONS)


def find_text(schema: Schema, asked_for: Property, memory: Memory) -> str | None:
    """Find a text in the context that a string schema allows, and remember it as used; `None` where there is none."""
    for text in _proposals(schema, asked_for, memory):
        fitted = _fitted(text, schema)
        if fitted and fitted not in memory.used and is_valid(fitted, {**schema, "type": "string"}, {}):
            memory.used.add(fitted)
            _remember(text, asked_for, memory)
            return fitted
    return None


def _remember(text: str, asked_for: Property, memory: Memory) -> None:
    if asked_for.means(_QUESTIONS):
        memory.question = text
        memory.asked.append(text)
    else:
        memory.said.extend(item.text for item in candidates(memory.context) if item.text in text)


def _proposals(schema: Schema, asked_for: Property, memory: Memory) -> Iterator[str]:
    context, pattern, form = memory.context, schema.get("pattern"), schema.get("format")
    form = form if isinstance(form, str) else next((_FORMS[term] for term in asked_for.terms if term in _FORMS), None)
    if isinstance(pattern, str):
        yield from _matching(pattern, context)
    elif form is not None:
        yield from formatted(form, context)
    if isinstance(schema.get("format"), str):
        return
    yield from labelled(asked_for.parts, context)
    if form is not None:  # whatever else stands there, it is no address
        return
    if asked_for.means(_QUESTIONS):
        yield from _questions(memory)
    elif asked_for.means(_STATEMENTS):
        yield from _statements(asked_for, memory, int(number_of(schema, "minLength") or 0))
    elif asked_for.means(_TITLES):
        yield from _titles(memory)
    elif asked_for.means(_NAMES):
        yield from _names(asked_for, memory)
    else:
        yield from _others(asked_for, memory)


def _matching(pattern: str, context: str) -> Iterator[str]:
    try:
        loose = re.compile(pattern.removeprefix("^").removesuffix("$"))
    except re.error:
        return
    yield from (match[0] for match in loose.finditer(context))


def _questions(memory: Memory) -> Iterator[str]:
    question = ask_question(memory.context, seed=memory.seed, asked=memory.asked, said=memory.said)
    if question is not None:
        yield question.text


def _statements(asked_for: Property, memory: Memory, least: int) -> Iterator[str]:
    question = memory.question or asked_for.description
    for limit in (2, 4, 8, 16) if least else (2,):
        yield " ".join(best_sentences(question, memory.context, limit=limit, exclude=memory.said))


def _titles(memory: Memory) -> Iterator[str]:
    yield from _HEADING.findall(memory.context)
    found = evidence(memory.context)
    yield from (str(name.value) for name in found.names if " " in str(name.value))
    yield from (str(name.value) for name in found.names)
    yield from (plain(item.text).rstrip(".") for item in candidates(memory.context))


def _names(asked_for: Property, memory: Memory) -> Iterator[str]:
    found = evidence(memory.context)
    close = near(found.names, asked_for.terms, found)
    if asked_for.means(_PLACES):
        rest = sorted(found.names, key=lambda name: (not name.placed, -name.start if memory.is_short else name.start))
    else:
        rest = sorted(found.names, key=lambda name: (name.placed, name.start))
    for name in [*close, *rest]:
        yield _part_of(name, asked_for)


def _part_of(name: Found, asked_for: Property) -> str:
    words, parts = str(name.value).split(), {part.lower() for part in asked_for.parts}
    if len(words) > 1 and parts & {"first", "given", "firstname"}:
        return words[0]
    if len(words) > 1 and parts & {"last", "family", "surname", "lastname"}:
        return words[-1]
    return " ".join(words)


def _others(asked_for: Property, memory: Memory) -> Iterator[str]:
    found = evidence(memory.context)
    if memory.is_short:
        yield from (str(name.value) for name in near(found.names, asked_for.all_terms, found))
    yield from speaks_of(" ".join((*asked_for.parts, asked_for.description)), memory.context)
    if memory.is_short:
        yield from (str(name.value) for name in found.names)
        yield from (part.strip(" .!?\"'") for part in _FRAGMENT.split(memory.context))


def _fitted(text: str, schema: Schema) -> str:
    """Cut a text at a word to the length that a schema allows."""
    most = number_of(schema, "maxLength")
    text = text.strip()
    if most is None or len(text) <= most:
        return text
    cut = text[: int(most) + 1].rpartition(" ")[0].rstrip(" ,;:")
    return cut or text[: int(most)].strip()
