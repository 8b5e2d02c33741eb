"""Markdown: CommonMark with the tables, the task lists and the strikethrough of GitHub, and front matter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

from budwood_generation.documents.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

_NESTING: Final = 200  # at this depth, by default at 20, markdown-it begins to leave out text without a word
_WORDS: Final = {"text", "text_special", "code_inline"}
_FIRST_KEY: Final = re.compile(r"(?:#.*\n)*(?:[\w\"'.-]+ ?[:=](?:\s|$)|\[)")
_TASK: Final = re.compile(r"^\[[ xX]\][ \t]+")
"""The box of a task list; source: GitHub Flavored Markdown, "task list items"."""
_TITLE: Final = re.compile(r"^title[ \t]*[:=](?P<title>.*)$", re.MULTILINE)


def read_markdown(text: str) -> Outline:
    """
    Read the prose of a Markdown text: paragraphs, list items, quotations.

    Of an image within a text the description is kept. Images that stand alone, code blocks, HTML blocks, tables and
    front matter are left out, except that front matter may give the title.
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
        raise RecursionError  # as the parsers do that know no such bound
    for place, token in enumerate(tokens):
        match token.type:
            case "table_open" | "table_close":
                in_table = token.nesting > 0
            case "heading_open" if token.level == 0:  # those inside lists and quotations divide nothing
                level = int(token.tag[1:])
            case "inline" if level:
                outline.heading(level, _text(token))
                level = 0
            case "inline" if not in_table:
                boxed = _begins_item(tokens, place) and _TASK.match(token.content)
                outline.paragraph(_TASK.sub("", _text(token)) if boxed else _text(token))
    return outline


def _begins_item(tokens: Sequence[Token], place: int) -> bool:
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
        case "text" | "text_special" | "code_inline" | "image":  # what an image shows is part of the sentence
            return token.content
        case "softbreak" | "hardbreak":
            return " "
        case "html_inline" if token.content.lower().startswith("<br"):
            return " "
        case _:
            return ""
