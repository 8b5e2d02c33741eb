"""Decide what a conversation wants, from which text, and what was said of it before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from budwood_offline.ranking import candidates, shares_terms
from budwood_offline.reading.material import Parted, part
from budwood_offline.reading.request import asked_in, question_in, questions_in, statements_in, wants_question
from budwood_offline.sentences import normalise

NO_CONTEXT: Final = (
    "The offline provider only repeats what it is given, and this conversation holds no text to answer from."
)

Turn = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    """
    What a conversation wants.

    Attributes:
        kind: "ask" for a question about the context, "answer" for sentences of it.
        question: What is to be answered; for "ask", the request.
        context: The text to work from; empty where the conversation holds none that has to do with the question.
        material: What a schema is filled from: the context, or else all that users and tools have said.
        said: The context's sentences that earlier turns gave already.
        asked: The questions asked before.
    """

    kind: Literal["ask", "answer"]
    question: str
    context: str
    material: str
    said: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Heard:
    role: str
    parts: Parted


def understand(turns: Sequence[Turn]) -> Task:
    """
    Understand a conversation of (role, text) turns; roles are "system", "user", "assistant" and "tool".

    The last user turn decides, or the system's instructions where that turn neither requests nor asks anything.
    """
    heard = [_Heard(role, Parted("", text) if role == "assistant" else part(text)) for role, text in turns]
    last = max((place for place, turn in enumerate(heard) if turn.role == "user"), default=len(heard) - 1)
    request = heard[last].parts.rest if heard else ""
    given = _given(heard, last)
    if _is_asking(request, heard):
        return _asking(request, given, heard, last)
    return _answering(request, given, heard, last)


def _is_asking(request: str, heard: Iterable[_Heard]) -> bool:
    if wants_question(request):
        return True
    return not questions_in(request) and any(
        turn.role == "system" and wants_question(turn.parts.rest) for turn in heard
    )


def _given(heard: Sequence[_Heard], last: int) -> str:
    """Join the marked material: the last user turn's, or else that of all turns."""
    if heard and heard[last].parts.material:
        return heard[last].parts.material
    return "\n\n".join(dict.fromkeys(turn.parts.material for turn in heard if turn.parts.material))


def _asking(request: str, given: str, heard: Sequence[_Heard], last: int) -> Task:
    context = given or _joined(statements_in(turn.parts.rest) for turn in heard if turn.role in {"user", "tool"})
    earlier = [turn.parts.rest for turn in heard[:last] if turn.role != "system"]
    listed = [turn.parts.rest for turn in heard if turn.role == "system"] + [request]
    asked = [question for text in earlier for question in questions_in(text)]
    asked += [question for text in listed for question in asked_in(text)]
    said = _said([*earlier, request] if given else earlier, context)
    return Task("ask", normalise(request), context, context, said, tuple(dict.fromkeys(asked)))


def _answering(request: str, given: str, heard: Sequence[_Heard], last: int) -> Task:
    question = question_in(request)
    context = given or _implied(question, request, heard, last)
    material = given or _joined(turn.parts.rest for turn in heard if turn.role in {"user", "tool"})
    answers = [turn.parts.rest for turn in heard if turn.role == "assistant"]
    asked = [text for turn in heard[:last] if turn.role == "user" for text in questions_in(turn.parts.rest)]
    return Task("answer", question, context, material, _said(answers, context), tuple(dict.fromkeys(asked)))


def _implied(question: str, request: str, heard: Sequence[_Heard], last: int) -> str:
    """Take what stands beside the question, or else what was told before, if it has to do with the question."""
    beside = statements_in(request)
    if beside and normalise(beside) != question:
        return beside
    told = (turn.parts.rest for place, turn in enumerate(heard) if place != last and turn.role != "assistant")
    context = _joined(statements_in(text) for text in told)
    return context if shares_terms(question, context) else ""


def _said(texts: Collection[str], context: str) -> tuple[str, ...]:
    spoken = normalise(" ".join(texts))
    return tuple(item.text for item in candidates(context) if item.text in spoken) if spoken else ()


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text)
