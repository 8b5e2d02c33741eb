"""Write questions about a passage from templates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from random import Random
from typing import Final

from budwood_offline.phrases import extract_phrases, is_identifier, read_noun, tokenise
from budwood_offline.ranking import COMPLETE, Sentence, build_index, select_sentences
from budwood_offline.sentences import normalise, strip_markup
from budwood_offline.terms import is_plural
from budwood_offline.words import DETERMINERS, VERBS

_PHRASE_TEMPLATES: Final = (
    "What does the text say about {0}?",
    "What does the passage tell us about {0}?",
    "What should I know about {0}?",
    "Can you tell me more about {0}?",
    "Can you explain the part about {0}?",
    "What do we learn about {0}?",
    "What information is there on {0}?",
    "What point does the text make about {0}?",
    "What is worth knowing about {0}?",
    "What does one need to know about {0}?",
    "Could you sum up what is said about {0}?",
    "What do you know about {0}?",
    "Would you explain {0}?",
    "What facts are there about {0}?",
)
_IDENTIFIER_TEMPLATES: Final = ("What is {0} for?", "How is {0} used here?", "Where does {0} come in?")
_QUOTE_TEMPLATES: Final = tuple(template.replace("{0}", "“{0}”") for template in _PHRASE_TEMPLATES[:4])
_CONDITION: Final = re.compile(
    r"\b(?P<word>if|when|once|unless|after|before|until)\s+(?P<condition>(?:an?|the|no|each|every)\s[^,.;:()?!“\"]+)",
    re.IGNORECASE,
)
_QUOTE_MARKS: Final = re.compile(r"[`\"“”()\[\]{}]")
_GRAMMAR_WEIGHT: Final = 8  # how much more likely a question by grammar is than one about a phrase
_MAX_QUESTION_LENGTH: Final = 160
_MAX_CONDITION_WORDS: Final = 12
_MAX_QUOTE_LENGTH: Final = 40
_MAX_TRIES: Final = 12


def write_question(
    passage: str, *, seed: int, questions: Collection[str] = (), shown: Collection[str] = ()
) -> str | None:
    """
    Return a question about a passage, chosen by the seed; None if the passage has no words or no further question.

    It differs from the earlier `questions`, and is about a sentence that is not in `shown`, if there is one. By default
    `shown` has the likely answers to `questions`.
    """
    random = Random(str(seed))
    answers = {normalise(sentence) for sentence in shown} or _select_answers(questions, passage)
    known = {normalise(question).casefold() for question in questions}
    sentences = [sentence for sentence in build_index(passage).sentences if sentence.quality]
    ordered = sorted(sentences, key=lambda sentence: _rank(sentence) + random.random())
    fresh = [sentence for sentence in ordered if sentence.text not in answers]
    for candidates in (fresh, ordered):
        every = ((question, sentence) for sentence in candidates for question in _list_questions(sentence, random))
        tried = list(islice((pair for pair in every if pair[0].casefold() not in known), _MAX_TRIES))
        for question, sentence in tried:
            if sentence.text in select_sentences(question, passage, exclude=answers):
                return question
        if tried:
            return tried[0][0]
    return None


def _select_answers(questions: Collection[str], passage: str) -> set[str]:
    answers: set[str] = set()
    for question in questions:
        answers.update(select_sentences(question, passage, exclude=answers))
    return answers


def _rank(sentence: Sentence) -> float:
    """Return a rank, which is low for sentences that are good to ask about."""
    if sentence.quality < COMPLETE:
        return 2 - sentence.quality
    return 0.5 * (sentence.is_continuation + (not extract_phrases(strip_markup(sentence.text))))


def _list_questions(sentence: Sentence, random: Random) -> Iterator[str]:
    text = strip_markup(sentence.text)
    questions: list[str] = []
    if sentence.quality == COMPLETE:
        questions += [question for phrase in extract_phrases(text) for question in _ask_about(phrase)]
        questions += [*_ask_by_grammar(text)] * _GRAMMAR_WEIGHT
        random.shuffle(questions)
    distinct = dict.fromkeys([*questions, *_quote(text)])
    return (question for question in distinct if len(question) < _MAX_QUESTION_LENGTH)


def _ask_about(phrase: str) -> Iterator[str]:
    templates = _IDENTIFIER_TEMPLATES + _PHRASE_TEMPLATES[:3] if is_identifier(phrase) else _PHRASE_TEMPLATES
    return (template.format(phrase) for template in templates)


def _ask_by_grammar(text: str) -> Iterator[str]:
    """Ask for a definition ("A key is a …"), the object of a verb ("The key opens a …"), or a consequence ("if …")."""
    tokens = tokenise(text)
    noun = read_noun(tokens, 1) if tokens and tokens[0].lower() in {"a", "an", "the"} else []
    verb, following = [*(token.lower() for token in tokens[1 + len(noun) : 3 + len(noun)]), "", ""][:2]
    if noun and following in DETERMINERS:
        subject = " ".join([tokens[0].lower(), *noun])
        if verb in {"is", "are"} and following in {"a", "an", "the", "one"}:
            yield f"What {verb} {subject}?"
        elif verb in VERBS and not is_plural(noun[-1].lower()):
            yield f"What does {subject} {VERBS[verb]}?"
    for match in _CONDITION.finditer(text):
        condition = normalise(match["condition"])
        if 2 < len(condition.split()) <= _MAX_CONDITION_WORDS and condition.count("`") % 2 == 0:
            yield f"What happens {match['word'].lower()} {condition}?"


def _quote(text: str) -> Iterator[str]:
    """Ask about the first words of a sentence whose grammar is unknown: code, tables, other languages."""
    words = _QUOTE_MARKS.sub("", text.partition(" | ")[0])
    opening = words[:_MAX_QUOTE_LENGTH].rpartition(" ")[0] if len(words) > _MAX_QUOTE_LENGTH else words
    opening = (opening or words[:_MAX_QUOTE_LENGTH]).strip(" .:;,!?")
    return (template.format(opening) for template in _QUOTE_TEMPLATES if opening)
