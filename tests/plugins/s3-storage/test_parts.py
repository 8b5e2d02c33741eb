"""Parts: the same rows give the same bytes."""

from __future__ import annotations

import gzip

from budwood_s3_storage.manifest import decode_index, make_ranges
from budwood_s3_storage.parts import compress, format_batch, make_part, split_lines
from tests.s3 import RUN, make_rows


def test_header_has_no_name_and_no_time():
    """
    The header of a compressed part has no flags, no time, and an unknown operating system (RFC 1952, section 2.3).
    """
    body = compress(b"text")

    assert body[:10] == b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"
    assert gzip.decompress(body) == b"text"


def test_name_has_run_writer_and_first_row():
    """
    The name of a part depends on its rows, not on their order.
    """
    one, other = (make_part(RUN, "w", format_batch(rows)) for rows in (make_rows(3, 2), make_rows(2, 3)))

    assert one == other
    assert one.indexed.part.key.startswith(f"parts/{RUN}.w.000000000002.")
    assert one.indexed.part.key != make_part(RUN, "w", format_batch(make_rows(2, 4))).indexed.part.key


def test_description_is_restored():
    """
    The description of a part has everything that is needed to compare rows with it.
    """
    indexed = make_part(RUN, "w", format_batch(make_rows(1, 2, 3, 9, 2**40))).indexed

    assert decode_index(indexed.encode()) == indexed


def test_ranges_of_indexes():
    """
    Indexes that follow each other are one range.
    """
    assert make_ranges([]) == ()
    assert make_ranges([0, 1, 2, 5, 7, 8]) == ((0, 2), (5, 5), (7, 8))


def test_lines_are_split_by_size():
    """
    A row that is larger than a part is a part of its own; no row gets lost.
    """
    lines = [(index, b"x" * size) for index, size in enumerate([10 * 2**20, 6 * 2**20, 1, 17 * 2**20, 5])]

    assert [[index for index, _ in part] for part in split_lines(lines)] == [[0, 1], [2], [3], [4]]
    assert list(split_lines([])) == []
