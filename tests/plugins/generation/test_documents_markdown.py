from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents import Section
from budwood_generation.documents.markdown import read_markdown

words = st.text(alphabet="abcdefgh", min_size=1, max_size=8)


def sections(text: str) -> tuple[Section, ...]:
    """Read an indented text."""
    return read_markdown(dedent(text)).sections()


def paragraphs(text: str) -> tuple[str, ...]:
    """Read an indented text and list its paragraphs."""
    return tuple(paragraph for section in sections(text) for paragraph in section.paragraphs)


def test_headings_become_the_chain_above_a_section():
    """
    A heading ends those of its level and deeper; headings without prose leave no section.
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


def test_prose_is_taken_from_lists_and_quotations():
    """
    Items and quotations are paragraphs of their own, in reading order, however deep.
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


def test_boxes_of_task_lists_are_no_prose():
    """
    Whether a task is done says nothing; a box elsewhere, in code or with a link behind it is text like any other.
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


def test_code_html_tables_images_and_definitions_are_no_prose():
    """
    Only what a reader would read aloud stays.
    """
    text = """\
        Kept.

        ```python
        fenced()
        ```

            indented()

        <div>
        block
        </div>

        | a | b |
        |---|---|
        | 1 | 2 |

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
        ("press ![icon](i.png) here", "press icon here"),
        ("a&#xD800;b", "a\ufffdb"),
    ],
)
def test_inline_markup_becomes_its_text(markup, text):
    """
    Emphasis, code, links and entities leave their words, in one line, and nothing that UTF-8 cannot hold.
    """
    assert paragraphs(markup) == (text,)


def test_headings_inside_other_blocks_divide_nothing():
    """
    A heading in a quotation or a list is text of its section.
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
def test_front_matter_is_left_out_except_for_the_title(front_matter, title):
    """
    Front matter in YAML or TOML is no prose; its title is that of the document, else the first heading is.
    """
    outline = read_markdown(front_matter + "# Heading\n\nText.\n")

    assert outline.title == title
    assert outline.sections() == (Section(("Heading",), ("Text.",)),)


@pytest.mark.parametrize("text", ["---\n\nText: one.\n\n---\n", "---\nText goes on.\n", "---\na: b\n"])
def test_a_rule_at_the_top_is_not_front_matter(text):
    """
    What has no closing fence or does not begin with a key is read as text.
    """
    assert paragraphs(text)


@pytest.mark.parametrize("text", ["## Second\n\nText.", "Text.", "#\n\nText."])
def test_only_a_heading_of_the_first_level_is_a_title(text):
    """
    A document that begins with smaller headings is not called by the first of them.
    """
    assert read_markdown(text).title == ""


@given(st.lists(st.lists(words, min_size=1, max_size=12), max_size=8))
def test_words_of_paragraphs_come_back_in_order(texts):
    """
    Plain paragraphs are read as they were written.
    """
    expected = tuple(" ".join(text) for text in texts)

    assert paragraphs("\n\n".join(expected)) == expected


@given(st.text(alphabet="ab \n\t#*_-+>`~[]()<>!&;:=|.1\\\"'/"))
def test_no_text_breaks_the_reader(text):
    """
    Whatever the markup, paragraphs come out with single spaces and never empty.
    """
    found = [paragraph for section in read_markdown(text).sections() for paragraph in section.paragraphs]

    assert all(paragraph and paragraph == " ".join(paragraph.split()) for paragraph in found)
