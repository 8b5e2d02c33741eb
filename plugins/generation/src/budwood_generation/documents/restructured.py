"""
reStructuredText, including that of Sphinx, which has many roles and directives that docutils does not know.

Nothing is registered with docutils, because its registries are global to the process. Roles are read as text, and
blocks that docutils cannot parse are read from its system messages, which quote the source.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from copy import copy
from functools import cache
from optparse import Values
from textwrap import dedent
from typing import Final

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.parsers.rst.states import Inliner
from docutils.utils import escape2null, new_document, unescape

from budwood_generation.documents.outline import Outline
from budwood_generation.documents.sentences import has_sentence

_SKIPPED: Final = (
    nodes.comment,
    nodes.decoration,
    nodes.label,
    nodes.math_block,
    nodes.raw,
    nodes.substitution_definition,
    nodes.target,
)
_LOSS: Final = 3  # the level of an error: the block is missing from the result
_SILENCE: Final = 6  # above the highest level, which is 5
_SILENT: Final = (nodes.citation_reference, nodes.footnote_reference, nodes.image, nodes.raw)

_DIRECTIVE: Final = re.compile(r"\.\.[ ]+(?P<name>[\w:.+-]+?)[ ]?::(?:[ ]+(?P<argument>.*)|$)")
_PYTHON_CLASS: Final = re.compile(r"^([ ]*\.\.[ ]+)(?=class::[ ]+\S*[(.A-Z])", re.MULTILINE)
_OPTION: Final = re.compile(r":[^:`]+:(?:\s|$)")
_TITLE_LINE: Final = re.compile(r"([^\w\s])\1*\s*")
_CODE: Final = frozenset({"code", "code-block", "sourcecode"})
_NOT_PROSE: Final = frozenset(
    "automodule autoclass autofunction automethod autoattribute autodata autoexception autosummary "
    "command-output contents csv-table currentmodule default-role digraph doctest graph graphviz "
    "highlight image include index inheritance-diagram ipython jupyter-execute list-table literalinclude math "
    "mermaid meta moduleauthor parsed-literal plot productionlist program-output prompt raw role sectionauthor "
    "sectnum table tabularcolumns testcleanup testcode testoutput testsetup toctree uml".split()
)
_BODY_ONLY: Final = frozenset({"figure", "grid", "ifconfig", "module", "only", "tab-set", "tabs"})
_VERSION: Final = re.compile(r"\S+(?:\s+\d[\w.]*)*\s*")

_CROSS_REFERENCE: Final = re.compile(r"(?P<title>.+?)\s+<[^<>]*>", re.DOTALL)
_SHORTENED: Final = re.compile(r"~[\w.]*?(?P<last>\w+)")  # in Sphinx: show only the last name
_VERBATIM_ROLES: Final = frozenset({"code", "math"})
_LITERAL_ROLES: Final = frozenset({"file", "kbd", "samp"})
_ROLE_PREFIXES: Final = {"pep": "PEP ", "rfc": "RFC "}


def read_restructured(text: str) -> Outline:
    """
    Read a reStructuredText: paragraphs, list items, definitions, quotations, admonitions, code blocks and tables.

    Comments, mathematics, images and the fields at the top are excluded. No file is included, no URL is opened, no
    configuration of docutils is read, and nothing is printed.
    """
    document = _parse(text)
    _remove_metadata(document)
    reader = _Reader(document)
    reader.read(document.children, 0)
    return reader.outline


def _parse(text: str) -> nodes.document:
    document = new_document("", copy(_default_settings()))
    inliner = Inliner()
    # A subclass does not work: docutils builds its patterns from the attributes of the object's exact class.
    inliner.interpreted = _interpreted  # type: ignore[assignment, method-assign] # on purpose
    # In docutils, `class` sets the style of its content. In the documentation of Python, it describes a class.
    Parser(inliner=inliner).parse(_PYTHON_CLASS.sub(r"\1py:", text), document)
    return document


@cache
def _default_settings() -> Values:
    """Return the settings, which take docutils as long to create as to parse a short text."""
    settings = get_default_settings(Parser)
    settings.file_insertion_enabled = False
    settings.raw_enabled = False
    settings.report_level = _SILENCE
    settings.halt_level = _SILENCE
    settings.warning_stream = ""
    settings.syntax_highlight = "none"
    settings.line_length_limit = sys.maxsize  # with a longer line, docutils drops the text
    return settings


def _remove_metadata(document: nodes.document) -> None:
    """Remove the fields at the top of the document, or directly below its title."""
    for fields in list(document.findall(nodes.field_list)):
        above = fields.parent
        if above is document or (above.parent is document and above.index(fields) == 1):
            above.remove(fields)


def _interpreted(
    rawsource: str, text: str, role: str, _lineno: int
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Read any role as the text that Sphinx would render."""
    return [nodes.inline(rawsource, _role_text(role, text))], []


