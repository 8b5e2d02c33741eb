from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from budwood_generation.documents.cache import PassageCache, make_key, summarize
from budwood_generation.documents.passages import Passage

KEY = make_key("0" * 64, "Markdown", "1", 1200, "keep")
PASSAGES = [Passage(("Tea", f"Section {number}"), f"Green tea, cup {number}. " * 40, number) for number in range(100)]


@pytest.fixture
def events() -> list[tuple[str, dict[str, object]]]:
    """The events of the log."""
    return []


@pytest.fixture
def open_cache(tmp_path, events):
    """
    Open the cache, again at each call.
    """

    def open_cache(path: Path | None = None, **options: int) -> PassageCache:
        log = lambda event, **fields: events.append((event, fields))  # noqa: E731
        return PassageCache(path or tmp_path / "cache" / "passages.sqlite3", log, **options)

    return open_cache


def entry(key: bytes = KEY, passages: list[Passage] = PASSAGES):
    """Return the arguments to add a document."""
    return key, summarize(passages, ["Line 3 was skipped."]), passages


def read_all(cache: PassageCache, key: bytes = KEY) -> list[Passage] | None:
    """Return the passages of a document, or None if it is not cached."""
    summary = cache.find(key)
    if summary is None:
        return None
    blocks = [cache.load(key, start) for start in summary.starts]
    return [passage for block in blocks if block for passage in block.passages]


def test_another_process_finds_what_one_stored(open_cache):
    """
    Lengths, sentences and problems are known without reading the passages, which are in several blocks.
    """
    open_cache().add([entry()])
    cache = open_cache()
    summary = cache.find(KEY)

    assert summary is not None
    assert summary.chars == array("I", (len(passage.text) for passage in PASSAGES))
    assert summary.sentences == array("I", range(100))
    assert summary.problems == ("Line 3 was skipped.",)
    assert len(summary.starts) > 1
    assert read_all(cache) == PASSAGES


def test_a_document_without_passages_is_cached(open_cache):
    """
    It is not parsed again.
    """
    cache = open_cache()
    cache.add([entry(passages=[])])

    assert read_all(cache) == []


@pytest.mark.parametrize(
    "other",
    [
        ("1" * 64, "Markdown", "1", 1200, "keep"),
        ("0" * 64, "HTML", "1", 1200, "keep"),
        ("0" * 64, "Markdown", "2", 1200, "keep"),
        ("0" * 64, "Markdown", "1", 1201, "keep"),
        ("0" * 64, "Markdown", "1", 1200, "drop"),
    ],
)
def test_the_key_depends_on_all_that_determines_the_passages(open_cache, other):
    """
    Content, format, version of the parser, and options.
    """
    cache = open_cache()
    cache.add([entry()])

    assert cache.find(make_key(*other)) is None


def test_a_document_that_is_stored_again_replaces_the_old_one(open_cache, events):
    """
    Two processes may parse it at once.
    """
    cache = open_cache()
    cache.add([entry()])
    cache.add([entry(passages=PASSAGES[:1])])

    assert read_all(cache) == PASSAGES[:1]
    assert events == []


def test_the_file_is_readable_by_its_owner_only(open_cache, tmp_path):
    """
    It contains the user's documents.
    """
    open_cache().add([entry()])

    assert (tmp_path / "cache" / "passages.sqlite3").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", ["header", "summary", "block"])
def test_a_damaged_file_is_set_aside(open_cache, events, tmp_path, place):
    """
    Passages are then parsed again. SQLite does not notice changed bytes in a value.
    """
    path = tmp_path / "cache" / "passages.sqlite3"
    with closing(open_cache()) as cache:
        cache.add([entry()])
    if place == "header":
        path.write_bytes(b"not a database" * 100)
    else:
        column = {"summary": "documents SET summary", "block": "blocks SET content"}[place]
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"UPDATE {column} = zeroblob(50)")

    cache = open_cache()
    found = read_all(cache)
    cache.add([entry()])

    assert not found
    assert read_all(cache) == PASSAGES
    assert [event for event, _ in events] == ["cache of documents file damaged"]
    assert (tmp_path / "cache" / "passages.sqlite3.corrupt").exists()


