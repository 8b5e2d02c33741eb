from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents import Section, Verbatim
from budwood_generation.documents.markdown import read_markdown
from budwood_generation.documents.records import Block

words = st.text(alphabet="abcdefgh", min_size=1, max_size=8)


def sections(text: str) -> tuple[Section, ...]:
    """Read an indented text."""
    return read_markdown(dedent(text)).sections()


def paragraphs(text: str) -> tuple[Block, ...]:
    """Read an indented text, and return its paragraphs."""
    return tuple(paragraph for section in sections(text) for paragraph in section.blocks)


def test_sections_have_their_headings():
    """
    A heading ends those of its level and below. Headings without prose create no section.
    """
    text = """\
        Before any heading.

        # Tea
        ## Green
        Green *leaves*.
        #### Steaming
        By steam.
        ## Black ##
        Black leaves.

        Coffee
        ======
        Beans.
        """
    assert sections(text) == (
        Section((), ("Before any heading.",)),
        Section(("Tea", "Green"), ("Green leaves.",)),
        Section(("Tea", "Green", "Steaming"), ("By steam.",)),
        Section(("Tea", "Black"), ("Black leaves.",)),
        Section(("Coffee",), ("Beans.",)),
    )


def test_prose_comes_from_lists_and_quotations():
    """
    Items and quotations are separate paragraphs, in reading order, at any depth.
    """
    text = """\
        Two teas:

        - green
          tea
          1. sencha

             with a second paragraph
        - black

        > Drink it hot.
        > > Or cold.
        """
    assert paragraphs(text) == (
        "Two teas:",
        "green tea",
        "sencha",
        "with a second paragraph",
        "black",
        "Drink it hot.",
        "Or cold.",
    )


def test_boxes_of_task_lists_are_removed():
    """
    Boxes elsewhere, in code or followed by a link, are text.
    """
    text = """\
        - [ ] water the tree
        - [x] cut *one* shoot

          [ ] is a box
        1. [X] bind it
        - `[ ] code`
        - [x](https://example.org) a link
        - [ ]none

        [ ] no item
        """
    assert paragraphs(text) == (
        "water the tree",
        "cut one shoot",
        "[ ] is a box",
        "bind it",
        "[ ] code",
        "x a link",
        "[ ]none",
        "[ ] no item",
    )


def test_code_and_tables_keep_their_lines():
    """
    Code has its language, and cells are text without markup.
    """
    text = """\
        ```python title="a.py"
        if a:

            fenced()
        ```

            indented()

        - ~~~
          in an item
          ~~~

        | a | b |
        |---|:-:|
        | *1* | `2` |
        | 3 |
        """
    assert paragraphs(text) == (
        Verbatim("if a:\n\n    fenced()", "```python", "```"),
        Verbatim("indented()", "```", "```"),
        Verbatim("in an item", "```", "```"),
        Verbatim("| 1 | 2 |\n| 3 |  |", "| a | b |\n| --- | --- |"),
    )


def test_html_images_and_definitions_are_excluded():
    """
    Only text is read.
    """
    text = """\
        Kept.

        <div>
        block
        </div>

        [![badge](badge.svg)](https://example.com)

        ***

        [label]: https://example.com "title"

        Kept too.
        """
    assert paragraphs(text) == ("Kept.", "Kept too.")


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("**bold** _it_ ~~gone~~ `code *x*`", "bold it gone code *x*"),
        ("a [link *here*](https://example.com 'title') b", "a link here b"),
        ("<https://example.com> &amp; &copy; \\*", "https://example.com & \u00a9 *"),
        ("line\nbreak  \nhard<br>tag", "line break hard tag"),
        ("E = mc<sup>2</sup><!-- note -->", "E = mc2"),
        ("press ![icon](i.png) here", "press here"),
        ("a&#xD800;b", "a\ufffdb"),
    ],
)
def test_inline_markup_becomes_text(markup, text):
    """
    Emphasis, code, links and entities become text on one line, without lone surrogates.
    """
    assert paragraphs(markup) == (text,)


def test_headings_inside_other_blocks_start_no_section():
    """
    A heading in a quotation or list is text.
    """
    assert sections("# Tea\n\n> ## Quoted\n\n- # Listed\n") == (Section(("Tea",), ("Quoted", "Listed")),)


@pytest.mark.parametrize(
    ("front_matter", "title"),
    [
        ("---\ntitle: Tea\ntags: [a]\n---\n", "Tea"),
        ("---\n# settings\ntags: [a]\ntitle: 'Green tea'\n--- \n", "Green tea"),
        ("---\ntags: [a]\n---\n", "Heading"),
        ("---\ntitle: >-\n  Tea\n---\n", "Heading"),
        ('+++\ntitle = "Tea"\n+++\n', "Tea"),
    ],
)
def test_front_matter_only_sets_the_title(front_matter, title):
    """
    YAML and TOML are supported. Without a title in it, the first heading is the title.
    """
    outline = read_markdown(front_matter + "# Heading\n\nText.\n")

    assert outline.title == title
    assert outline.sections() == (Section(("Heading",), ("Text.",)),)


@pytest.mark.parametrize("text", ["---\n\nText: one.\n\n---\n", "---\nText goes on.\n", "---\na: b\n"])
def test_a_rule_at_the_top_is_not_front_matter(text):
    """
    Text without a closing fence, or without a key at the start, is read as text.
    """
    assert paragraphs(text)


@pytest.mark.parametrize("text", ["## Second\n\nText.", "Text.", "#\n\nText."])
def test_only_a_heading_of_the_first_level_is_a_title(text):
    """
    A smaller heading at the start is not the title.
    """
    assert read_markdown(text).title == ""


@given(st.lists(st.lists(words, min_size=1, max_size=12), max_size=8))
def test_words_of_paragraphs_are_read_in_order(texts):
    """
    Plain paragraphs are unchanged.
    """
    expected = tuple(" ".join(text) for text in texts)

    assert paragraphs("\n\n".join(expected)) == expected


@given(st.text(alphabet="ab \n\t#*_-+>`~[]()<>!&;:=|.1\\\"'/"))
def test_any_text_can_be_read(text):
    """
    Paragraphs have single spaces and are never empty.
    """
    blocks = [block for section in read_markdown(text).sections() for block in section.blocks]
    found = [block for block in blocks if isinstance(block, str)]

    assert all(paragraph and paragraph == " ".join(paragraph.split()) for paragraph in found)
