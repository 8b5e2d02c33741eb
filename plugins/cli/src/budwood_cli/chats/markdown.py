"""
Markdown of a model at a terminal, by rich, without its losses.

All that the model wrote is shown: raw HTML and reference definitions as text, images and links with their addresses.
Single newlines stay, and a table that is wider than the terminal is shown as its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments.lexers import find_lexer_class_by_name
from pygments.util import ClassNotFound
from rich import box
from rich.markdown import CodeBlock, Markdown, MarkdownElement, TableElement
from rich.syntax import Syntax
from rich.table import Table
from rich.theme import Theme

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

THEME: Final = Theme({"markdown.a": "underline", "markdown.code": "cyan", "markdown.code_block": "none"})
"""The styles of a console that prints a `Reply`."""

_MIN_COLUMN: Final = 6
"""The characters that a column of a table needs; narrower ones cannot be read."""

_PARSER: Final = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["strikethrough", "table"])
    .disable(["reference", "html_block", "html_inline"])
)


class Reply:
    """
    A text in Markdown, to print with a console of rich.

    Args:
        text: The text, without control characters.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _Markdown(_convert(_PARSER.parse(self._text), self._text.split("\n"), options.max_width))


def find_last_block(text: str) -> int:
    """
    Return the index at which the last block of a text begins. The blocks before it are complete.

    An incomplete last line is not counted as a block: its next characters may make it part of the one before.
    """
    complete = text[: text.rfind("\n") + 1]
    starts = [
        token.map[0] for token in _PARSER.parse(complete) if token.level == 0 and token.map and token.nesting >= 0
    ]
    if not starts:
        return 0
    lines = complete.split("\n")
    return sum(len(line) + 1 for line in lines[: starts[-1]])


def _convert(tokens: Iterable[Token], lines: list[str], width: int) -> Iterator[Token]:
    """Yield tokens that rich renders without losses."""
    is_skipping = False
    for token in tokens:
        if token.type == "table_open" and token.map and _count_columns(lines, token) * _MIN_COLUMN > width:
            is_skipping = True
            yield Token("code_block", "code", 0, content="\n".join(lines[slice(*token.map)]), map=token.map)
        if not is_skipping:
            if token.tag == "h1":
                token.tag = "h2"  # rich centers titles
            if token.type == "fence" and not _is_language(token.info.strip()):
                token.content, token.info = f"{token.info.strip()}\n{token.content}", ""  # rich would drop the info
            if token.children:
                token.children = list(_convert_inlines(token.children))
            yield token
        if token.type == "table_close":
            is_skipping = False


def _is_language(info: str) -> bool:
    """Return whether the text after the mark of a code block is only the name of a language, or empty."""
    try:
        return not info or find_lexer_class_by_name(info) is not None
    except ClassNotFound:
        return False


def _count_columns(lines: list[str], table: Token) -> int:
    start = table.map[0] if table.map else 0
    return lines[start + 1].strip().strip("|").count("|") + 1


def _convert_inlines(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the content of a paragraph or a cell: addresses become text, and single newlines stay."""
    address, text = "", ""
    for token in tokens:
        match token.type:
            case "link_open":
                address, text = str(token.attrs.get("href", "")), ""
                yield Token("a_open", "a", 1)
            case "link_close":
                yield Token("a_close", "a", -1)
                if address not in (text, f"mailto:{text}"):
                    yield Token("text", "", 0, content=f" ({address})")
            case "image":
                described = f"{token.content} ({token.attrs.get('src', '')})"
                text += described
                yield Token("text", "", 0, content=described)
            case "softbreak":
                yield Token("hardbreak", "br", 0)
            case _:
                text += token.content
                yield token


class _CodeBlock(CodeBlock):
    """Code without a background or an indentation, so that it can be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        yield Syntax(code, self.lexer_name, theme="ansi_dark", background_color="default", word_wrap=True)


class _Table(TableElement):
    """A table that folds long words instead of cutting them."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(
            box=box.SIMPLE, pad_edge=False, show_edge=False, style="markdown.table.border", collapse_padding=True
        )
        for cell in self.header.row.cells if self.header and self.header.row else ():
            table.add_column(cell.content, header_style="markdown.table.header", overflow="fold")
        for row in self.body.rows if self.body else ():
            table.add_row(*(cell.content for cell in row.cells))
        yield table


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
        "table_open": _Table,
    }

    def __init__(self, tokens: Iterator[Token]) -> None:
        super().__init__("")
        self.parsed = list(tokens)
        self.inlines = {*self.inlines, "a"}
