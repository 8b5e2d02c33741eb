"""Read a conversation: find the text to work from, the request, and earlier questions and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from budwood_offline.ranking import build_index
from budwood_offline.sentences import normalise, split_sentences, strip_markers
from budwood_offline.terms import extract_terms

_TAGS: Final = "passage|context|document|article|text|file"
_OPENING_TAG: Final = re.compile(rf"<({_TAGS})(?:\s[^<>]*)?>", re.IGNORECASE)
_CLOSING_TAG: Final = re.compile(rf"</({_TAGS})>", re.IGNORECASE)
_TAG_BOUNDARY: Final = re.compile(rf"</(?:{_TAGS})>\s*<(?:{_TAGS})(?:\s[^<>]*)?>", re.IGNORECASE)
_QUESTION_REQUEST: Final = re.compile(
    r"^\W*(?:(?:please|now|then|you|must|should|will|always|only|just|your|task|job|is|to)\s+){0,5}"
    r"(?:ask|write|pose|generate|formulate|create|suggest|give)\b"
    r"(?:\s+(?!(?:answers?|to|with|from|based|about)\b)[\w'\u2019-]+){0,8}?\s+questions?\b",
    re.IGNORECASE,
)
_INSTRUCTION: Final = re.compile(
    r"^\W*(?:you(?:['\u2019]re)?|be|answer|reply|respond|use|do not|don['\u2019]t|never|always|write|speak|act|please"
    r"|keep|only|think|explain|return|give|ask|follow|make|summari[sz]e|extract|list|tell|describe|state|fill"
    r"|translate|find|show|name|read|your (?:task|job|role))\b(?!\s*:)",
    re.IGNORECASE,
)
_SPEAKER: Final = re.compile(r"^(?:.*\s)?(?:user|assistant|human|question|already asked)\s*:\s*", re.IGNORECASE)
_QUOTES: Final = "\"'\u201c\u201d\u2018\u2019 "


@dataclass(frozen=True, slots=True)
class Task:
    """
    What the last user message of a conversation asks for.

    Attributes:
        kind: "ask" to ask a question about the context, "answer" to answer one from it.
        question: The question to answer, or the request to ask one.
        context: The text to work from; empty if the conversation has none that is related to the question.
        material: The text to fill a schema from: the context, or all messages of users and tools.
        said: Sentences of the context that were said before.
        asked: Questions not to ask again.
    """

    kind: Literal["ask", "answer"]
    question: str
    context: str
    material: str
    shown: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


def read_conversation(turns: Sequence[tuple[str, str]]) -> Task:
    """Read a conversation of (role, text) turns. Roles are "system", "user", "assistant" and "tool"."""
    parts = [("", text) if role == "assistant" else split_marked(text) for role, text in turns or [("user", "")]]
    roles = [role for role, _ in turns] or ["user"]
    rest = [text for _, text in parts]
    last = max((index for index, role in enumerate(roles) if role == "user"), default=-1)
    request = rest[last]
    passage = parts[last][0] or _join(dict.fromkeys(marked for marked, _ in parts))
    inputs = [text for role, text in zip(roles, rest, strict=True) if role in {"user", "tool"}]
    answers = [text for role, text in zip(roles, rest, strict=True) if role == "assistant"]
    instructions = [text for role, text in zip(roles, rest, strict=True) if role == "system"]
    if is_question_request(request) or (not list_questions(request) and any(map(is_question_request, instructions))):
        context = passage or _join(map(_select_statements, inputs))
        questions = tuple(dict.fromkeys(question for text in rest for question in list_questions(text)))
        return Task(
            "ask",
            normalise(request),
            context,
            context,
            _find_used_sentences(rest if passage else answers, context),
            questions,
        )
    question = " ".join(list_questions(request)) or normalise(request)
    context = passage or _find_context(
        question, request, [*instructions, *(text for text in inputs if text != request)]
    )
    material = passage or _join(map(_drop_instructions, inputs)) or _join(inputs)
    return Task("answer", question, context, material, _find_used_sentences(answers, context))


def split_marked(text: str) -> tuple[str, str]:
    """Split a message into the text between tags such as `<passage>`, up to the last closing tag, and the rest."""
    ends = {closing[1].lower(): closing.span() for closing in _CLOSING_TAG.finditer(text)}
    marked: list[str] = []
    rest: list[str] = []
    place = 0
    for opening in _OPENING_TAG.finditer(text):
        start, end = ends.get(opening[1].lower(), (-1, -1))
        if place <= opening.start() and opening.end() <= start:
            rest.append(text[place : opening.start()])
            marked.append(_TAG_BOUNDARY.sub("\n\n", text[opening.end() : start]).strip())
            place = end
    return _join(marked), "\n".join([*rest, text[place:]]).strip()


def is_question_request(text: str) -> bool:
    """Return whether a text requests a question."""
    return any(_QUESTION_REQUEST.match(sentence) for sentence in split_sentences(text))


def list_questions(text: str) -> list[str]:
    """Return the sentences of a text that end with a question mark, without list markers, speakers and quotes."""
    sentences = (_SPEAKER.sub("", strip_markers(sentence)).strip(_QUOTES) for sentence in split_sentences(text))
    return [sentence for sentence in sentences if sentence.endswith(("?", "\uff1f", "\u061f"))]


def _find_context(question: str, request: str, others: Iterable[str]) -> str:
    """Return the statements beside the question, or those of other turns that share a term with the question."""
    statements = _select_statements(request)
    if statements and normalise(statements) != question:
        return statements
    context = _join(map(_select_statements, others))
    known = build_index(context).frequencies
    return context if any(term in known for term in extract_terms(question)) else ""


def _select_statements(text: str) -> str:
    """Remove questions and instructions; of "Answer from this: …" and similar, keep the text after the colon."""
    lead, _, following = text.partition(":")
    if following.strip() and "\n" not in lead.strip() and _INSTRUCTION.match(lead):
        text = following
    sentences = (sentence for sentence in split_sentences(text) if not _INSTRUCTION.match(sentence))
    return "\n".join(sentence for sentence in sentences if not sentence.endswith("?"))


def _drop_instructions(text: str) -> str:
    """Remove paragraphs without a statement."""
    return _join(paragraph for paragraph in text.split("\n\n") if _select_statements(paragraph))


def _find_used_sentences(texts: Iterable[str], context: str) -> tuple[str, ...]:
    text = normalise(" ".join(texts))
    return tuple(sentence.text for sentence in build_index(context).sentences if sentence.text in text) if text else ()


def _join(texts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, texts))
