from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from budwood.errors import ConfigurationError
from budwood_generation.documents import find_files
from budwood_generation.documents.files import KINDS, document_kind, document_name

posix = pytest.mark.skipif(os.name != "posix", reason="Windows makes no links or pipes without privileges")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a folder of documents and of files that are none."""
    for name in (
        "README.md",
        "notes.TXT",
        "logo.png",
        "docs/index.rst",
        "docs/guide/start.md",
        "docs/guide/b.html",
        "docs/guide/deep/er.htm",
        "docs/_sources/index.rst.txt",
        "docs/.hidden.md",
        ".venv/licence.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    return tmp_path


def names(root: Path, *patterns: str) -> list[str]:
    """Find files and name them."""
    return [document_name(path, folder) for path, folder in find_files(patterns, root)]


def test_files_come_in_the_order_of_their_names_and_once(root):
    """
    Whatever the order of the patterns and however often they match, files come sorted and none twice.
    """
    assert names(root, "docs/**/*.*", "README.md", "docs/guide/../index.rst", "*.md") == [
        "README.md",
        "docs/_sources/index.rst.txt",
        "docs/guide/b.html",
        "docs/guide/deep/er.htm",
        "docs/guide/start.md",
        "docs/index.rst",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["README.md", "notes.TXT"]),
        ("**/*.md", ["README.md", "docs/guide/start.md"]),
        ("**/**/**/*.md", ["README.md", "docs/guide/start.md"]),
        ("docs/guide/**", ["docs/guide/b.html", "docs/guide/deep/er.htm", "docs/guide/start.md"]),
        ("docs/*/start.md", ["docs/guide/start.md"]),
        ("docs/*/deep/../b.html", ["docs/guide/b.html"]),
        ("docs/**/deep/*", ["docs/guide/deep/er.htm"]),
        ("docs/[!_]*/*.h?ml", ["docs/guide/b.html"]),
        (".venv/*.md", [".venv/licence.md"]),
        ("docs/.*", ["docs/.hidden.md"]),
    ],
)
def test_a_pattern_takes_readable_files_and_hidden_ones_only_by_name(root, pattern, expected):
    """
    Wildcards match within one part of a path, `**` any number of folders; hidden and unreadable kinds are left out.
    """
    assert names(root, pattern) == expected


def test_patterns_may_be_absolute_and_lead_out_of_the_root(root):
    """
    A file elsewhere is found too; it is named by what follows the last folder of its pattern without a wildcard.
    """
    inside = root / "docs" / "guide"

    assert names(inside, str(root / "*.md"), "../*.rst") == ["README.md", "index.rst"]
    (root / "elsewhere").mkdir()
    assert names(root / "elsewhere", "../docs/**/*.rst*") == ["_sources/index.rst.txt", "index.rst"]
    assert names(root / "elsewhere", "../docs/guide/start.md") == ["start.md"]


def test_a_pattern_that_leads_out_and_back_names_files_as_any_other(root):
    """
    What lies in the root is named relative to it, however it was found.
    """
    assert names(root, f"../{root.name}/docs/*.rst", str(root / "*.md")) == ["README.md", "docs/index.rst"]


def test_two_documents_of_one_name_are_refused(root):
    """
    Rows could not tell them apart; the error names both. The same file found twice is one.
    """
    (root / "docs" / "README.md").write_text("other")
    (root / "elsewhere").mkdir()

    with pytest.raises(ConfigurationError, match=r"Two documents have the same name 'README\.md'"):
        find_files(["../*.md", "../docs/*.md"], root / "elsewhere")
    assert names(root / "elsewhere", "../*.md", "../README.md") == ["README.md"]


def test_the_working_folder_does_not_matter(root, monkeypatch):
    """
    A relative root is taken from the working folder, and the names come out the same.
    """
    monkeypatch.chdir(root)

    assert names(Path("docs"), "guide/*") == names(root / "docs", "guide/*") == ["guide/b.html", "guide/start.md"]


def test_a_name_with_brackets_is_found_as_it_stands(root):
    """
    A file whose own name looks like a pattern can be named.
    """
    (root / "notes[1].md").write_text("text")

    assert names(root, "notes[1].md") == ["notes[1].md"]


@posix
def test_one_file_under_two_names_is_taken_once(root):
    """
    A link to a file that is found anyway adds nothing, and a link that leads upwards no circle.
    """
    (root / "docs" / "again.md").symlink_to(root / "docs" / "guide" / "start.md")
    (root / "docs" / "guide" / "up").symlink_to(root)

    assert names(root, "docs/**/*.md") == ["docs/again.md"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("missing/*.md", "matches no file"),
        ("README.md/*.md", "matches no file"),
        ("missing.md", "does not exist"),
        ("*.png", "unsupported types"),
        ("logo.png", r"unsupported type.* \.md"),
        ("docs", r"is a folder.*'docs/\*\*'"),
        ("", "is a folder"),
        ("\0", "does not exist"),
    ],
)
def test_a_pattern_without_a_document_is_an_error_that_names_it(root, pattern, message):
    """
    A pattern that yields nothing stops the run with its own text and what to do, even if others match.
    """
    with pytest.raises(ConfigurationError, match=message) as caught:
        find_files(["README.md", pattern], root)

    assert repr(pattern) in str(caught.value)
    assert caught.value.hint


def test_a_pattern_without_a_match_says_where_it_was_searched(root):
    """
    The message names the folder, since the mistake is often there.
    """
    with pytest.raises(ConfigurationError) as caught:
        find_files(["*.rst"], root)

    assert str(root) in str(caught.value)


@posix
def test_what_is_no_regular_file_is_refused(root):
    """
    A pipe would block the reader for ever: it is an error by name and left out by wildcard.
    """
    os.mkfifo(root / "pipe.md")

    assert names(root, "*.md") == ["README.md"]
    with pytest.raises(ConfigurationError, match="not a regular file"):
        find_files(["pipe.md"], root)


def test_a_folder_that_may_not_be_read_is_an_error(root, monkeypatch):
    """
    Files below an unreadable folder are not left out in silence.
    """

    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(ConfigurationError, match="Permission denied"):
        find_files(["docs/**"], root)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems store names as Unicode")
def test_a_name_that_is_not_unicode_is_refused(root):
    """
    A name that no JSON file can hold is an error before anything is spent.
    """
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.md")).write_text("text")

    with pytest.raises(ConfigurationError, match="not valid UTF-8"):
        find_files(["*.md"], root)


@pytest.mark.parametrize("ending", KINDS)
def test_every_kind_is_known_by_its_ending_in_any_case(ending):
    """
    `README.MD` is Markdown as `readme.md` is.
    """
    assert document_kind("a" + ending) == document_kind("A" + ending.upper()) == KINDS[ending]
