"""HTML: the prose of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, Tag

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
    "audio button canvas footer head header iframe math nav noscript object pre script select style svg template "
    "textarea video".split()
)
_DROPPED_ROLES: Final = frozenset({"banner", "contentinfo", "navigation", "search"})
_XML_DECLARATION: Final = re.compile(r"\A\s*<\?xml.*?\?>", re.DOTALL)


def read_html(text: str) -> Outline:
    """
    Read the prose of a page: paragraphs, list items, definitions, quotations, captions.

    Text directly inside another block, as in old pages without ``<p>``, is included if it contains a sentence. Scripts,
    navigation, headers, footers, code blocks and data tables are excluded. If the page has a main part, only that is
    read.
    """
    # Beautiful Soup warns about XML declarations, and about markup without a line break that looks like a file name.
    page = BeautifulSoup(_XML_DECLARATION.sub("", text) + "\n", "html.parser")
    outline = Outline()
    _Reader(outline).read(page.find("main") or page.find(None, {"role": "main"}) or page)
    if not outline.title and isinstance(page.title, Tag):
        outline.title = normalize(page.title.get_text())
    return outline


@dataclass(frozen=True, slots=True)
class _End:
    name: str


class _Reader:
    """Reads a page in order. It does not recurse, since unclosed tags can be nested very deeply."""

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
                case NavigableString() as string if type(string) is NavigableString:  # not a comment or script
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
        text = normalize("".join(self._run))
        self._run = []
        if not text:
            return
        if self._heading:
            self._outline.heading(self._heading, text)
            self._heading = 0  # the element was not closed: the next text is not a heading
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
    """Tell whether a tag is the permalink of a heading: a link that contains only a symbol such as a pilcrow."""
    match tag:
        case Tag(name="a", contents=[NavigableString() as mark]):
            return not any(map(str.isalnum, mark))
        case _:
            return False


def _is_data_table(tag: Tag) -> bool:
    """Tell whether a table has header cells. Tables without them may be the layout of an old page."""
    return tag.name == "table" and any(cell.find_parent("table") is tag for cell in tag.find_all("th"))
