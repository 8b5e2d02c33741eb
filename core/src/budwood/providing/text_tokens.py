"""
Estimate the tokens of a text without a tokenizer, from its kinds of characters.

The weights were fitted to four vocabularies (o200k_base, cl100k_base, Llama 3 and Qwen 3) on prose in 43 languages,
source code, markup, JSON, numbers and real prompts. ``nox -s tokens`` measures their error.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from functools import cache
from typing import Final, NamedTuple


class TokenEstimate(NamedTuple):
    """
    A probable number of tokens.

    ``low`` and ``high`` are bounds; `estimate_text` and `estimate_request` state how often they hold.
    """

    low: float
    tokens: float
    high: float

    def plus(self, other: TokenEstimate, times: float = 1.0) -> TokenEstimate:
        """Add another estimate, multiplied by a number."""
        return TokenEstimate(
            self.low + other.low * times, self.tokens + other.tokens * times, self.high + other.high * times
        )

    def weighted(self, low: float, tokens: float, high: float) -> TokenEstimate:
        """Multiply each number by its own weight."""
        return TokenEstimate(self.low * low, self.tokens * tokens, self.high * high)


NOTHING: Final = TokenEstimate(0.0, 0.0, 0.0)

_WORD: Final = TokenEstimate(0.72, 0.96, 1.6)
_LONG_WORD: Final = TokenEstimate(0.03, 0.10, 0.30)
"""Per letter after the sixth. In English long words are often single tokens; in other languages they are not."""

_CAPITALS: Final = TokenEstimate(0.85, 1.12, 1.6)
_MORE_CAPITALS: Final = TokenEstimate(0.03, 0.14, 0.45)
_ACCENTED: Final = TokenEstimate(0.25, 0.53, 0.80)
_DIGITS: Final = TokenEstimate(1.0, 1.46, 3.0)
"""Per three digits: some vocabularies have tokens of three digits, others of one."""

_PUNCTUATION: Final = TokenEstimate(0.45, 0.78, 1.0)
_MORE_PUNCTUATION: Final = TokenEstimate(0.005, 0.12, 0.6)
_LINE: Final = TokenEstimate(0.5, 1.2, 1.6)
_SPACES: Final = TokenEstimate(0.1, 0.3, 1.0)
_SYMBOL: Final = TokenEstimate(0.05, 2.05, 3.2)

_LATIN: Final = TokenEstimate(0.40, 0.60, 1.2)
_GREEK: Final = TokenEstimate(0.36, 0.51, 1.1)
_CYRILLIC: Final = TokenEstimate(0.26, 0.39, 0.85)
_CAUCASIAN: Final = TokenEstimate(0.35, 0.63, 2.3)
_HEBREW: Final = TokenEstimate(0.35, 0.55, 1.2)
_ARABIC: Final = TokenEstimate(0.31, 0.44, 1.15)
_INDIC: Final = TokenEstimate(0.36, 0.71, 2.1)
_THAI: Final = TokenEstimate(0.35, 0.50, 1.0)
_HAN: Final = TokenEstimate(0.40, 0.75, 1.3)
_KANA: Final = TokenEstimate(0.25, 0.58, 1.0)
_HANGUL: Final = TokenEstimate(0.40, 0.73, 1.1)
_EMOJI: Final = TokenEstimate(0.4, 2.7, 4.0)
_OTHER: Final = TokenEstimate(0.4, 1.2, 3.2)

_SCRIPTS: Final = (
    (0x0250, _LATIN),
    (0x0370, _GREEK),
    (0x0400, _CYRILLIC),
    (0x0530, _CAUCASIAN),
    (0x0590, _HEBREW),
    (0x0600, _ARABIC),
    (0x0700, _OTHER),
    (0x0900, _INDIC),
    (0x0E00, _THAI),
    (0x0E80, _INDIC),
    (0x10A0, _CAUCASIAN),
    (0x1100, _HANGUL),
    (0x1200, _OTHER),
    (0x1780, _INDIC),
    (0x1800, _OTHER),
    (0x1E00, _LATIN),
    (0x2000, _SYMBOL),
    (0x2E80, _HAN),
    (0x3040, _KANA),
    (0x3100, _HAN),
    (0xAC00, _HANGUL),
    (0xD7B0, _OTHER),
    (0xF900, _HAN),
    (0xFB00, _OTHER),
    (0xFE30, _HAN),
    (0x10000, _EMOJI),
    (0x20000, _HAN),
    (0x30000, _OTHER),
)
"""The tokens per character of a script, from this code point on. Source: block names of the Unicode Standard."""

_STARTS: Final = tuple(start for start, _ in _SCRIPTS)


class _Patterns(NamedTuple):
    """Patterns for kinds of characters. One pass per kind is four times as fast as one pass for all."""

    words: re.Pattern[str]
    capitals: re.Pattern[str]
    digits: re.Pattern[str]
    punctuation: re.Pattern[str]
    spaces: re.Pattern[str]
    foreign: re.Pattern[str]
    symbols: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Compile the patterns at first use, since few programs estimate tokens."""
    return _Patterns(
        words=re.compile(r"[A-ZÀ-Þ]?[a-zß-ɏ\u1e00-\u1eff]+"),
        capitals=re.compile(r"[A-ZÀ-Þ]+(?![a-zß-ɏ\u1e00-\u1eff])"),
        digits=re.compile(r"[0-9]{1,3}"),
        punctuation=re.compile(r"[\x00-\x08\x0e-\x1f!-/:-@\[-`{-\x7f]+"),
        spaces=re.compile(r"\n\s*|[^\S\n]{2,}"),
        foreign=re.compile(r"[\x00-ɏ\u1e00-\u1eff\s]+"),
        symbols=re.compile(r"[\x80-\x84\x86-\x9f¡-¿]"),
    )


