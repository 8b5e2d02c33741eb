from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from budwood.errors import ConfigurationError
from budwood_generation.documents import Corpus, Splitter, corpus, read_corpus, sources
from budwood_generation.documents.cache import PassageCache

SENTENCE = "The leaves of the tea plant are picked by hand in spring."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of documents; each paragraph is a passage."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("b.md", "a.md", "c.txt"):
        write(folder / name, *(f"{name} {number}: {SENTENCE * 3}" for number in range(30)))
    write(folder / "empty.md")
    return folder


def write(path: Path, *paragraphs: str) -> None:
    """Write a document."""
    path.write_text("\n\n".join(paragraphs), "utf-8")


def read(root: Path, **options: object) -> Corpus:
    """Read all documents of a folder."""
    return read_corpus(["*"], root, splitter=Splitter(passage_chars=100), **options)


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """The names of the documents that were parsed."""
    names: list[str] = []
    parse = sources.parse_document

    def record(name: str, data: bytes):
        names.append(name)
        return parse(name, data)

    monkeypatch.setattr(sources, "parse_document", record)
    return names


def test_passages_are_numbered_in_the_order_of_the_documents(root):
    """
    Documents are sorted by name. Lengths and sentences are those of the texts.
    """
    index = read(root).open_index()

    assert list(index.documents) == ["a.md", "b.md", "c.txt", "empty.md"]
    assert list(index.counts) == [30, 30, 30, 0]
    assert index.without_passages == ("empty.md",)
    assert len(index) == 90
    assert [index[number].text.split(":")[0] for number in (0, 29, 30, 89)] == [
        "a.md 0",
        "a.md 29",
        "b.md 0",
        "c.txt 29",
    ]
    assert [index.chars(number) for number in range(90)] == [len(index[number].text) for number in range(90)]
    assert {index.sentences(number) for number in range(90)} == {1}
    assert len({index[number].id for number in range(90)}) == 90


@pytest.mark.parametrize("number", [-1, 90, 1000])
def test_a_number_out_of_range_is_rejected(root, number):
    """
    Negative numbers do not count from the end.
    """
    with pytest.raises(IndexError):
        read(root).open_index()[number]


def test_added_documents_follow_the_earlier_ones(root):
    """
    The numbers of earlier passages stay the same, whatever the names of the new documents.
    """
    earlier = read(root).open_index()
    for name in ("0.md", "b2.md"):
        write(root / name, f"{name}: {SENTENCE * 3}")

    index = read(root).open_index(earlier.documents)

    assert list(index.documents) == ["a.md", "b.md", "c.txt", "empty.md", "0.md", "b2.md"]
    assert all(index[number] == earlier[number] for number in range(90))
    assert [index[number].document for number in (90, 91)] == ["0.md", "b2.md"]


def test_a_changed_or_missing_earlier_document_is_rejected(root):
    """
    The error names it.
    """
    earlier = read(root).open_index().documents
    write(root / "b.md", "Other.")

    with pytest.raises(ConfigurationError, match=r"'b\.md' has changed"):
        read(root).open_index(earlier)
    (root / "b.md").unlink()
    with pytest.raises(ConfigurationError, match=r"'b\.md' is missing"):
        read(root).open_index(earlier)


def test_documents_are_parsed_once(root, parsed):
    """
    Another plan reads passages from the user's cache, also of a copy with another name.
    """
    first = read(root).open_index()
    (root / "b.md").rename(root / "d.md")
    second = read(root).open_index()

    assert sorted(parsed) == ["a.md", "b.md", "c.txt", "empty.md"]
    assert second[30].text.startswith("c.txt 0")
    assert second[60].text == first[30].text
    assert second[60].id != first[30].id


def test_a_changed_document_is_parsed_again(root, parsed):
    """
    So is one that is split in another way.
    """
    read(root)
    write(root / "a.md", SENTENCE)
    read(root)
    read_corpus(["a.md"], root, splitter=Splitter(passage_chars=200))
    read_corpus(["a.md"], root, splitter=Splitter(passage_chars=200, code="drop"))

    assert parsed[4:] == ["a.md"] * 3


def test_passages_are_read_when_they_are_asked_for(root, monkeypatch):
    """
    Few blocks are kept in memory.
    """
    monkeypatch.setattr(sources, "_LOADED_BLOCKS", 2)
    loaded: list[int] = []
    load = PassageCache.load
    monkeypatch.setattr(PassageCache, "load", lambda cache, key, start: loaded.append(start) or load(cache, key, start))
    index = read(root).open_index()

    assert loaded == []
    for number in (0, 1, 30, 31, 0, 60, 30):
        index[number]
    assert len(loaded) == 4


