"""Tell what a message wants: that a question be asked, or that one be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from budwood_offline.prose import trim
from budwood_offline.sentences import normalise, split_sentences

_ASKING: Final = re.compile(
    r"(?:^|[.!?:;,\n*-][ \t]*|\b(?:to|now|please|then|and|must|should|shall|will|only|just|you|always)\s+)"
    r"(?P<verb>ask|write|pose|generate|formulate|create|produce|propose|suggest|compose|give|invent|make up"
    r"|come up with|think of|reply with|phrase)\b"
    r"(?:,?\s+(?!(?:answers?|to|response|reply|with|from|based|about)\b)[\w'\u2019-]+){0,8}?,?\s+questions?\b",
    re.IGNORECASE,
)
# "The user will ask questions" and "I want to ask a question" are no requests to ask one.
_OTHERS: Final = re.compile(
    r"\b(?:users?|i(?:['\u2019]d)?|they|people|customers?|who|someone|humans?|readers?|students?|we)\s+(?:\w+\s+){0,2}$",
    re.IGNORECASE,
)
_LOOK_BACK: Final = 60
_QUESTION_LABEL: Final = re.compile(
    r"^[ \t*#]*(?:the |your )?question[ \t*]*:[ \t*]*(?P<text>.+)", re.IGNORECASE | re.MULTILINE
)
_ASKED_LABEL: Final = re.compile(
    r"\b(?:already asked|asked (?:so far|before|already)|(?:previous|earlier|asked) questions?"
    r"|questions? so far|(?:do not|don['\u2019]t|never|avoid) (?:repeat|ask)\w*)\b",
    re.IGNORECASE,
)
_QUOTES: Final = "\"'\u201c\u201d\u2018\u2019 "
_SPEAKER: Final = re.compile(
    r"^(?:user|assistant|human|ai|bot|question|q|answer|a|asker|answerer)\s*:\s*", re.IGNORECASE
)
_INSTRUCTION: Final = re.compile(
    r"^\W*(?:you(?:['\u2019]re)?|be|answer|reply|respond|use|do not|don['\u2019]t|never|always|write|speak|act|please"
    r"|keep|only|think|explain|return|give|ask|pretend|follow|make sure|let|summari[sz]e|extract|list|tell|describe"
    r"|translate|find|fill|show|name|read|identify|what|help|your (?:task|job|role))\b(?!\s*:)",
    re.IGNORECASE,
)


def wants_question(text: str) -> bool:
    """Tell whether a text asks for a question to be asked."""
    for match in _ASKING.finditer(text):
        verb = match.start("verb")
        if not _OTHERS.search(text[max(0, verb - _LOOK_BACK) : verb]):
            return True
    return False


def questions_in(text: str) -> list[str]:
    """List the sentences of a text that end with a question mark, without list markers, speakers and quotes."""
    sentences = (_SPEAKER.sub("", trim(sentence)).strip(_QUOTES) for sentence in split_sentences(text))
    return [sentence for sentence in sentences if sentence.endswith(("?", "\uff1f", "\u061f"))]


def asked_in(text: str) -> list[str]:
    """List the questions that a text says were asked: those it contains, and the lines under "Already asked:"."""
    lines = [normalise(_SPEAKER.sub("", trim(line.strip()))).strip(_QUOTES) for line in _listed(text)]
    return list(dict.fromkeys(line for line in (*lines, *questions_in(text)) if line))


def _listed(text: str) -> Iterator[str]:
    """Yield what stands behind a label such as "Already asked:", up to the next empty line."""
    listing = False
    for line in text.splitlines():
        label, colon, rest = line.partition(":")
        if not listing and colon and _ASKED_LABEL.search(label):
            listing = True
            yield rest
        elif listing:
            listing = bool(line.strip())
            yield line


def question_in(text: str) -> str:
    """Take the question out of a message: what its label says, or else its questions, or else its request."""
    label = _QUESTION_LABEL.search(text)
    if label:
        return normalise(label["text"])
    return " ".join(questions_in(text)) or " ".join(_instructions(text)) or normalise(text)


def statements_in(text: str) -> str:
    """Leave of a message what is neither question nor instruction."""
    kept = [
        sentence
        for sentence in split_sentences(_without_lead(text))
        if not is_instruction(sentence) and not trim(sentence).endswith("?")
    ]
    return "\n".join(kept)


def is_instruction(sentence: str) -> bool:
    """Tell whether a sentence tells its reader what to do."""
    return bool(_INSTRUCTION.match(trim(sentence)))


def _instructions(text: str) -> list[str]:
    lead, _, rest = text.partition(":")
    if rest.strip() and is_instruction(lead) and "\n" not in lead.strip():
        return [normalise(lead)]
    return [trim(sentence) for sentence in split_sentences(text) if is_instruction(sentence)]


def _without_lead(text: str) -> str:
    lead, _, rest = text.partition(":")
    return rest if rest.strip() and is_instruction(lead) and "\n" not in lead.strip() else text