def estimate_text(text: str) -> TokenEstimate:
    """
    Estimate the tokens of a text.

    Measured on 439 texts of 4,000 characters with the four vocabularies: for 95 % of the texts in English, code or
    markup the error is within 18 %; in other languages it is between -64 % (scripts that older vocabularies lack) and
    +54 %. The bounds hold for all texts.
    """
    patterns = _patterns()
    words = patterns.words.findall(text)
    spaces = patterns.spaces.findall(text)
    lines = sum(space[0] == "\n" for space in spaces)
    total = _estimate_runs(patterns.capitals.findall(text), _CAPITALS, _MORE_CAPITALS, until=3)
    total = total.plus(_estimate_runs(patterns.punctuation.findall(text), _PUNCTUATION, _MORE_PUNCTUATION, until=1))
    total = total.plus(_DIGITS, len(patterns.digits.findall(text)))
    total = total.plus(_LINE, lines).plus(_SPACES, len(spaces) - lines)
    if not text.isascii():
        accented = [word for word in words if not word.isascii()]
        words = [word for word in words if word.isascii()]
        total = total.plus(_ACCENTED, sum(map(len, accented))).plus(_SYMBOL, len(patterns.symbols.findall(text)))
        for character, times in Counter(patterns.foreign.sub("", text)).items():
            total = total.plus(_SCRIPTS[bisect_right(_STARTS, ord(character)) - 1][1], times)
    return total.plus(_estimate_runs(words, _WORD, _LONG_WORD, until=6))


def _estimate_runs(runs: list[str], each: TokenEstimate, more: TokenEstimate, *, until: int) -> TokenEstimate:
    """Estimate runs of characters: a number of tokens per run, and more per character beyond the first `until`."""
    lengths = Counter(map(len, runs))
    beyond = sum((length - until) * times for length, times in lengths.items() if length > until)
    return NOTHING.plus(each, len(runs)).plus(more, beyond)
