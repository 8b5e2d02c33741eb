from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from budwood.errors import ConfigurationError
from budwood_generation.documents import files, find_files
from budwood_generation.documents.exclusion import Exclusion
from budwood_generation.documents.files import make_document_name
from budwood_generation.documents.formats import KINDS, detect_kind

posix = pytest.mark.skipif(os.name != "posix", reason="Windows makes no links or pipes without privileges")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Create a folder of documents and other files."""
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
    """Find files, and return their names."""
    return [make_document_name(path, folder) for path, folder in find_files(patterns, root)]


def test_files_are_sorted_and_unique(root):
    """
    In any order of patterns, and if several match.
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
def test_a_pattern_matches_supported_files(root, pattern, expected):
    """
    `**` matches any number of folders. Hidden files and unsupported types are excluded.
    """
    assert names(root, pattern) == expected


def test_patterns_can_leave_the_root(root):
    """
    A file elsewhere is named relative to the part of the pattern before the first wildcard.
    """
    guide_folder = root / "docs" / "guide"

    assert names(guide_folder, str(root / "*.md"), "../*.rst") == ["README.md", "index.rst"]
    (root / "elsewhere").mkdir()
    assert names(root / "elsewhere", "../docs/**/*.rst*") == ["_sources/index.rst.txt", "index.rst"]
    assert names(root / "elsewhere", "../docs/guide/start.md") == ["start.md"]


def test_a_pattern_that_returns_to_the_root_gives_the_usual_names(root):
    """
    A file in the root is named relative to it.
    """
    assert names(root, f"../{root.name}/docs/*.rst", str(root / "*.md")) == ["README.md", "docs/index.rst"]


def test_two_documents_with_one_name_are_rejected(root):
    """
    The error names both. A file that is found twice is not an error.
    """
    (root / "docs" / "README.md").write_text("other")
    (root / "elsewhere").mkdir()

    with pytest.raises(ConfigurationError, match=r"Two documents have the same name 'README\.md'"):
        find_files(["../*.md", "../docs/*.md"], root / "elsewhere")
    assert names(root / "elsewhere", "../*.md", "../README.md") == ["README.md"]


def test_the_working_folder_does_not_matter(root, monkeypatch):
    """
    A relative root is resolved from the current folder, and the names are the same.
    """
    monkeypatch.chdir(root)

    assert names(Path("docs"), "guide/*") == names(root / "docs", "guide/*") == ["guide/b.html", "guide/start.md"]


def test_a_name_with_brackets_is_found(root):
    """
    A file whose name looks like a pattern can be named.
    """
    (root / "notes[1].md").write_text("text")

    assert names(root, "notes[1].md") == ["notes[1].md"]


@posix
def test_a_linked_file_is_found_once(root):
    """
    A link to a found file adds nothing, and a link to a parent folder does not loop.
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
def test_a_pattern_without_a_match_is_an_error(root, pattern, message):
    """
    The error names the pattern and a solution, also if other patterns match.
    """
    with pytest.raises(ConfigurationError, match=message) as caught:
        find_files(["README.md", pattern], root)

    assert repr(pattern) in str(caught.value)
    assert caught.value.hint


def test_the_error_names_the_searched_folder(root):
    """
    The folder is often the mistake.
    """
    with pytest.raises(ConfigurationError) as caught:
        find_files(["*.rst"], root)

    assert str(root) in str(caught.value)


@posix
def test_a_special_file_is_rejected(root):
    """
    A pipe would block the reader. Named, it is an error; wildcards skip it.
    """
    os.mkfifo(root / "pipe.md")

    assert names(root, "*.md") == ["README.md"]
    with pytest.raises(ConfigurationError, match="not a regular file"):
        find_files(["pipe.md"], root)


def test_an_unreadable_folder_is_an_error(root, monkeypatch):
    """
    Its files are not skipped silently.
    """

    def deny_access(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", deny_access)

    with pytest.raises(ConfigurationError, match="Permission denied"):
        find_files(["docs/**"], root)


@pytest.mark.parametrize("exclude", ["docs/guide", "docs/g*", "**/guide"])
def test_an_excluded_folder_is_not_searched(root, monkeypatch, exclude):
    """
    It may be large, or not readable.
    """
    scandir = os.scandir

    def deny_access(folder):
        if Path(folder).name == "guide":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", deny_access)
    found = find_files(["docs/**/*"], root, Exclusion([exclude], root))

    assert [path.name for path, _ in found] == ["index.rst.txt", "index.rst"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems store names as Unicode")
def test_each_folder_is_searched_once_however_often_stars_are_repeated(tmp_path, monkeypatch):
    """
    With twelve ``**``, a folder can be reached in many thousands of ways.
    """
    deep = tmp_path.joinpath(*["a"] * 14)
    deep.mkdir(parents=True)
    (deep / "page.md").write_text("text", "utf-8")
    listed = []
    entries = files._entries
    monkeypatch.setattr(files, "_entries", lambda folder: listed.append(folder) or entries(folder))

    assert [name for name, _ in find_files(["**/a/" * 12 + "*.md"], tmp_path)] == [deep / "page.md"]
    assert len(listed) < 500
    assert deep / "page.md" in Exclusion(["**/a/" * 12 + "**/*.md"], tmp_path)
    assert deep / "page.md" not in Exclusion(["**/" * 30 + "z"], tmp_path)


def test_a_name_that_is_not_unicode_is_rejected(root):
    """
    JSON cannot contain it. The error is raised before a request is sent.
    """
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.md")).write_text("text")

    with pytest.raises(ConfigurationError, match="not valid UTF-8"):
        find_files(["*.md"], root)


@pytest.mark.parametrize("ending", KINDS)
def test_suffixes_are_case_insensitive(ending):
    """
    `README.MD` is Markdown, like `readme.md`.
    """
    assert detect_kind("a" + ending) == detect_kind("A" + ending.upper()) == KINDS[ending]
