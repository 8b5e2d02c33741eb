from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents import Section, Verbatim
from budwood_generation.documents.html import read_html
from budwood_generation.documents.records import Block


def paragraphs(text: str) -> tuple[Block, ...]:
    """Read a page, and return its paragraphs."""
    return tuple(paragraph for section in read_html(text).sections() for paragraph in section.blocks)


def test_sections_have_their_headings():
    """
    Headings are found in any box, without the permalinks of generators.
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


def test_the_title_element_is_the_fallback_title():
    """
    It is used if the page has no heading of level 1.
    """
    assert read_html("<title>Green\n tea</title><h2>Leaves</h2><p>Text.").title == "Green tea"


def test_prose_comes_from_paragraphs_lists_definitions_and_quotations():
    """
    Nested blocks are separate paragraphs, in reading order.
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
    "excluded",
    [
        "<script>x = 'A sentence.'</script>",
        "<style>p::before { content: 'A sentence.' }</style>",
        "<nav><p>A sentence.</p></nav>",
        "<header><h1>Site</h1><p>A sentence.</p></header>",
        "<footer><p>A sentence.</p></footer>",
        "<div role='navigation'><p>A sentence.</p></div>",
        "<div class='navheader'><table><tr><th>A sentence.</th></tr></table></div>",
        "<template><p>A sentence.</p></template>",
        "<noscript><p>A sentence.</p></noscript>",
        "<p hidden>A sentence.</p>",
        "<!-- <p>A sentence.</p> -->",
        "<![CDATA[A sentence.]]>",
        "<div>Home</div>",
        "<button>Press it.</button>",
    ],
)
def test_navigation_is_excluded(excluded):
    """
    An excluded block separates the paragraphs around it.
    """
    assert paragraphs(f"<body><p>Before.</p>{excluded}<p>After.</p>") == ("Before.", "After.")


def test_a_script_does_not_split_a_paragraph():
    """
    Excluded inline elements do not split the text around them.
    """
    assert paragraphs("<p>One<script>x</script> word.</p>") == ("One word.",)


def test_a_code_block_splits_an_item():
    """
    The text before and after a block is not joined.
    """
    assert paragraphs("<ul><li>before<pre>code</pre>after</li></ul>") == (
        "before",
        Verbatim("code", "```", "```"),
        "after",
    )


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("<pre>{}</pre>", ""),
        ("<pre><code>{}</code></pre>", ""),
        ("<pre><code class='hljs language-python'>{}</code></pre>", "python"),
        ("<pre class='lang-python'>{}</pre>", "python"),
        ("<div class='highlight-python notranslate'><div class='highlight'><pre>{}</pre></div></div>", "python"),
        ("<div class='highlight-default notranslate'><div class='highlight'><pre>{}</pre></div></div>", ""),
        ("<div class='highlight highlight-source-python'><pre>{}</pre></div>", "python"),
        ("<div class='sourceCode'><pre class='sourceCode python'>{}</pre></div>", "python"),
    ],
)
def test_code_keeps_its_lines_and_language(code, language):
    """
    Markup for colors is removed. The language is that of the classes of common generators.
    """
    lines = "\n<span class='k'>if</span> a &lt; b:  \n    <b>c</b>()<br>d()\n\n"

    assert paragraphs(code.format(lines)) == (Verbatim("if a < b:\n    c()\nd()", f"```{language}", "```"),)


def test_a_fence_is_longer_than_those_in_the_code():
    """
    Code can contain Markdown.
    """
    assert paragraphs("<pre>```\ncode\n```</pre>") == (Verbatim("```\ncode\n```", "````", "````"),)


def test_line_numbers_beside_code_are_excluded():
    """
    Generators write them into a table around the code.
    """
    page = "<table><tr><td><pre>1\n2</pre></td><td><pre>a\nb</pre></td></tr></table>"

    assert paragraphs(page) == (Verbatim("a\nb", "```", "```"),)


def test_a_table_with_header_cells_keeps_its_rows():
    """
    Rows are those of Markdown, and blocks in cells are on one line.
    """
    page = """
        <table><caption>Teas</caption>
        <thead><tr><th>Name</th><th>Degrees</th></tr></thead>
        <tbody><tr><td><p>Green</p><p>tea</p></td><td>80|90</td></tr><tr><th>Black</th><td></td></tr></tbody>
        </table>
        """
    header = "| Name | Degrees |\n| --- | --- |"

    assert paragraphs(page) == ("Teas", Verbatim("| Green tea | 80\\|90 |\n| Black |  |", header))


def test_text_outside_paragraphs_needs_a_sentence():
    """
    Old pages without `<p>` and layout tables keep their text. Labels and menus are excluded.
    """
    page = "<body>Menu<table><tr><td>This is<br>a sentence.</td><td>Home</td></tr></table><div>And this one!</div>"

    assert paragraphs(page) == ("This is a sentence.", "And this one!")


@pytest.mark.parametrize(
    ("rows", "is_data"),
    [
        ("<tr><td>Name<td><p>Ada</p><tr><td>Age<td>36", True),
        ("<tr><td>Name<td>Ada", False),
        ("<tr><td>Name<tr><td>Age", False),
        ("<tr><td>Name<td>Ada<tr><td>Age", False),
        ("<tr><td>Name<td><img src=x><tr><td>Age<td>36", False),
        (f"<tr><td>Name<td>{'Ada ' * 60}<tr><td>Age<td>36", False),
    ],
)
def test_a_table_without_header_cells_may_be_data(rows, is_data):
    """
    It has as many cells in each row, with short texts. Otherwise it is the layout of an old page.
    """
    table = (Verbatim("| Name | Ada |\n| Age | 36 |"),)

    assert paragraphs(f"<table>{rows}</table>") == (table if is_data else ())