def test_threads_share_an_index(root):
    """
    Each thread gets the right passages.
    """
    index = read(root).open_index()
    expected = [index[number] for number in range(90)]

    def work(seed: int) -> bool:
        numbers = [Random(seed).randrange(90) for _ in range(300)]
        return all(index[number] == expected[number] for number in numbers)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


def test_passages_that_left_the_cache_are_parsed_again(root, tmp_path, parsed):
    """
    Another process may remove them while a run uses them.
    """
    index = read(root).open_index()
    expected = index[5]
    for path in (tmp_path / "home").rglob("passages.sqlite3*"):
        path.unlink()
    index = read(root).open_index()
    for path in (tmp_path / "home").rglob("passages.sqlite3*"):
        path.unlink()

    assert index[5] == expected
    assert index[6].text.startswith("a.md 6")
    assert parsed[8:] == ["a.md"]


def test_a_document_that_changes_during_a_run_is_an_error(root, tmp_path):
    """
    Passages of the new text would be mixed with those of the old one.
    """
    index = read(root).open_index()
    for path in (tmp_path / "home").rglob("passages.sqlite3*"):
        path.unlink()
    write(root / "a.md", "Other.")

    with pytest.raises(ConfigurationError, match=r"'a\.md' has changed since the run started"):
        index[5]


def test_a_document_that_cannot_be_read_is_skipped(root):
    """
    The reason and what to do are reported.
    """
    (root / "latin.txt").write_bytes(b"caf\xe9")
    (root / "deep.md").write_text("> " * 1000 + "Text.")
    found = read(root)

    assert [document.name for document in found.unreadable] == ["deep.md", "latin.txt"]
    assert "nested too deeply" in found.unreadable[0].reason
    assert "not UTF-8: byte 3" in found.unreadable[1].reason
    assert "iconv" in found.unreadable[1].hint
    assert list(found.open_index().documents) == ["a.md", "b.md", "c.txt", "empty.md"]


def test_strict_rejects_a_document_that_cannot_be_read(root):
    """
    So it does with a line of a table.
    """
    (root / "latin.txt").write_bytes(b"caf\xe9")

    with pytest.raises(ConfigurationError, match=r"'latin\.txt' is not UTF-8"):
        read(root, strict=True)
    (root / "latin.txt").unlink()
    (root / "teas.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(ConfigurationError, match=r"'teas\.jsonl' .*Line 2 was skipped"):
        read(root, strict=True)


def test_broken_lines_of_a_table_are_reported(root):
    """
    The other records are passages. They are reported again if the file is cached.
    """
    (root / "teas.jsonl").write_text('{"name": "Green tea"}\n{"a": \n{"name": "Black tea"}\n')
    for _ in range(2):
        found = read(root)
        index = found.open_index()

        assert [document.name for document in found.unreadable] == ["teas.jsonl"]
        assert "Line 2 was skipped: it is not valid JSON" in found.unreadable[0].reason
        assert [index[number].text for number in (90, 91)] == ["name: Green tea", "name: Black tea"]
        assert index[90].headings == ()


def test_documents_that_cannot_be_read_at_all_are_an_error(tmp_path):
    """
    The first reason is part of it.
    """
    (tmp_path / "a.md").write_bytes(b"\0")

    with pytest.raises(ConfigurationError, match=r"^The document .* is binary"):
        read_corpus(["*"], tmp_path)


def test_the_output_of_a_run_is_not_a_document(root):
    """
    A pattern may match it. If it is named, it is read.
    """
    (root / "data.jsonl").write_text('{"a": 1}')
    (root / "data.jsonl.run").mkdir()

    assert "data.jsonl" not in read(root).open_index().documents
    assert "data.jsonl" in read_corpus(["*", "data.jsonl"], root).open_index().documents


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["b.md"], ["a.md", "c.txt", "empty.md"]),
        (["?.md"], ["c.txt", "empty.md"]),
        (["**/*.md"], ["c.txt"]),
        (["../docs/[ab]*"], ["c.txt", "empty.md"]),
        (["other", "a.md.bak"], ["a.md", "b.md", "c.txt", "empty.md"]),
    ],
)
def test_excluded_documents_are_not_read(root, exclude, expected):
    """
    Patterns are relative to the same folder.
    """
    assert list(read(root, exclude=exclude).sources) == expected


def test_the_user_cache_is_in_the_cache_folder(tmp_path):
    """
    It is created on first use.
    """
    cache = corpus.open_user_cache()
    before = list((tmp_path / "home").rglob("passages.sqlite3"))
    cache.find(b"key")

    assert before == []
    assert len(list((tmp_path / "home").rglob("budwood/documents/passages.sqlite3"))) == 1
