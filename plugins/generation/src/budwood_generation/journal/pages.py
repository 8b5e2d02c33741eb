"""
Reading a damaged SQLite file page by page, without its tables and indexes.

Source: https://www.sqlite.org/fileformat2.html, sections "B-tree Pages", "Record Format" and "The Write-Ahead Log".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO, Final, Self

Value = int | float | str | bytes | None

_DEFAULT_PAGE_SIZE: Final = 4096
_HEADER_BYTES: Final = 100
"""Bytes before the content of the first page."""
_LEAF: Final = 0x0D
"""The first byte of a page with rows of a table."""
_WAL_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""The length of an integer by its serial type."""
_MAX_RECORD: Final = 1 << 30


class PageFile:
    """
    All pages of a file and of its write-ahead log, also those that were replaced by later ones.

    Args:
        path: The file.
        log: Its write-ahead log, which need not exist.

    Raises:
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, log: Path) -> None:
        with ExitStack() as files:
            self._file: BinaryIO = files.enter_context(path.open("rb"))
            self._log: BinaryIO | None = files.enter_context(log.open("rb")) if log.exists() else None
            self._size = _find_page_size(self._file, self._log)
            self._commits: list[int] = []
            self._frames = dict(self._find_frames())
            self._files = files.pop_all()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._files.close()

    def logged_records(self) -> Iterator[tuple[int, list[Value]]]:
        """Yield the row id and the values of the rows in the log, up to its last complete transaction."""
        last = max((offset for offset in self._commits), default=0)
        for offset in sorted(offset for offsets in self._frames.values() for offset in offsets if offset <= last):
            yield from self._read_cells(self._read_frame(offset), 0)

    def records(self) -> Iterator[tuple[int, list[Value]]]:
        """Yield the row id and the values of every row that can be read, whatever its table; some appear twice."""
        for number, page in self._pages():
            yield from self._read_cells(page, _HEADER_BYTES if number == 1 else 0)

    def _read_cells(self, page: bytes, start: int) -> Iterator[tuple[int, list[Value]]]:
        for cell in _find_cells(page, start):
            with suppress(IndexError, ValueError, OverflowError):
                yield from self._read_cell(page, cell)

    def _pages(self) -> Iterator[tuple[int, bytes]]:
        number = 1
        while page := self._read_page(number):
            yield number, page
            number += 1
        for number, offsets in self._frames.items():
            for offset in offsets:
                yield number, self._read_frame(offset)

    def _read_page(self, number: int) -> bytes:
        self._file.seek((number - 1) * self._size)
        return self._file.read(self._size)

    def _read_frame(self, offset: int) -> bytes:
        assert self._log is not None  # noqa: S101 - frames come from the log
        self._log.seek(offset)
        return self._log.read(self._size)

    def _find_frames(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the offsets of each page in the log."""
        if self._log is None:
            return
        frames: dict[int, list[int]] = {}
        self._log.seek(0)
        salts = self._log.read(_WAL_HEADER_BYTES)[16:24]
        offset = _WAL_HEADER_BYTES
        while len(header := self._read_bytes(self._log, offset, _FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
            page, offset = offset + _FRAME_HEADER_BYTES, offset + _FRAME_HEADER_BYTES + self._size
            if header[8:16] == salts:  # otherwise the frame is older than the log
                frames.setdefault(int.from_bytes(header[:4], "big"), []).append(page)
                if any(header[4:8]) and self._log.seek(0, SEEK_END) >= offset:  # otherwise the commit was interrupted
                    self._commits.append(page)
        yield from frames.items()

    @staticmethod
    def _read_bytes(file: BinaryIO, offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    def _read_cell(self, page: bytes, start: int) -> Iterator[tuple[int, list[Value]]]:
        """Yield one row, and if it continues on other pages, the row with each version of them."""
        length, start = _read_varint(page, start)
        row_id, start = _read_varint(page, start)
        if length > _MAX_RECORD:
            return
        local = _count_local_bytes(length, self._size)
        if local == length:
            yield row_id, _decode_record(page[start : start + length])
            return
        first = int.from_bytes(page[start + local : start + local + 4], "big")
        for is_logged in (True, False):
            with suppress(IndexError, ValueError, OverflowError):
                rest = self._read_overflow(first, length - local, is_logged=is_logged)
                yield row_id, _decode_record(page[start : start + local] + rest)

    def _read_overflow(self, number: int, length: int, *, is_logged: bool) -> bytes:
        content = bytearray()
        while len(content) < length:
            frames = self._frames.get(number, []) if is_logged else []
            page = self._read_frame(frames[-1]) if frames else self._read_page(number) if number else b""
            if len(page) < self._size:
                raise ValueError("a page is missing")
            content += page[4:]
            number = int.from_bytes(page[:4], "big")
        return bytes(content[:length])


def _find_page_size(file: BinaryIO, log: BinaryIO | None) -> int:
    sizes = [int.from_bytes(file.read(18)[16:18], "big")]
    if log is not None:
        sizes.append(int.from_bytes(log.read(12)[8:12], "big"))
    known = [size for size in sizes if 512 <= size <= 32768 and size & (size - 1) == 0]
    return known[0] if known else _DEFAULT_PAGE_SIZE


def _find_cells(page: bytes, start: int) -> Iterator[int]:
    """Yield the offsets of the rows on a page."""
    if len(page) <= start + 8 or page[start] != _LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for pointer in range(start + 8, min(start + 8 + 2 * count, len(page) - 1), 2):
        yield int.from_bytes(page[pointer : pointer + 2], "big")


def _count_local_bytes(length: int, page_size: int) -> int:
    """Return how many bytes of a row are on its page."""
    if length <= page_size - 35:
        return length
    minimum = (page_size - 12) * 32 // 255 - 23
    local = minimum + (length - minimum) % (page_size - 4)
    return local if local <= page_size - 35 else minimum


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return an integer of variable length, and where it ends."""
    value = 0
    for place in range(start, start + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[start + 8], start + 9


def _decode_record(data: bytes) -> list[Value]:
    """Return the values of a row."""
    end, place = _read_varint(data, 0)
    start, values = end, []
    while place < end:
        kind, place = _read_varint(data, place)
        value, start = _decode_value(data, start, kind)
        values.append(value)
    return values


def _decode_value(data: bytes, start: int, kind: int) -> tuple[Value, int]:
    if kind >= 12:
        end = start + (kind - 12) // 2
        if end > len(data):
            raise ValueError("a value is incomplete")
        return (data[start:end].decode() if kind % 2 else data[start:end]), end
    if kind in _INTEGER_BYTES:
        end = start + _INTEGER_BYTES[kind]
        return int.from_bytes(data[start:end], "big", signed=True), end
    return {0: None, 8: 0, 9: 1}[kind], start