def _role_text(role: str | None, escaped: str) -> str:
    name = (role or "").lower().rpartition(":")[2]
    if name.startswith("raw"):
        return ""
    if name in _VERBATIM_ROLES:
        return unescape(escaped, restore_backslashes=True)
    text = unescape(escaped)
    if name in _LITERAL_ROLES:
        return text
    if titled := _CROSS_REFERENCE.fullmatch(text):
        return titled["title"]
    if shortened := _SHORTENED.fullmatch(text):
        return shortened["last"]
    return _ROLE_PREFIXES.get(name, "") + text.removeprefix("!")


class _Reader:
    """Reads a parsed text, and parses again the blocks that docutils rejected."""

    def __init__(self, document: nodes.document) -> None:
        self.outline = Outline()
        self._document = document

    def read(self, children: Sequence[nodes.Node], depth: int) -> None:
        for child in children:
            match child:
                case nodes.section():
                    self.read(child.children, depth + 1)
                case nodes.title(parent=nodes.section()):
                    self.outline.heading(depth, self._text(child))
                case nodes.system_message():
                    self._recover(child, depth)
                case nodes.Element() if not _is_skipped(child):
                    self._read_block(child, depth)

    def _read_block(self, block: nodes.Element, depth: int) -> None:
        match block:
            case nodes.literal_block() | nodes.doctest_block():
                self.outline.code(self._text(block), _find_language(block))
            case nodes.table():
                self._read_table(block)
            case nodes.line_block():
                self.outline.paragraph(" ".join(map(self._text, block.findall(nodes.line))))
            case nodes.option_group():
                self.outline.paragraph(block.astext())
            case nodes.TextElement():
                self.outline.paragraph(self._text(block))
            case _:
                self.read(block.children, depth)

    def _read_table(self, table: nodes.table) -> None:
        for title in table.findall(nodes.title):
            self.outline.paragraph(self._text(title))
        rows = [
            [" ".join(map(self._text, entry.children)) for entry in row.findall(nodes.entry)]
            for row in table.findall(nodes.row)
        ]
        self.outline.table(rows, header_rows=sum(len(head.children) for head in table.findall(nodes.thead)))

    def _text(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return node.astext()
        if isinstance(node, _SILENT):
            return ""
        if isinstance(node, nodes.substitution_reference):
            return self._substitution(node)
        return "".join(map(self._text, node.children))

    def _substitution(self, reference: nodes.substitution_reference) -> str:
        """Substitute without recursion: definitions can refer to themselves, or grow exponentially."""
        name = reference["refname"]
        definition = self._document.substitution_defs.get(name)
        if definition is None:
            return reference.astext()
        if "date::" in definition.rawsource:  # the text would depend on the day
            return ""
        return "".join(text.astext() for text in definition.findall(nodes.Text))  # empty for an image

    def _recover(self, message: nodes.system_message, depth: int) -> None:
        """Read a block that docutils only quotes: an unknown or invalid directive, or a misplaced title."""
        if message["level"] < _LOSS:
            return
        source = "".join(quoted.astext() for quoted in message.findall(nodes.literal_block))
        first, *rest = source.split("\n")
        directive = _DIRECTIVE.match(first)
        if directive is None:
            self._recover_title(source)
            return
        name = directive["name"].lower().rpartition(":")[2]
        if name in _NOT_PROSE:
            return
        argument, body = _split_directive(directive["argument"] or "", rest)
        if name in _CODE:
            self.outline.code(body, argument)
            return
        is_note = name.startswith(("deprecated", "version"))
        if is_note:
            argument = _VERSION.sub("", argument, count=1)
        if is_note or "`" in argument or has_sentence(argument):
            body = f"{argument}\n\n{body}"
        elif name not in _BODY_ONLY:  # a signature, in which asterisks are not markup
            self.outline.paragraph(unescape(escape2null(argument)))
        self.read(_parse(body).children, depth)

    def _recover_title(self, source: str) -> None:
        lines = source.split("\n")
        titles = [line for line in lines if not _TITLE_LINE.fullmatch(line)]
        if len(titles) == 1 and len(lines) > 1:
            self.outline.paragraph(titles[0])


def _find_language(block: nodes.Element) -> str:
    if isinstance(block, nodes.doctest_block):
        return "pycon"
    return next((name for name in block["classes"] if name != "code"), "")


def _is_skipped(node: nodes.Node) -> bool:
    return isinstance(node, _SKIPPED) or (isinstance(node, nodes.topic) and "contents" in node["classes"])


def _split_directive(argument: str, lines: list[str]) -> tuple[str, str]:
    """Split the lines of a directive at the first blank one; return the argument without options, and the body."""
    head = [line.strip() for line in lines]
    length = head.index("") if "" in head else len(head)
    arguments = [argument, *(line for line in head[:length] if not _OPTION.match(line))]
    return " ".join(arguments).strip(), dedent("\n".join(lines[length:])).strip("\n")