def test_a_folder_that_cannot_be_written_is_replaced_by_memory(open_cache, events, tmp_path):
    """
    The reason is logged once.
    """
    (tmp_path / "file").write_text("")
    cache = open_cache(tmp_path / "file" / "passages.sqlite3")
    first = cache.find(KEY)
    cache.add([entry()])

    assert first is None
    assert read_all(cache) == PASSAGES
    assert cache.find(make_key("1" * 64, "HTML", "1", 1200, "keep")) is None
    assert [event for event, _ in events] == ["cache of documents not usable"]


def test_documents_are_kept_in_memory_if_the_disk_is_full(open_cache, events, tmp_path):
    """
    A failed write loses no document.
    """
    cache = open_cache()
    cache.find(KEY)
    path = tmp_path / "cache" / "passages.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE blocks")
        connection.execute("CREATE VIEW blocks AS SELECT 1")
        cache.add([entry()])

    assert read_all(cache) == PASSAGES


def test_the_least_recently_used_documents_are_removed(open_cache, tmp_path):
    """
    No more than necessary, and none that this run uses.
    """
    keys = [make_key(f"{number:064}", "HTML", "1", 1200, "keep") for number in range(7)]
    for key in keys[:5]:
        with closing(open_cache()) as cache:
            cache.add([entry(key)])
    with closing(sqlite3.connect(tmp_path / "cache" / "passages.sqlite3")) as connection:
        (size,) = connection.execute("SELECT max(size) FROM documents").fetchone()
    cache = open_cache(size_limit=5 * size)
    cache.find(keys[0])
    cache.add([entry(key) for key in keys[5:]])

    assert [number for number, key in enumerate(keys) if open_cache().find(key)] == [0, 3, 4, 5, 6]


def test_a_document_that_is_used_becomes_recent(open_cache, tmp_path):
    """
    Its time is updated at most once a day, so that a read hardly ever writes.
    """
    path = tmp_path / "cache" / "passages.sqlite3"
    open_cache().add([entry()])

    def used() -> float:
        with closing(sqlite3.connect(path)) as connection:
            return float(connection.execute("SELECT used FROM documents").fetchone()[0])

    first = used()
    open_cache().find(KEY)
    assert used() == first
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE documents SET used = used - 90000")
    open_cache().find(KEY)
    assert used() >= first


def test_threads_share_a_cache(open_cache):
    """
    Reads and writes of several threads are complete.
    """
    cache = open_cache()
    barrier = threading.Barrier(4)

    def work(number: int) -> list[list[Passage] | None]:
        barrier.wait()
        keys = [make_key(f"{number}{place:063}", "HTML", "1", 1200, "keep") for place in range(5)]
        for key in keys:
            cache.add([entry(key)])
        return [read_all(cache, key) for key in keys]

    with ThreadPoolExecutor(4) as pool:
        results = [found for part in pool.map(work, range(4)) for found in part]

    assert results == [PASSAGES] * 20


def test_processes_share_a_cache(open_cache, tmp_path):
    """
    Several processes create the file and write it at once, and lose no document.
    """
    program = """if True:
        import sys
        from pathlib import Path
        from budwood_generation.documents.cache import PassageCache, make_key, summarize
        from budwood_generation.documents.passages import Passage
        for number in range(20):
            passages = [Passage((), sys.argv[2] * 100, number)]
            key = make_key(f"{number:064}", sys.argv[2], "1", 1200, "keep")
            PassageCache(Path(sys.argv[1])).add([(key, summarize(passages), passages)])
    """
    path = tmp_path / "cache" / "passages.sqlite3"
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abcd"]

    assert [process.wait() for process in processes] == [0] * 4
    cache = open_cache()
    found = [
        read_all(cache, make_key(f"{number:064}", name, "1", 1200, "keep")) for name in "abcd" for number in range(20)
    ]
    assert found == [[Passage((), name * 100, number)] for name in "abcd" for number in range(20)]


def test_a_block_that_is_missing_is_not_cached(open_cache):
    """
    The caller parses the document again.
    """
    cache = open_cache()
    cache.add([entry()])

    assert cache.load(KEY, 1) is None
    assert cache.load(b"other", 0) is None
