"""HTML: the prose of a page without its furniture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, Tag

from budwood_generation.documents.outline import Outline, normalised
from budwood_generation.documents.sentences import has_sentence

_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_PROSE: Final = frozenset({"p", "li", "dt", "dd", "blockquote", "figcaption", "summary"})
_BLOCKS: Final = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary "
    "table tbody td tfoot th thead tr ul".split()
)
_DROPPED: Final = frozenset(
    "audio button canvas footer head header iframe math nav noscript object pre script select style svg template "
    "textarea video".split()
)
_DROPPED_ROLES: Final = frozenset({"banner", "contentinfo", "navigation", "search"})
_XML_DECLARATION: Final = re.compile(r"\A\s*<\?xml.*?\?>", re.DOTALL)


def read_html(text: str) -> Outline:
    """
    Read the prose of a page: paragraphs, list items, definitions, quotations, captions.

    Text that stands straight in another block, as in pages older than ``<p>``, is taken where it holds a sentence.
    Scripts, navigation, headers, footers, code blocks and tables of data are left out. Where a page says which part is
    its main one, only that is read.
    """
    # Beautiful Soup warns of an XML declaration, and of markup that could be a file's name, but not with a line break.
    page = BeautifulSoup(_XML_DECLARATION.sub("", text) + "\n", "html.parser")
    outline = Outline()
    _Reader(outline).read(page.find("main") or page.find(None, {"role": "main"}) or page)
    if not outline.title and isinstance(page.title, Tag):
        outline.title = normalised(page.title.get_text())
    return outline


@dataclass(frozen=True, slots=True)
class _End:
    name: str


class _Reader:
    """Walks a page in reading order, without recursion: unclosed tags nest as deep as the page is long."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._run: list[str] = []
        self._heading = 0
        self._prose = 0

    def read(self, root: PageElement) -> None:
        pending: list[PageElement | _End] = [root]
        while pending:
            match pending.pop():
                case _End(name):
                    self._close(name)
                case Tag() as tag if not _is_dropped(tag):
                    self._open(tag.name)
                    pending.append(_End(tag.name))
                    pending.extend(reversed(tag.contents))
                case Tag(name=name) if name in _BLOCKS:
                    self._end_run()
                case NavigableString() as string if type(string) is NavigableString:  # and no comment, no script
                    self._run.append(string)
        self._end_run()

    def _open(self, name: str) -> None:
        if name in _BLOCKS:
            self._end_run()
        if name == "br":
            self._run.append(" ")
        self._prose += name in _PROSE
        self._heading = _HEADINGS.get(name, self._heading)

    def _close(self, name: str) -> None:
        if name in _BLOCKS:
            self._end_run()
        self._prose -= name in _PROSE
        if name in _HEADINGS:
            self._heading = 0

    def _end_run(self) -> None:
        text = normalised("".join(self._run))
        self._run = []
        if not text:
            return
        if self._heading:
            self._outline.heading(self._heading, text)
            self._heading = 0  # what follows in the same element is no heading: it was not closed
        elif self._prose or has_sentence(text):
            self._outline.paragraph(text)


def _is_dropped(tag: Tag) -> bool:
    return (
        tag.name in _DROPPED
        or tag.get("role") in _DROPPED_ROLES
        or tag.has_attr("hidden")
        or _is_permalink(tag)
        or _is_data_table(tag)
    )


def _is_permalink(tag: Tag) -> bool:
    """Tell the marks that documentation generators hang on headings: a link that holds a pilcrow or the like alone."""
    match tag:
        case Tag(name="a", contents=[NavigableString() as mark]):
            return not any(map(str.isalnum, mark))
        case _:
            return False


def _is_data_table(tag: Tag) -> bool:
    """Tell a table of data by its header cells: one without may be the layout of an old page."""
    return tag.name == "table" and any(cell.find_parent("table") is tag for cell in tag.find_all("th"))
