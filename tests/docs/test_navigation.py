"""The site: its navigation and its reference are complete. `nox -s site` builds it and tests the result."""

from __future__ import annotations

import collections
import importlib.util
import re
from pathlib import Path

import budwood
from budwood_cli.command_table import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"^- `budwood\.(\w+)`$", re.MULTILINE)


def load_script(name):
    """
    Import a script of ``docs/site``.
    """
    spec = importlib.util.spec_from_file_location(f"site_{name}", DOCS / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_navigation_lists_every_page_once():
    """
    Every page of docs/ and every README of a plugin is in the navigation of docs/site/zensical.toml, once.
    """
    build = load_script("build")
    pages = {target for target in build.sources().values() if target.endswith(".md")}

    listed = collections.Counter(build.pages_in_navigation())

    assert listed == collections.Counter(pages), "Add new pages to `nav` in docs/site/zensical.toml."


def test_reference_has_every_public_name_once():
    """
    Every public name of the core is in one page of docs/reference.
    """
    pages = "".join(page.read_text("utf-8") for page in sorted((DOCS / "reference").glob("*.md")))

    listed = collections.Counter(NAME.findall(pages))

    assert listed == collections.Counter(budwood.__all__), "Add new names to a page of docs/reference."


def test_links_are_adapted_to_the_site():
    """
    Links to files keep their anchors and lead to the page of the site. Code and other links stay unchanged.
    """
    build = load_script("build")
    text = "[a](../../plugins/s3-storage/README.md#x) [b](https://c.example/README.md) [d](#e)\n```\n[f](g.md)\n```\n"

    adapted = build._adapt_links(text, "docs/guides/datasets.md", build.sources())

    assert adapted == text.replace("../../plugins/s3-storage/README.md#x", "../plugins/s3-storage.md#x")


def test_commands_are_rendered_from_the_program():
    """
    The page of commands has a section for each command of the table and each subcommand, with the options.
    """
    page = load_script("commands").render_commands()

    headings = re.findall(r"^#+ `budwood (.+)`$", page, re.MULTILINE)
    assert [command.name for command in COMMANDS if command.name not in headings] == []
    assert "runs resume" in headings
    assert re.search(r"^\| `-m, --model PROVIDER/MODEL` \| .+ \|$", page, re.MULTILINE)
    assert not re.search(r"^\|.*`[^`]*<\w+( range)?>", page, re.MULTILINE)
