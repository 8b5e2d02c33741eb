from __future__ import annotations

from textwrap import dedent

import pytest
from docutils.parsers.rst import directives
from hypothesis import given, settings
from hypothesis import strategies as st

from budwood_generation.documents import Section, Verbatim
from budwood_generation.documents.records import Block
from budwood_generation.documents.restructured import read_restructured


def sections(text: str) -> tuple[Section, ...]:
    """Read an indented text."""
    return read_restructured(dedent(text)).sections()


def paragraphs(text: str) -> tuple[Block, ...]:
    """Read an indented text, and return its paragraphs."""
    return tuple(paragraph for section in sections(text) for paragraph in section.blocks)


def test_sections_have_their_headings():
    """
    Adornments determine the levels, and the first title is that of the document.
    """
    text = """\
        ===
        Tea
        ===
        :author: Ada

        About *tea*.

        Green
        -----
        Leaves.

        Steaming
        ~~~~~~~~
        By steam.

        Black
        -----
        Oxidised.
        """
    assert read_restructured(dedent(text)).title == "Tea"
    assert sections(text) == (
        Section(("Tea",), ("About tea.",)),
        Section(("Tea", "Green"), ("Leaves.",)),
        Section(("Tea", "Green", "Steaming"), ("By steam.",)),
        Section(("Tea", "Black"), ("Oxidised.",)),
    )


def test_prose_comes_from_every_kind_of_block():
    """
    Lists, definitions, options, fields, quotations, line blocks, footnotes and admonitions are read.
    """
    text = """\
        Two [1]_ teas [CIT]_:

        * green

          second paragraph
        #. black

        term
            meaning

        -v, --verbose  Says more.

        .. note:: Drink it hot.

        .. figure:: tea.png

           A caption.

        ..

            A quotation.

            -- Somebody

        | one
        |   two

        .. [1] A footnote.
        """
    assert paragraphs(text) == (
        "Two teas :",
        "green",
        "second paragraph",
        "black",
        "term",
        "meaning",
        "-v, --verbose",
        "Says more.",
        "Drink it hot.",
        "A caption.",
        "A quotation.",
        "Somebody",
        "one two",
        "A footnote.",
    )


def test_code_and_tables_keep_their_lines():
    """
    The language is that of the directive, also if it has options that only Sphinx knows.
    """
    text = """\
        Text::

            literal()

        >>> doctest()
        1

        .. code-block:: python

           if a:

               known()

        .. code-block:: c
           :caption: unknown to docutils
           :emphasize-lines: 2

           unknown();

        ===  ===
        a    b
        ===  ===
        1    2
        ===  ===

        .. list-table:: Title

           * - cell
             - *other*

        .. csv-table::

           a, b
        """
    assert paragraphs(text) == (
        "Text:",
        Verbatim("literal()", "```", "```"),
        Verbatim(">>> doctest()\n1", "```pycon", "```"),
        Verbatim("if a:\n\n    known()", "```python", "```"),
        Verbatim("unknown();", "```c", "```"),
        Verbatim("| 1 | 2 |", "| a | b |\n| --- | --- |"),
        "Title",
        Verbatim("| cell | other |"),
        Verbatim("| a | b |"),
    )


def test_comments_images_and_mathematics_are_excluded():
    """
    Only text is read.
    """
    text = """\
        Kept.

        .. a comment

        .. math:: x = y

        .. image:: picture.png
           :alt: picture

        .. contents::

        .. _target:
        .. _link: https://example.com

        .. header:: page header

        ----

        Kept too.
        """
    assert paragraphs(text) == ("Kept.", "Kept too.")


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("**bold** *it* ``code *x*`` `title`", "bold it code *x* title"),
        ("a `link <https://example.com>`_ and `another one`_ b_", "a link and another one b"),
        (r"escaped \*star\* and re\ **join**\ ed", "escaped *star* and rejoined"),
        ("the :py:func:`~os.path.join` function", "the join function"),
        ("the :func:`!open` and :meth:`x.y`", "the open and x.y"),
        ("see :ref:`the guide <guide-label>` and :doc:`intro`", "see the guide and intro"),
        ("see :pep:`8` and :rfc:`2616`", "see PEP 8 and RFC 2616"),
        (r"in :file:`C:\\dir` and :file:`~/.rc`, :math:`\alpha < \beta`", r"in C:\dir and ~/.rc, \alpha < \beta"),
        ("press :kbd:`~` for :samp:`a <b>`", "press ~ for a <b>"),
        ("`suffixed`:unknown: role", "suffixed role"),
        ("H\\ :sub:`2`\\ O and :abbr:`LIFO (last in, first out)`", "H2O and LIFO (last in, first out)"),
        ("an unclosed *star, `quote and |bar", "an unclosed *star, `quote and |bar"),
        ("version |version| here", "version version here"),
    ],
)
def test_inline_markup_becomes_text(markup, text):
    """
    Emphasis, links, and known and unknown roles become the text that a reader would see.
    """
    assert paragraphs(markup) == (text,)


