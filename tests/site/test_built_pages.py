"""The HTML of the site: links, anchors and images have targets, and nothing is loaded from another host."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

HERE = "http://site.invalid"
EXTERNAL_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?\s*(?:https?:)?//[^)\"']*")
LOADED = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("img", "srcset"),
    ("source", "src"),
    ("source", "srcset"),
    ("video", "src"),
    ("audio", "src"),
    ("iframe", "src"),
    ("object", "data"),
    ("embed", "src"),
}
NOT_LOADED = {"canonical", "next", "prev", "author", "license", "help"}
"""Values of ``rel`` with which a link is only a reference."""


class Page(HTMLParser):
    """
    Collects the anchors, the links and the loaded files of a page, and its text outside of code.
    """

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.loaded, self.text = set(), [], [], []
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.update(filter(None, (values.get("id"), values.get("name") if tag == "a" else None)))
        self._code += tag in ("code", "pre", "script", "style")
        for name, value in attrs:
            if (tag, name) in LOADED and value and values.get("rel") not in NOT_LOADED:
                self.loaded.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)

    def handle_endtag(self, tag):
        self._code -= tag in ("code", "pre", "script", "style")

    def handle_data(self, data):
        if not self._code:
            self.text.append(data)


@pytest.fixture(scope="module")
def pages(html):
    """
    The pages of the site by their address.
    """
    found = {}
    for file in sorted(html.rglob("*.html")):
        path = file.relative_to(html).as_posix().removesuffix("index.html")
        found[f"{HERE}/{path}"] = Page(file.read_text("utf-8"))
    assert len(found) > 50
    return found


def problems(html, pages, address, links):
    """
    Yield the links of a page that have no target.
    """
    for link in links:
        target, anchor = urldefrag(urljoin(address, link))
        if urlsplit(target).scheme not in ("http", "https") or not target.startswith(HERE):
            continue
        file = html / unquote(urlsplit(target).path).lstrip("/")
        if target in pages:
            if anchor and unquote(anchor) not in pages[target].anchors:
                yield f"{address}: {link} (no such anchor)"
        elif not file.is_file():
            yield f"{address}: {link} (no such file)"


def test_every_link_has_a_target(html, pages):
    """
    Links within the site lead to a page or a file, and those with a fragment to an anchor of the page.
    """
    found = [
        problem
        for address, page in pages.items()
        if not address.endswith("/404.html")  # its links are those of the root of a site
        for problem in problems(html, pages, address, page.links)
    ]

    assert found == []


def test_every_image_script_and_style_exists(html, pages):
    """
    Files that a page loads are part of the site.
    """
    found = [
        problem
        for address, page in pages.items()
        if not address.endswith("/404.html")
        for problem in problems(html, pages, address, page.loaded)
    ]

    assert found == []


def test_nothing_is_loaded_from_another_host(html, pages):
    """
    No script, style, font or image has the address of another host.
    """
    loaded = [(address, one) for address, page in pages.items() for one in page.loaded]
    styled = [*html.rglob("*.css"), *html.rglob("*.svg")]
    styles = [match for file in styled for match in EXTERNAL_CSS.findall(file.read_text("utf-8"))]

    assert [one for one in loaded if re.match(r"(?:https?:)?//", one[1])] == []
    assert styles == []


def test_no_reference_is_missing(pages):
    """
    All names and commands were replaced by their documentation, and all links in docstrings found their target.
    """
    for address, page in pages.items():
        text = "".join(page.text)

        assert not re.search(r"^:::|\]\[[\w.]*\]|^ *\.\. [\w-]+::", text, re.MULTILINE), address


def test_reference_describes_names_and_commands(pages):
    """
    The reference has the methods of a client, the fields of a reply and the options of a command.
    """
    assert {"budwood.Client", "budwood.Client.ask", "budwood.Client.image"} <= pages[
        f"{HERE}/reference/clients/"
    ].anchors
    assert "budwood.ChatResponse" in pages[f"{HERE}/reference/results/"].anchors
    assert {"budwood-ask", "budwood-runs-resume"} <= pages[f"{HERE}/reference/commands/"].anchors