def test_a_layout_table_can_contain_a_data_table():
    """
    Header cells count only for their own table.
    """
    page = "<table><tr><td><p>Text.</p><table><tr><th>a</th><td>b</td></tr></table></td></tr></table>"

    assert paragraphs(page) == ("Text.", Verbatim("| a | b |"))


@pytest.mark.parametrize("main", ["<main>{}</main>", "<div role='main'>{}</div>"])
def test_only_the_main_part_is_read(main):
    """
    Banners and link lists around it are excluded.
    """
    page = f"<p>Cookies!</p>{main.format('<h1>Tea</h1><p>Leaves.</p>')}<ul><li>Imprint</li></ul>"

    assert read_html(page).sections() == (Section(("Tea",), ("Leaves.",)),)


def test_unclosed_tags_end_at_the_next_block():
    """
    Paragraphs without end tags are separate, and an unclosed heading does not contain the rest of the page.
    """
    assert read_html("<h1>Tea<p>One.<p>Two.<ul><li>three<li>four</ul>").sections() == (
        Section(("Tea",), ("One.", "Two.", "three", "four")),
    )


def test_deeply_nested_pages_are_read():
    """
    Thousands of unclosed tags neither exhaust the stack nor take quadratic time.
    """
    page = "<a name=x><p>A sentence.\n" * 5000

    assert paragraphs(page) == ("A sentence.",) * 5000


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 100_000 + "A sentence.",
        "<ul><li>" * 100_000 + "A sentence.",
        "".join(f"<font color={number}><p>A sentence." for number in range(10_000)),
        "</font>" * 10_000 + "".join(f"<FONT color={number}><p>A sentence." for number in range(10_000)),
        "<p " + " ".join(f"a{number}" for number in range(100_000)) + ">A sentence.",
        "<p " + " ".join(f"a{number}='>'" for number in range(100_000)) + ">A sentence.",
    ],
    ids=["blocks", "lists", "formatting", "stray end tags", "attributes", "quoted attributes"],
)
def test_a_page_that_takes_quadratic_time_is_rejected(page):
    """
    The HTML standard takes hours for such pages, or fills the memory.
    """
    with pytest.raises(RecursionError):
        read_html(page)


@pytest.mark.parametrize(
    "page",
    [
        "<p>A sentence.</p>" * 30_000,
        "<p><b><i>A sentence.</i></b>" * 30_000,
        "<ul>" + "<li>A sentence.<br><img src=x>" * 30_000 + "</ul>",
        "<p>A sentence.<svg>" + "<path d=x />" * 30_000 + "</svg>" + "<P>A sentence." * 30_000,
        "<p class=x>A sentence.<SVG><g><path/></g></SVG>" * 30_000,
        "<p " + " ".join(f"a{number}" for number in range(400)) + ">A sentence." + "<p>A sentence." * 29_999,
    ],
    ids=["paragraphs", "formatting", "lists", "drawing", "drawings", "attributes"],
)
def test_a_long_page_is_read(page):
    """
    Only pages that take quadratic time are rejected.
    """
    expected = page.count("A sentence.")

    assert len(paragraphs(page)) == expected >= 30_000


def test_empty_elements_of_xhtml_contain_nothing():
    """
    An HTML parser reads `<script/>` as a start tag.
    """
    page = "<?xml version='1.0'?><html><head><title/><script src='x.js'/></head><body><p/><p>Text.</p></body></html>"

    assert paragraphs(page) == ("Text.",)


@pytest.mark.parametrize(
    "text", ["<?xml version='1.0'?><html><p>Tea &lt; coffee.</p></html>", "<p>Tea < coffee.", "<p>Tea &lt; coffee."]
)
def test_declarations_and_entities_are_parsed(text):
    """
    XHTML is read like HTML, without a warning.
    """
    assert paragraphs(text) == ("Tea < coffee.",)


@pytest.mark.parametrize("text", ["https://example.com/", "page.html", "?"])
def test_text_like_a_file_name_causes_no_warning(text):
    """
    A file with only a URL is read like any other.
    """
    assert paragraphs(text) in {(), (text,)}


@given(st.text(alphabet="ab .<>/=\"'&;!-?#\n", max_size=60))
def test_any_text_can_be_read(text):
    """
    Paragraphs have single spaces and are never empty.
    """
    found = [block for block in paragraphs(text) if isinstance(block, str)]

    assert all(paragraph and paragraph == " ".join(paragraph.split()) for paragraph in found)


@given(st.lists(st.sampled_from(["<p>", "</p>", "<li>", "<div>", "</div>", "<b>", "</b>", "<h1>", "<ul>", "w. "])))
def test_no_sentence_is_lost_between_tags(fragments):
    """
    For any nesting of tags, each sentence outside excluded elements is read once.
    """
    outline = read_html("".join(fragments))
    sections = outline.sections()
    words = " ".join(block for section in sections for block in section.blocks if isinstance(block, str)).split()

    assert len(words) <= fragments.count("w. ")
    if "<h1>" not in fragments:
        assert len(words) == fragments.count("w. ")
