from __future__ import annotations

import gzip
import json
import os
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood.hooks import STORAGE
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import Row
from budwood_testing import FakeClock

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def storage(path):
    """Build the storage as a run does: by name, with validated settings."""
    instances = Instances(Settings.load(), clock=FakeClock())
    return instances.build(STORAGE, "jsonl", {"output": str(path)}).implementation


def row(index=0, /, **data) -> Row:
    """Return a row."""
    return Row(id=str(index), index=index, data=data)


def fail_after(*rows):
    """Yield rows, then raise an error."""
    yield from rows
    raise OSError(28, "No space left on device")


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5))
def test_every_row_is_a_line(tmp_path_factory, tables):
    """
    Any JSON is written on one line, in order, and is equal when read.
    """
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"

    count = storage(path).finish(row(index, **table) for index, table in enumerate(tables))

    lines = path.read_bytes().split(b"\n")
    assert count == len(tables)
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == tables


@pytest.mark.parametrize("separator", ["\u0085", "\u2028", "\u2029"])
def test_line_separators_are_escaped(tmp_path, separator):
    """
    Everything that `str.splitlines` treats as a line end is escaped.
    """
    path = tmp_path / "rows.jsonl"

    storage(path).finish([row(text=f"a{separator}b")])

    (line,) = path.read_text("utf-8").splitlines()
    assert json.loads(line) == {"text": f"a{separator}b"}


def test_text_is_not_escaped(tmp_path):
    """
    All scripts are written as UTF-8.
    """
    storage(tmp_path / "rows.jsonl").finish([row(text="Grüße 茶 🌱")])

    assert (tmp_path / "rows.jsonl").read_text("utf-8") == '{"text":"Grüße 茶 🌱"}\n'


def test_no_rows_create_an_empty_file(tmp_path):
    """
    The file exists.
    """
    assert storage(tmp_path / "rows.jsonl").finish([]) == 0
    assert (tmp_path / "rows.jsonl").read_bytes() == b""


def test_a_failing_write_leaves_the_old_file(tmp_path):
    """
    It is unchanged, and no other file remains.
    """
    path = tmp_path / "rows.jsonl"
    storage(path).finish([row(text="old")])

    with pytest.raises(OSError, match="No space left"):
        storage(path).finish(fail_after(row(text="new")))

    assert path.read_text() == '{"text":"old"}\n'
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["rows.jsonl"]


def test_readers_see_the_old_file_until_the_new_one_is_complete(tmp_path):
    """
    The path is not changed while rows are written.
    """
    path = tmp_path / "rows.jsonl"
    storage(path).finish([row(text="old")])
    seen = []

    def rows():
        for index in range(3):
            seen.append(path.read_text())
            yield row(index, text="new")

    storage(path).finish(rows())

    assert seen == ['{"text":"old"}\n'] * 3
    assert path.read_text() == '{"text":"new"}\n' * 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_the_file_mode_is_preserved(tmp_path, mode):
    """
    The new file has the permissions of the old one.
    """
    path = tmp_path / "rows.jsonl"
    storage(path).finish([row()])
    path.chmod(mode)

    storage(path).finish([row(text="new")])

    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == '{"text":"new"}\n'


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_new_file_has_the_default_mode(tmp_path):
    """
    The umask of the process determines it.
    """
    before = os.umask(0o027)
    try:
        storage(tmp_path / "rows.jsonl").finish([row()])
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "rows.jsonl").stat().st_mode) == 0o640


def test_a_leftover_temporary_file_is_overwritten(tmp_path):
    """
    It is not part of the output.
    """
    (tmp_path / ".rows.jsonl.part").write_text("half a r")

    storage(tmp_path / "rows.jsonl").finish([row(text="new")])

    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == ["rows.jsonl"]
    assert (tmp_path / "rows.jsonl").read_text() == '{"text":"new"}\n'


def test_an_unknown_setting_is_rejected(tmp_path):
    """
    The only setting is the output, which the run sets.
    """
    instances = Instances(Settings.load(), clock=FakeClock())

    with pytest.raises(ConfigurationError, match="compress"):
        instances.build(STORAGE, "jsonl", {"output": str(tmp_path / "rows.jsonl"), "compress": True})


def test_compressed_bytes_do_not_depend_on_name_or_time(tmp_path):
    """
    The header of gzip has neither, so that the same rows give the same bytes. RFC 1952, section 2.3.
    """
    for name in ("one.jsonl.gz", "other.jsonl.GZ"):
        storage(tmp_path / name).finish([row(text="a")])
    data = (tmp_path / "one.jsonl.gz").read_bytes()

    assert data == (tmp_path / "other.jsonl.GZ").read_bytes()
    assert data[3:8] == bytes(5)  # flags and time
    assert gzip.decompress(data) == b'{"text":"a"}\n'


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_pages_are_read_in_any_order(tmp_path, name):
    """
    A page that follows the last one continues in the file; any other starts again.
    """
    store = storage(tmp_path / name)
    store.finish([row(index, number=index) for index in range(5)])

    def numbers(after):
        return [one.data["number"] for one in store.load(after, 2)]

    assert [numbers(-1), numbers(1), numbers(0), numbers(3), numbers(4), numbers(-1)] == [
        [0, 1],
        [2, 3],
        [1, 2],
        [4],
        [],
        [0, 1],
    ]
    store.close()


def test_a_new_output_is_loaded_from_its_start(tmp_path):
    """
    `finish` ends the pages of the old file.
    """
    store = storage(tmp_path / "rows.jsonl")
    store.finish([row(index, text="old") for index in range(3)])
    store.load(-1, 1)
    store.finish([row(index, text="new") for index in range(3)])

    assert [one.data["text"] for one in store.load(0, 2)] == ["new", "new"]


@pytest.mark.parametrize("line", ["[1]", "{", "text"])
def test_a_line_that_is_not_an_object_is_an_error(tmp_path, line):
    """
    The error names the file and the line.
    """
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n')

    with pytest.raises(ConfigurationError, match=r"rows\.jsonl: line 2 is not"):
        storage(path).load(-1, 10)


def test_incomplete_compressed_data_is_an_error(tmp_path):
    """
    The error names the file.
    """
    path = tmp_path / "rows.jsonl.gz"
    storage(path).finish([row(text="a")])
    path.write_bytes(path.read_bytes()[:-4])

    with pytest.raises(ConfigurationError, match=r"rows\.jsonl\.gz is damaged after line 1"):
        storage(path).load(-1, 10)
