from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from budwood.errors import ConfigurationError
from budwood_generation.documents import Section, plain, read_document
from budwood_generation.documents.reader import SIZE_LIMIT


def write_document(folder: Path, name: str, content: bytes) -> Path:
    """Write a file, and create its folders."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_document_has_a_relative_name_and_a_digest(tmp_path):
    """
    The name has forward slashes, and the digest is that of the bytes.
    """
    content = b"\xef\xbb\xbf# Tea\r\n\r\nGreen tea is\r\nnot oxidised.\r\n"
    document = read_document(write_document(tmp_path, "docs/a b/tea.md", content), tmp_path)

    assert document.name == "docs/a b/tea.md"
    assert document.title == "Tea"
    assert document.parts == (Section(("Tea",), ("Green tea is not oxidised.",)),)
    assert document.digest == sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "Tea is\n  a drink.\n"),
        ("a.text", "Tea is\r\ra\vdrink."),
        ("a.md", "Tea *is* a drink."),
        ("a.markdown", "Tea is a\tdrink."),
        ("a.html", "<p>Tea <b>is</b> a\n drink."),
        ("a.HTM", "\ufeff<p>Tea&nbsp;is a drink.</p>"),
        ("a.rst", "Tea *is* a\ndrink."),
        ("a.rst.txt", "Tea ``is`` a\ndrink."),
    ],
)
def test_every_suffix_has_a_reader(tmp_path, name, content):
    """
    Each format is read as plain text with single spaces.
    """
    document = read_document(write_document(tmp_path, name, content.encode()), tmp_path)

    assert " ".join(document.parts[0].blocks) == "Tea is a drink."


@pytest.mark.parametrize(
    ("name", "title"), [("notes.txt", "notes"), ("index.rst.txt", "index"), ("a.b.HTML", "a.b"), (".md", ".md")]
)
def test_the_file_name_is_the_fallback_title(tmp_path, name, title):
    """
    The suffix is removed.
    """
    assert read_document(write_document(tmp_path, name, b"Text."), tmp_path).title == title


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.rst"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\t\n"])
def test_an_empty_document_has_no_sections(tmp_path, name, content):
    """
    An empty file is not an error.
    """
    assert read_document(write_document(tmp_path, name, content), tmp_path).parts == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", r"'a\.md' is not UTF-8: byte 3 \(0xe9\)"),
        (b"\xef\xbb\xbfcaf\xe9", r"byte 6 \(0xe9\)"),
        (b"abc\0def", r"'a\.md' is binary: byte 3 is NUL"),
        ("Tea".encode("utf-16-le"), "is binary: byte 1 .*UTF-16"),
        ("Tea".encode("utf-16")[:-1], r"'a\.md' is not UTF-16: byte 6 \(0x61\)"),
    ],
)
def test_invalid_utf8_is_rejected_with_its_offset(tmp_path, content, message):
    """
    The error names the file and the first invalid byte.
    """
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_document(write_document(tmp_path, "a.md", content), tmp_path)

    assert caught.value.hint


def test_a_missing_file_is_rejected(tmp_path):
    """
    So is a folder in its place.
    """
    (tmp_path / "folder.md").mkdir()

    with pytest.raises(ConfigurationError, match=r"Cannot read the document 'gone\.md': No such file"):
        read_document(tmp_path / "gone.md", tmp_path)
    with pytest.raises(ConfigurationError, match=r"'folder\.md': Is a directory"):
        read_document(tmp_path / "folder.md", tmp_path)


def test_an_unreadable_file_is_rejected(tmp_path, monkeypatch):
    """
    The error names the file. The failure is simulated, as tests may run as root.
    """

    def deny_access(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", deny_access)

    with pytest.raises(ConfigurationError, match=r"'a\.md': Permission denied.*Make it readable"):
        read_document(tmp_path / "a.md", tmp_path)


def test_a_file_of_an_unsupported_type_is_rejected(tmp_path):
    """
    The error lists the supported types.
    """
    with pytest.raises(ConfigurationError, match=r"'a\.doc' has an unsupported type.*\.rst"):
        read_document(write_document(tmp_path, "a.doc", b"text"), tmp_path)


def test_a_large_file_is_rejected(tmp_path):
    """
    At most 64 MiB are read.
    """
    path = write_document(tmp_path, "a.txt", b"")
    with path.open("r+b") as file:
        file.truncate(SIZE_LIMIT + 1)

    with pytest.raises(ConfigurationError, match="larger than 64 MiB"):
        read_document(path, tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", "> " * 1000 + "Text."),
        ("a.md", "".join("  " * depth + "- item\n" for depth in range(150))),
        ("a.rst", "".join("  " * depth + "* item\n\n" for depth in range(1000))),
    ],
)
def test_a_deeply_nested_text_is_rejected(tmp_path, name, content):
    """
    It is an error, not a truncated document.
    """
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        read_document(write_document(tmp_path, name, content.encode()), tmp_path)


def test_an_error_in_a_parser_is_an_error_of_the_document(tmp_path, monkeypatch):
    """
    It names the document, so that it can be excluded.
    """

    def fail(text):
        raise IndexError("list index out of range")

    monkeypatch.setattr(plain, "read_plain", fail)

    with pytest.raises(ConfigurationError, match=r"'a\.txt' cannot be read as plain text: IndexError: list index"):
        read_document(write_document(tmp_path, "a.txt", b"Text."), tmp_path)


@pytest.mark.parametrize(
    ("name", "own"), [("a.txt", ""), ("a.md", "markdown_it"), ("a.html", "selectolax"), ("a.rst", "docutils")]
)
def test_only_the_required_parser_is_imported(tmp_path, name, own):
    """
    Each parser takes tens of milliseconds to import.
    """
    path = write_document(tmp_path, name, b"Text.")
    program = (
        "import sys; from pathlib import Path; from budwood_generation.documents import read_document;"
        f"read_document(Path({str(path)!r}), Path({str(tmp_path)!r}));"
        "print(*{'markdown_it', 'selectolax', 'docutils'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == own
