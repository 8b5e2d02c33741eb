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
_WORDS: Final = {"text", "text_special", "code_inline"}
_FIRST_KEY: Final = re.compile(r"(?:#.*\n)*(?:[\w\"'.-]+ ?[:=](?:\s|$)|\[)")
_TASK: Final = re.compile(r"^\[[ xX]\][ \t]+")
"""The box of a task list; source: GitHub Flavored Markdown, "task list items"."""
_TITLE: Final = re.compile(r"^title[ \t]*[:=](?P<title>.*)$", re.MULTILINE)


def read_markdown(text: str) -> Outline:
    """
    Read the prose of a Markdown text: paragraphs, list items, quotations.

    The description of an image within a text is included. Images on their own, code blocks, HTML blocks, tables and
    front matter are excluded; front matter can set the title.
    """
    outline = Outline()
    front_matter, body = _split_front_matter(text)
    if title := _TITLE.search(front_matter):
        outline.title = title["title"].strip(" \t\"'>|-")  # quoted, or on the lines below
    parser = MarkdownIt("commonmark", {"maxNesting": _NESTING}).enable(["table", "strikethrough"])
    level = 0
    in_table = False
    tokens = parser.parse(body)
    if any(token.level >= _NESTING - 1 for token in tokens):
        raise RecursionError  # like the other parsers
    for place, token in enumerate(tokens):
        match token.type:
            case "table_open" | "table_close":
                in_table = token.nesting > 0
            case "heading_open" if token.level == 0:  # headings in lists and quotations do not start sections
                level = int(token.tag[1:])
            case "inline" if level:
                outline.heading(level, _text(token))
                level = 0
            case "inline" if not in_table:
                is_task = _is_item_start(tokens, place) and _TASK.match(token.content)
                outline.paragraph(_TASK.sub("", _text(token)) if is_task else _text(token))
    return outline


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
    tokens = inline.children or ()
    if not any(token.type in _WORDS and token.content.strip() for token in tokens):  # badges and pictures
        return ""
    return "".join(map(_inline_text, tokens))


def _inline_text(token: Token) -> str:
    match token.type:
        case "text" | "text_special" | "code_inline" | "image":  # the description of an image is part of the sentence
            return token.content
        case "softbreak" | "hardbreak":
            return " "
        case "html_inline" if token.content.lower().startswith("<br"):
            return " "
        case _:
            return ""
