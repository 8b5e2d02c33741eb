"""Markdown: CommonMark with front matter, and GitHub's tables, task lists and strikethrough."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

from budwood_generation.documents.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

_NESTING: Final = 200  # markdown-it silently drops text that is nested more deeply; its default is 20
_FIRST_KEY: Final = re.compile(r"(?:#.*\n)*(?:[\w\"'.-]+ ?[:=](?:\s|$)|\[)")
_TASK: Final = re.compile(r"^\[[ xX]\][ \t]+")
"""The box of a task list; source: GitHub Flavored Markdown, "task list items"."""
_TITLE: Final = re.compile(r"^title[ \t]*[:=](?P<title>.*)$", re.MULTILINE)


def read_markdown(text: str) -> Outline:
    """
    Read a Markdown text: paragraphs, list items, quotations, code blocks and tables.

    Images with their descriptions, HTML blocks and front matter are excluded; front matter can set the title.

    Raises:
        RecursionError: Lists or quotations are nested too deeply.
    """
    outline = Outline()
    front_matter, body = _split_front_matter(text)
    if title := _TITLE.search(front_matter):
        outline.title = title["title"].strip(" \t\"'>|-")  # quoted, or on the lines below
    parser = MarkdownIt("commonmark", {"maxNesting": _NESTING}).enable(["table", "strikethrough"])
    tokens = parser.parse(body)
    if any(token.level >= _NESTING - 1 for token in tokens):
        raise RecursionError  # like the other parsers
    _Reader(outline).read(tokens)
    return outline


class _Reader:
    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._level = 0
        self._rows: list[list[str]] | None = None

    def read(self, tokens: Sequence[Token]) -> None:
        for place, token in enumerate(tokens):
            match token.type:
                case "fence" | "code_block":
                    self._outline.code(token.content, (token.info.split() or [""])[0])
                case "table_open":
                    self._rows = []
                case "tr_open" if self._rows is not None:
                    self._rows.append([])
                case "table_close" if self._rows is not None:
                    self._outline.table(self._rows)
                    self._rows = None
                case "heading_open" if token.level == 0:  # headings in lists and quotations do not start sections
                    self._level = int(token.tag[1:])
                case "inline":
                    self._read_inline(token, is_item_start=_is_item_start(tokens, place))
                case _:
                    pass

    def _read_inline(self, token: Token, *, is_item_start: bool) -> None:
        text = _text(token)
        if self._level:
            self._outline.heading(self._level, text)
            self._level = 0
        elif self._rows is not None:
            self._rows[-1].append(text)
        else:
            is_task = is_item_start and _TASK.match(token.content)
            self._outline.paragraph(_TASK.sub("", text) if is_task else text)


def _is_item_start(tokens: Sequence[Token], place: int) -> bool:
    return [token.type for token in tokens[max(0, place - 2) : place]] == ["list_item_open", "paragraph_open"]


def _split_front_matter(text: str) -> tuple[str, str]:
    fence, _, rest = text.partition("\n")
    fence = fence.rstrip()
    if fence not in {"---", "+++"} or not _FIRST_KEY.match(rest):
        return "", text
    closing = re.search(rf"^{re.escape(fence)}[ \t]*$", rest, re.MULTILINE)
    if closing is None:
        return "", text
    return rest[: closing.start()], rest[closing.end() :]


def _text(inline: Token) -> str:
    return "".join(map(_inline_text, inline.children or ()))


def _inline_text(token: Token) -> str:
    match token.type:
        case "text" | "text_special" | "code_inline":
            return token.content
        case "softbreak" | "hardbreak":
            return " "
        case "html_inline" if token.content.lower().startswith("<br"):
            return " "
        case _:
            return ""
