from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents import Section
from budwood_generation.documents.html import read_html


def paragraphs(text: str) -> tuple[str, ...]:
    """Read a page and list its paragraphs."""
    return tuple(paragraph for section in read_html(text).sections() for paragraph in section.paragraphs)


def test_headings_become_the_chain_above_a_section():
    """
    Headings order the page wherever they stand in its boxes, without the marks that generators hang on them.
    """
    page = """
        <html><head><title>Tea - Drinks</title></head><body>
        <h1>Tea<a class="headerlink" href="#tea">\u00b6</a></h1>
        <div><h2>Green <em>tea</em></h2><p>Leaves.</p></div>
        <section><h2><a href="#black">Black</a></h2><p>Oxidised.</p></section>
        </body></html>
        """
    outline = read_html(page)

    assert outline.title == "Tea"
    assert outline.sections() == (
        Section(("Tea", "Green tea"), ("Leaves.",)),
        Section(("Tea", "Black"), ("Oxidised.",)),
    )


def test_a_page_without_heading_is_called_by_its_title_element():
    """
    `<title>` is what remains when no heading of level 1 is in the text.
    """
    assert read_html("<title>Green\n tea</title><h2>Leaves</h2><p>Text.").title == "Green tea"


def test_prose_is_taken_from_paragraphs_lists_definitions_and_quotations():
    """
    Blocks inside blocks are paragraphs of their own, in reading order.
    """
    page = """
        <p>One <b>bold</b><i>face</i><br>word.</p>
        <ul><li>item<ul><li>inner</li></ul>rest</li><li><p>first</p><p>second</p></li></ul>
        <dl><dt>term</dt><dd>meaning</dd></dl>
        <blockquote>quoted</blockquote>
        <figure><img alt="picture"><figcaption>caption</figcaption></figure>
        """
    assert paragraphs(page) == (
        "One boldface word.",
        "item",
        "inner",
        "rest",
        "first",
        "second",
        "term",
        "meaning",
        "quoted",
        "caption",
    )


@pytest.mark.parametrize(
    "furniture",
    [
        "<script>x = 'A sentence.'</script>",
        "<style>p::before { content: 'A sentence.' }</style>",
        "<nav><p>A sentence.</p></nav>",
        "<header><h1>Site</h1><p>A sentence.</p></header>",
        "<footer><p>A sentence.</p></footer>",
        "<div role='navigation'><p>A sentence.</p></div>",
        "<pre>A sentence.</pre>",
        "<template><p>A sentence.</p></template>",
        "<noscript><p>A sentence.</p></noscript>",
        "<p hidden>A sentence.</p>",
        "<!-- <p>A sentence.</p> -->",
        "<![CDATA[A sentence.]]>",
        "<table><tr><th>a</th></tr><tr><td><p>A sentence.</p></td></tr></table>",
        "<div>Home</div>",
        "<button>Press it.</button>",
    ],
)
def test_furniture_of_a_page_is_left_out(furniture):
    """
    What is not the author's prose disappears and separates the paragraphs around it, if it is a block.
    """
    assert paragraphs(f"<body><p>Before.</p>{furniture}<p>After.</p>") == ("Before.", "After.")


def test_a_script_inside_a_paragraph_does_not_divide_it():
    """
    Inline elements that are left out leave the words around them together.
    """
    assert paragraphs("<p>One<script>x</script> word.</p>") == ("One word.",)


def test_a_code_block_inside_an_item_divides_it():
    """
    The words before and after a block are not run together.
    """
    assert paragraphs("<ul><li>before<pre>code</pre>after</li></ul>") == ("before", "after")


def test_text_outside_paragraphs_is_taken_where_it_holds_a_sentence():
    """
    Pages older than `<p>`, and tables that lay out a page, keep their text; labels and menus do not.
    """
    page = "<body>Menu<table><tr><td>This is<br>a sentence.</td><td>Home</td></tr></table><div>And this one!</div>"

    assert paragraphs(page) == ("This is a sentence.", "And this one!")


def test_a_layout_table_is_kept_when_a_data_table_lies_in_it():
    """
    Header cells count only for the table that they belong to.
    """
    page = "<table><tr><td><p>Kept.</p><table><tr><th>Lost.</th></tr></table></td></tr></table>"

    assert paragraphs(page) == ("Kept.",)


@pytest.mark.parametrize("main", ["<main>{}</main>", "<div role='main'>{}</div>"])
def test_where_a_page_names_its_main_part_only_that_is_read(main):
    """
    Banners and lists of links around the main part are not prose of the document.
    """
    page = f"<p>Cookies!</p>{main.format('<h1>Tea</h1><p>Leaves.</p>')}<ul><li>Imprint</li></ul>"

    assert read_html(page).sections() == (Section(("Tea",), ("Leaves.",)),)


def test_unclosed_tags_end_where_the_next_block_begins():
    """
    Old pages leave out end tags: paragraphs stay paragraphs, and an unclosed heading does not swallow the page.
    """
    assert read_html("<h1>Tea<p>One.<p>Two.<ul><li>three<li>four</ul>").sections() == (
        Section(("Tea",), ("One.", "Two.", "three", "four")),
    )


def test_a_page_nested_as_deep_as_it_is_long_is_read():
    """
    Thousands of unclosed tags neither exhaust the stack nor take long.
    """
    page = "<a name=x><p>A sentence.\n" * 5000

    assert paragraphs(page) == ("A sentence.",) * 5000


@pytest.mark.parametrize(
    "text", ["<?xml version='1.0'?><html><p>Tea &lt; coffee.</p></html>", "<p>Tea < coffee.", "<p>Tea &lt; coffee."]
)
def test_declarations_and_entities_are_understood(text):
    """
    XHTML is read like HTML, without a warning, and entities become their characters.
    """
    assert paragraphs(text) == ("Tea < coffee.",)


@pytest.mark.parametrize("text", ["https://example.com/", "page.html", "?"])
def test_text_that_looks_like_a_name_is_no_reason_to_warn(text):
    """
    A file that holds just an address is read as any other: warnings are errors in this test.
    """
    assert paragraphs(text) in {(), (text,)}


@given(st.text(alphabet="ab .<>/=\"'&;!-?#\n", max_size=60))
def test_no_text_breaks_the_reader(text):
    """
    Whatever the markup, paragraphs come out with single spaces and never empty.
    """
    assert all(paragraph and paragraph == " ".join(paragraph.split()) for paragraph in paragraphs(text))


@given(st.lists(st.sampled_from(["<p>", "</p>", "<li>", "<div>", "</div>", "<b>", "</b>", "<h1>", "<ul>", "w. "])))
def test_no_word_is_lost_between_tags_in_any_order(pieces):
    """
    However badly the tags are nested, each sentence outside the furniture is read exactly once.
    """
    outline = read_html("".join(pieces))
    sections = outline.sections()
    words = " ".join(paragraph for section in sections for paragraph in section.paragraphs).split()

    assert len(words) <= pieces.count("w. ")
    if "<h1>" not in pieces:
        assert len(words) == pieces.count("w. ")
