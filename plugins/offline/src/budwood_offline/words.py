"""English word lists: stop words for the search, word classes for extracting phrases."""

from __future__ import annotations

from typing import Final

DETERMINERS: Final = frozenset(
    "a an the this that these those each every all both some any no many several most few one its their our your his "
    "her another".split()
)
PREPOSITIONS: Final = frozenset(
    "of in on at by for from with without to into onto through via under over between among across before after "
    "during until per against about above below behind within as like than since upon toward towards beyond inside "
    "outside near along around beside because despite except unlike".split()
)
_OTHER_STOP_WORDS: Final = (
    "is are was were be been being am must should can may will would could might shall cannot do does did has have "
    "had i you he she it we they me him us them there here itself themselves such others everything nothing something "
    "anything everybody nobody everyone none whatever whoever former latter my mine myself yourself and or but nor so "
    "yet if when while where although though unless once whether which who whom whose how why what whenever wherever "
    "whereas also only then not just too very quite rather out up down off more less least much ever never always "
    "often seldom sometimes usually however therefore thus hence otherwise instead still already again even twice "
    "almost further moreover meanwhile besides soon later early now together apart away back else own same other "
    "first last second next let don't doesn't isn't aren't can't won't etc e.g i.e t s please"
).split()
STOP_WORDS: Final = DETERMINERS | PREPOSITIONS | frozenset(_OTHER_STOP_WORDS)

CONTINUATIONS: Final = frozenset(
    "it its they their them he his she her this that these those such so thus hence therefore however but and or "
    "otherwise instead then also both neither either here there nor yet still besides moreover furthermore similarly "
    "likewise meanwhile".split()
)
"""First words of sentences that refer to the sentence before."""

QUESTION_WORDS: Final = frozenset(
    "text passage section say says said tell explain describe mention mean meant know detail question answer define "
    "learn role play part point happen happens worth connection connect relate related information".split()
)
"""Words in questions that do not describe the subject."""

_REGULAR_VERBS: Final = (
    "add allow ask become begin belong bring call come contain cost count decide define depend describe end exist "
    "expect explain fail find follow get give happen help hold include keep know learn leave let live make mean need "
    "open pay protect prove provide raise receive refuse reject remove replace require rest return say send serve show "
    "speak stand start stay stop take tell turn understand want write yield"
).split()
VERBS: Final = {f"{verb}s": verb for verb in _REGULAR_VERBS} | {"has": "have", "does": "do", "goes": "go"}
"""The third person of verbs that are seldom nouns, with the infinitive."""

VAGUE_NOUNS: Final = frozenset(
    "beginning bit case cases contrast day days default detail effect end example fact hand hour hours instance kind "
    "kinds lot means middle mind minute minutes moment month months number order pair part passage place point reason "
    "rest result second seconds set short side single sort such term terms text thing things time times total turn "
    "turns way ways week weeks whole word words year years".split()
)
"""Nouns that are no good subjects of questions."""
