"""
Write a short text that a regular expression matches.

Literals, classes, groups, alternatives, repetition and anchors are known; look-around and back references are not. What
comes out is a proposal: the caller checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_ALPHABET: Final = (
    "aA0 -_.,:/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ123456789!?@#$%&*+=~^|<>()[]{}'\"`;\\\u00e9\n"
)
_WIDTHS: Final = {"x": 2, "u": 4}

Rule = Callable[[str], bool]
_RULES: Final[Mapping[str, Rule]] = {
    "d": str.isdigit,
    "s": str.isspace,
    "w": lambda letter: letter.isalnum() or letter == "_",
}


class UnknownSyntaxError(ValueError):
    """The expression uses what this sampler does not know."""


def sample(pattern: str, extra: int = 0) -> str:
    """
    Write a text for a pattern; `extra` is how many times more than needed each repetition is written.

    Raises:
        UnknownSyntaxError: If the pattern is broken, or beyond what is known here.
    """
    sampler = _Sampler(pattern, extra)
    text = sampler.alternatives()
    if sampler.place < len(pattern):
        raise UnknownSyntaxError(f"unexpected {pattern[sampler.place]!r} in the pattern {pattern!r}")
    return text


class _Sampler:
    def __init__(self, pattern: str, extra: int) -> None:
        self.pattern = pattern
        self.extra = extra
        self.place = 0

    def alternatives(self) -> str:
        """Read alternatives and write the first."""
        first = self._sequence()
        while self._peek() == "|":
            self.place += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._peek() not in {"", "|", ")"}:
            atom = self._atom()
            parts.append(atom * self._count())
        return "".join(parts)

    def _peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def _take(self) -> str:
        if self.place >= len(self.pattern):
            raise UnknownSyntaxError(f"the pattern {self.pattern!r} ends too early")
        self.place += 1
        return self.pattern[self.place - 1]

    def _atom(self) -> str:
        letter = self._take()
        match letter:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case "^" | "$":
                return ""
            case ".":
                return "a"
            case "*" | "+" | "?":
                raise UnknownSyntaxError(f"nothing to repeat in the pattern {self.pattern!r}")
            case _:
                return letter

    def _group(self) -> str:
        if self._peek() == "?":
            self.place += 1
            kind = self._take()
            if kind == "P":
                kind = self._take()
            if kind == "<" and self._peek() not in {"=", "!"}:
                while self._take() != ">":
                    pass
            elif kind != ":":
                raise UnknownSyntaxError(f"look-around and flags are not known: {self.pattern!r}")
        text = self.alternatives()
        if self._take() != ")":
            raise UnknownSyntaxError(f"a group is not closed in the pattern {self.pattern!r}")
        return text

    def _escape(self) -> str:
        letter = self._take()
        if letter in _WIDTHS:
            digits = "".join(self._take() for _ in range(_WIDTHS[letter]))
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise UnknownSyntaxError(f"\\{letter}{digits} in the pattern {self.pattern!r}") from None
        if letter in {"b", "A", "Z", "z"}:
            return ""
        if letter in {"B", "p", "P", "k"} or letter in "123456789":
            raise UnknownSyntaxError(f"\\{letter} is not known: {self.pattern!r}")
        return _CLASSES.get(letter) or _ESCAPES.get(letter) or letter

    def _class(self) -> str:
        negated = self._peek() == "^"
        self.place += negated
        rules: list[Rule] = []
        while self._peek() != "]" or not rules:
            rules.append(self._member())
        self.place += 1
        for letter in self._letters(rules):
            if any(rule(letter) for rule in rules) != negated:
                return letter
        raise UnknownSyntaxError(f"no letter is known for a class of the pattern {self.pattern!r}")

    def _letters(self, rules: list[Rule]) -> str:
        # The pattern's own letters come in case a class names only rare ones.
        return _ALPHABET + "".join(letter for letter in self.pattern if letter not in _ALPHABET)

    def _member(self) -> Rule:
        start = self._class_letter()
        if not isinstance(start, str):
            return start
        if self._peek() == "-" and self.pattern[self.place + 1 : self.place + 2] not in {"]", ""}:
            self.place += 1
            end = self._class_letter()
            if not isinstance(end, str):
                raise UnknownSyntaxError(f"a range ends in a class in the pattern {self.pattern!r}")
            return lambda letter: start <= letter <= end
        return lambda letter: letter == start

    def _class_letter(self) -> str | Rule:
        letter = self._take()
        if letter != "\\":
            return letter
        kind = self._peek()
        if kind not in _CLASSES:
            return self._escape() or "\b"
        self.place += 1
        wanted = _RULES[kind.lower()]
        return wanted if kind.islower() else lambda letter: not wanted(letter)

    def _count(self) -> int:
        letter = self._peek()
        least, most = 1, 1
        if letter in {"*", "+", "?"} and letter:
            self.place += 1
            least, most = {"*": (0, self.extra), "+": (1, 1 + self.extra), "?": (0, 1)}[letter]
        elif letter == "{" and (bounds := self._bounds()):
            least, most = bounds
        else:
            return 1
        if self._peek() in {"?", "+"}:
            self.place += 1
        return min(most, least + self.extra)

    def _bounds(self) -> tuple[int, int] | None:
        end = self.pattern.find("}", self.place)
        low, comma, high = self.pattern[self.place + 1 : end].partition(",")
        if end < 0 or not low.isdigit() or (high and not high.isdigit()):
            return None
        self.place = end + 1
        return int(low), int(high) if high else int(low) + (self.extra if comma else 0)
