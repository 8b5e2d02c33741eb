"""The site in Chromium: it fits wide and narrow screens, is dark if that is preferred, and finds words."""

from __future__ import annotations

from pathlib import Path

import pytest

CONTRAST = Path(__file__).with_name("contrast.js")
PAGES = [
    "",
    "tutorials/first-call/",
    "guides/reliability/",
    "guides/servers/",
    "reference/clients/",
    "reference/commands/",
    "plugins/s3-storage/",
    "comparison/",
    "migrating/openai/",
    "benchmarks/",
]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", PAGES)
def test_page_fits_the_screen(visit, path, width):
    """
    A page does not scroll sideways; tables and code that are wider scroll within themselves.
    """
    page = visit(path, width=width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("article h1").count() == 1


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_colours_follow_the_system(visit, scheme, is_dark):
    """
    The page is dark if the system is.
    """
    page = visit("guides/asking/", scheme=scheme)

    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = [int(part) for part in background.strip("rgba()").split(",")[:3]]

    assert (red + green + blue < 3 * 128) is is_dark


def test_button_changes_the_colours(visit):
    """
    The button in the header switches between light and dark.
    """
    page = visit("guides/asking/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.locator("header label[for^=__palette]:not([hidden])").first.click()

    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor !== {before!r}")


@pytest.mark.parametrize(("words", "path"), [("StructuredOutputError", "/reference/errors/"), ("hedge", "/guides/")])
def test_search_finds_a_page(visit, words, path):
    """
    The search finds names of the reference and words of guides, without another host.
    """
    page = visit("")

    page.locator(".md-search__button").click()
    page.get_by_role("combobox").or_(page.locator("input[type=text]:visible")).first.fill(words)

    page.locator(f"a[href*='{path}']:visible", has_text=words).first.wait_for()


def test_copy_button_copies_the_code(visit):
    """
    The button of a code block copies it.
    """
    page = visit("tutorials/first-call/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.locator("pre").first.hover()
    page.locator("button[data-md-type=copy], .md-code__button").first.click()

    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('pip install'))")


def test_charts_follow_the_button(visit):
    """
    A chart has the colours of the site, also if the system prefers others.
    """
    page = visit("benchmarks/")
    chart = page.locator("img[src$='chart.svg']")
    light = chart.screenshot()

    page.locator("header label[for^=__palette]:not([hidden])").first.click()

    page.wait_for_function("getComputedStyle(document.querySelector('article img')).colorScheme === 'dark'")
    assert chart.screenshot() != light
    assert chart.screenshot() == visit("benchmarks/", scheme="dark").locator("img[src$='chart.svg']").screenshot()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "guides/costs/", "reference/clients/", "migrating/openai/"])
def test_text_has_enough_contrast(visit, path, scheme):
    """
    Texts, code and navigation can be read, in light and dark.
    """
    page = visit(path, scheme=scheme)

    assert page.evaluate(CONTRAST.read_text("utf-8")) == []
