"""HTML: the text, code and tables of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode

from budwood_generation.documents.html_limits import check_limits
from budwood_generation.documents.outline import Outline, normalize
from budwood_generation.documents.sentences import has_sentence

_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_PROSE: Final = frozenset({"p", "li", "dt", "dd", "blockquote", "figcaption", "summary"})
_BLOCKS: Final = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary "
    "table tbody td tfoot th thead tr ul".split()
)
_DROPPED: Final = frozenset(
    "audio button canvas footer head header iframe math nav noscript object script select style svg template "
    "textarea video".split()
)
_INLINE: Final = frozenset("a abbr b cite code dfn em i kbd q samp small span strong sub sup tt u var".split())
"""Elements that contain only text in most pages, which is then read without a loop."""
_SYMBOL_CHARS: Final = 5
_CELL_CHARS: Final = 200
_LAYOUT: Final = "button, div, dl, form, h1, h2, h3, h4, h5, h6, hr, img, input, ol, pre, select, table, ul"
"""What cells of data do not contain."""
_DROPPED_BY_ATTRIBUTE: Final = (
    "[hidden], [role=banner], [role=contentinfo], [role=navigation], [role=search], "
    ".navheader, .navfooter"  # of DocBook, which are tables with header cells
)
_VOID: Final = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_EMPTY_XML: Final = re.compile(rf"<(?!(?:{_VOID})\b)([a-zA-Z][\w:-]*)((?:\s[^<>]*)?)/>", re.IGNORECASE)
_XML_START: Final = 2000
"""Characters at the start of a file in which XHTML has its namespace."""
_LANGUAGE: Final = re.compile(r"(?:^|\s)(?:(?:highlight-source|highlight|language|lang)-|sourceCode )([\w+#.]+)")
_NO_LANGUAGE: Final = frozenset({"default", "none", "notranslate", "plain", "plaintext", "text"})


def read_html(text: str) -> Outline:
    """
    Read a page: paragraphs, list items, definitions, quotations, captions, code blocks, and tables.

    A table without header cells counts as layout, unless its rows have the same number of cells with short texts.
    Text directly inside another block, as in old pages without ``<p>``, is included if it contains a sentence. Scripts,
    navigation, headers, footers and descriptions of images are excluded. If the page has a main part, only that is
    read.

    Raises:
        RecursionError: Elements are nested so deeply that parsing would take too long.
    """
    if "xmlns" in text[:_XML_START] or text[:100].lstrip().startswith("<?xml"):
        text = _EMPTY_XML.sub(r"<\1\2></\1>", text)  # to an HTML parser, `<script/>` contains the rest of the page
    check_limits(text)
    # Without events, lexbor does not run the steps for <select> and <option>, which crashed in some of its versions.
    page = LexborHTMLParser(text, options=LexborDocumentOptions.WO_EVENTS)
    outline = Outline()
    root = page.css_first("main") or page.css_first("[role=main]") or page.body or page.root
    if root is not None:
        _Reader(outline, {node.mem_id for node in page.css(_DROPPED_BY_ATTRIBUTE)}).read(root)
    title = page.css_first("head > title")
    if not outline.title and title is not None:
        outline.title = normalize(title.text())
    return outline


class _Reader:
    """Reads a page in order. It does not recurse, since unclosed tags can be nested very deeply."""

    def __init__(self, outline: Outline, dropped: set[int]) -> None:
        self._outline = outline
        self._dropped = dropped
        self._run: list[str] = []
        self._heading = 0
        self._prose = 0

    def read(self, root: LexborNode) -> None:
        names = [root.tag or ""]
        pending = [_children(root)]
        self._open(names[0])
        while pending:
            node = next(pending[-1], None)
            if node is None:
                del pending[-1]
                self._close(names.pop())
                continue
            name = node.tag or ""
            if name == "-text":
                self._run.append(node.text_content or "")
            elif name in _INLINE and (text := _only_text(node)) is not None and node.mem_id not in self._dropped:
                if name != "a" or not _is_symbol(text):
                    self._run.append(text)
            elif not self._read_special(node, name):
                self._open(name)
                names.append(name)
                pending.append(_children(node))
        self._end_run()

    def _read_special(self, node: LexborNode, name: str) -> bool:
        """Read or drop an element whose children are not read one by one; return whether it is one."""
        if self._is_dropped(node, name):
            if name in _BLOCKS:
                self._end_run()
            return True
        if name == "pre":
            self._end_run()
            self._read_code(node)
            return True
        if name == "table" and (rows := _data_rows(node)):
            self._end_run()
            self._read_table(node, rows)
            return True
        return False

    def _is_dropped(self, node: LexborNode, name: str) -> bool:
        if name == "a" and _is_symbol(_only_text(node) or "text"):
            return True
        return name in _DROPPED or node.mem_id in self._dropped

    def _open(self, name: str) -> None:
        if name in _BLOCKS:
            self._end_run()
            self._prose += name in _PROSE
            self._heading = _HEADINGS.get(name, self._heading)
        elif name == "br":
            self._run.append(" ")

    def _close(self, name: str) -> None:
        if name in _BLOCKS:
            self._end_run()
            self._prose -= name in _PROSE
            if name in _HEADINGS:
                self._heading = 0

    def _end_run(self) -> None:
        if not self._run:
            return
        text = normalize("".join(self._run))
        self._run = []
        if not text:
            return
        if self._heading:
            self._outline.heading(self._heading, text)
            self._heading = 0  # the element was not closed: the next text is not a heading
        elif self._prose or has_sentence(text):
            self._outline.paragraph(text)

    def _read_code(self, node: LexborNode) -> None:
        text = self._text(node, line_break="\n")
        if any(not character.isdigit() and not character.isspace() for character in text):  # not only line numbers
            self._outline.code(text, _find_language(node))

    def _read_table(self, table: LexborNode, rows: list[LexborNode]) -> None:
        caption = next((child for child in table.iter() if child.tag == "caption"), None)
        if caption is not None:
            self._outline.paragraph(self._text(caption))
        header_rows = 0
        while header_rows < len(rows) and all(cell.tag == "th" for cell in _cells(rows[header_rows])):
            header_rows += 1
        texts = [[self._text(cell) for cell in _cells(row)] for row in rows]
        self._outline.table(texts, header_rows=header_rows)

    def _text(self, root: LexborNode, line_break: str = " ") -> str:
        """Return all text of an element; blocks in it are separated by spaces."""
        texts: list[str] = []
        pending = [_children(root)]
        while pending:
            node = next(pending[-1], None)
            if node is None:
                del pending[-1]
                continue
            name = node.tag or ""
            if name == "-text":
                texts.append(node.text_content or "")
            elif name == "br" or name in _BLOCKS:
                texts.append(line_break)
            if not name.startswith("-") and not self._is_dropped(node, name):
                pending.append(_children(node))
        return "".join(texts)


def _children(node: LexborNode) -> Iterator[LexborNode]:
    return node.iter(include_text=True)


def _only_text(node: LexborNode) -> str | None:
    """Return the text of an element that contains nothing else."""
    child = node.first_child
    return child.text_content if child is not None and child.next is None else None


def _is_symbol(text: str) -> bool:
    """Tell whether the text of a link is only a symbol such as a pilcrow, as in the permalinks of headings."""
    return len(text) < _SYMBOL_CHARS and not any(map(str.isalnum, text))


def _data_rows(table: LexborNode) -> list[LexborNode]:
    """Return the rows of a table that is not the layout of an old page."""
    groups = [child for child in table.iter() if child.tag in {"thead", "tbody", "tfoot"}]
    rows = [row for group in groups for row in group.iter() if row.tag == "tr"]
    return rows if any(cell.tag == "th" for row in rows for cell in row.iter()) or _is_grid(rows) else []


def _is_grid(rows: list[LexborNode]) -> bool:
    """Tell whether rows without header cells are data: each has the same number of cells, with short texts."""
    cells = [_cells(row) for row in rows]
    widths = set(map(len, cells))
    return len(rows) > 1 and len(widths) == 1 and min(widths) > 1 and all(map(_is_short, chain.from_iterable(cells)))


def _is_short(cell: LexborNode) -> bool:
    return cell.css_first(_LAYOUT) is None and len(cell.text()) <= _CELL_CHARS


def _cells(row: LexborNode) -> list[LexborNode]:
    return [cell for cell in row.iter() if cell.tag in {"td", "th"}]


def _find_language(code: LexborNode) -> str:
    """Return the language of a code block from the classes of the element, its first child or the two around it."""
    parent = code.parent
    grandparent = None if parent is None else parent.parent
    for node in (code, code.first_child, parent, grandparent):
        classes = "" if node is None else node.attributes.get("class") or ""
        for language in _LANGUAGE.findall(classes):
            if language not in _NO_LANGUAGE:
                return str(language)
    return ""