def test_substitutions_are_not_recursive():
    """
    Images, dates and recursive definitions are not inserted, so that the text stays the same.
    """
    text = """\
        |name| is |loop| on |today| |picture| with |odd|.

        .. |name| replace:: *Tea*
        .. |loop| replace:: |loop| |loop|
        .. |today| date::
        .. |picture| image:: tea.png
        .. |odd| unicode:: 0xD800
        """
    assert paragraphs(text) == ("Tea is loop loop on with ?.",)


def test_directives_of_sphinx_keep_their_prose():
    """
    The bodies of unknown directives are read in place, with the signature.
    """
    text = """\
        Tea
        ===

        .. toctree::
           :maxdepth: 2

           intro

        .. seealso:: The :ref:`guide <g>`.

        .. py:function:: pour(\\*cups, hot=True)
           :noindex:

           Pour the tea.

           .. versionadded:: 3.2
              The *hot* parameter.

           .. deprecated-removed:: 3.11 3.13 Use ``serve`` instead.

           .. versionchanged:: 3.12 Takes *sugar*

        .. class:: Pot(size)

           Make a pot.

        .. only:: html

           For the web.

        .. tab:: Windows

           - item

        After.
        """
    assert sections(text) == (
        Section(
            ("Tea",),
            (
                "The guide.",
                "pour(*cups, hot=True)",
                "Pour the tea.",
                "The hot parameter.",
                "Use serve instead.",
                "Takes sugar",
                "Pot(size)",
                "Make a pot.",
                "For the web.",
                "Windows",
                "item",
                "After.",
            ),
        ),
    )


def test_known_directives_with_unknown_options_keep_their_prose():
    """
    An option of Sphinx does not remove the text.
    """
    text = """\
        .. figure:: tea.png
           :loading: lazy

           A caption.

        .. note::
           :collapsible: yes

           A note.
        """
    assert paragraphs(text) == ("A caption.", "A note.")


def test_messages_of_docutils_are_excluded(capsys):
    """
    Markup errors are neither text nor output, and the text around them is read.
    """
    text = """\
        Green tea
        =====
        One.

        Three
        ~~~~~
        - item
        not indented

        Unknown_ and |unknown| and [99]_.

        +---+
        | broken
        +---+

        .. unknown-directive::

        .. _dup: a
        .. _dup: b

        .. default-role:: nonsense
        .. |x| nonsense:: y

        Last.
        """
    found = " ".join(paragraphs(text))

    assert found == "One. item not indented Unknown and unknown and . Last."
    assert capsys.readouterr() == ("", "")


def test_a_title_at_an_invalid_level_is_text():
    """
    It is not lost.
    """
    text = """\
        A
        =
        B
        -
        C
        ~
        Text.

        D
        =
        E
        ~
        More.
        """
    assert sections(text) == (Section(("A", "B", "C"), ("Text.",)), Section(("D",), ("E", "More.")))


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: secret.txt",
        ".. literalinclude:: secret.txt",
        ".. raw:: html\n   :file: secret.txt",
        ".. raw:: html\n   :url: file:///secret.txt",
        ".. raw:: html\n\n   <b>secret</b>",
        ".. csv-table::\n   :file: secret.txt",
        ".. csv-table::\n   :url: file:secret.txt",
        ".. role:: raw-html(raw)\n   :format: html\n\n:raw-html:`secret`",
    ],
)
def test_no_document_reads_another_file(directive, tmp_path, monkeypatch):
    """
    A document cannot include files, URLs or raw markup.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")

    assert paragraphs(f"Before.\n\n{directive}\n\nAfter.") == ("Before.", "After.")


def test_the_configuration_of_docutils_is_ignored(tmp_path, monkeypatch):
    """
    A docutils.conf in the current folder could enable file inclusion.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docutils.conf").write_text("[general]\nfile_insertion_enabled: yes\n")
    monkeypatch.setenv("DOCUTILSCONFIG", str(tmp_path / "docutils.conf"))
    (tmp_path / "secret.txt").write_text("secret")

    assert paragraphs(".. include:: secret.txt") == ()


def test_documents_are_independent():
    """
    A role that one document defines is unknown in the next, and no directive is registered.
    """
    text = ":custom:`title <target>`"
    read_restructured(".. role:: custom(literal)\n\n:custom:`x`\n\n.. py:function:: f()")

    assert paragraphs(text) == ("title",)
    assert "py:function" not in directives._directives


def test_very_long_lines_are_read():
    """
    The line limit of docutils is disabled.
    """
    assert paragraphs("word " * 5000) == ("word " * 4999 + "word",)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a ", "b\n", "\n\n", "  ", "*", "``", "`", ":r:", "|", "_", ".. ", "x:: ", "=\n", "-\n", "* ", "[1]", "\\"]
        ),
        max_size=40,
    )
)
def test_any_text_can_be_read(fragments):
    """
    Paragraphs have single spaces, are never empty, and contain no messages.
    """
    found = [block for block in paragraphs("".join(fragments)) if isinstance(block, str)]

    assert all(paragraph and paragraph == " ".join(paragraph.split()) for paragraph in found)
    assert not any("Unknown" in paragraph or "docutils" in paragraph for paragraph in found)
