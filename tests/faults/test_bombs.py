"""Files that are small, and huge once they are decompressed, are typed errors of ask, with bounded memory and time."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.media import make_png
from tests.peak_memory import STATUS
from tests.plugins.office_documents import make_docx, make_pptx, make_xlsx

ROOT = Path(__file__).parents[2]
UNPACKED = 110_000_000
"""Bytes of most of them; the office plugins unpack 100 MB."""

MAX_GROWTH = 300_000_000
"""Bytes of memory that all of them together may take, of which 80 MB are a limit of pypdf."""

WAIT = 120.0
"""Seconds after which the process has failed."""

CODE = """
import json, sys
from pathlib import Path
from budwood import Client
from budwood.errors import BudwoodError
from budwood_testing import ScriptedTransport
from tests.peak_memory import read_peak_memory

transport = ScriptedTransport()
with Client("anthropic/claude-opus-4-5", api_key="k", transport=transport, cache=False) as client:
    client.check()
    before = read_peak_memory()
    for path in map(Path, sys.argv[1:]):
        try:
            client.ask("?", files=[path])
        except BudwoodError as error:
            outcome = f"{type(error).__name__}: {error.message}"
        print(json.dumps([path.name, outcome, read_peak_memory() - before]), flush=True)
assert transport.calls == []
"""


def make_chunk(kind, data):
    """
    Return a chunk of a PNG image.
    """
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def insert_chunk(kind, data):
    """
    Return a PNG image with a further chunk after its header.
    """
    image = make_png()
    return image[:33] + make_chunk(kind, data) + image[33:]


def make_large_png(width, height, rows):
    """
    Return a PNG image of black pixels, in shades of grey, with some of its rows.
    """
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    compressor = zlib.compressobj(level=1)
    blocks = [compressor.compress(bytes(width + 1)) for _ in range(rows)]
    content = make_chunk(b"IDAT", b"".join((*blocks, compressor.flush())))
    return b"\x89PNG\r\n\x1a\n" + make_chunk(b"IHDR", header) + content + make_chunk(b"IEND", b"")


def change_entry(document, name, change):
    """
    Return an office document with a changed entry.
    """
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(document)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy,
    ):
        for entry in source.namelist():
            content = source.read(entry)
            copy.writestr(entry, change(content) if entry == name else content)
    return target.getvalue()


def pad(content):
    """
    Add spaces.
    """
    return content + b" " * UNPACKED


def add_rows(content):
    """
    Add a million rows to a sheet.
    """
    head, mark, rest = content.partition(b"<sheetData>")
    return head + mark + b'<row><c t="n"><v>1</v></c></row>' * 1_000_000 + rest


def make_pdf(dictionary, stream):
    """
    Return a PDF document with a compressed stream.
    """
    packed = zlib.compress(stream, 1)
    start = b"%PDF-1.7\n1 0 obj\n<<" + dictionary + b"/Filter/FlateDecode/Length " + str(len(packed)).encode() + b">>\n"
    return start + b"stream\n" + packed + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"


def make_entities():
    """
    Return an XML document of 20 ** 8 words (billion laughs).
    """
    names = "abcdefgh"
    larger = "".join(f'<!ENTITY {name} "{f"&{before};" * 20}">' for before, name in pairwise(names))
    return f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "word">{larger}]><d>&h;</d>'


BOMBS = {
    "pixels.png": (lambda: make_large_png(60_000, 60_000, 10), "pixels"),
    "complete.png": (lambda: make_large_png(10_100, 10_100, 10_100), "pixels"),
    "text.png": (lambda: insert_chunk(b"zTXt", b"a\0\0" + zlib.compress(pad(b""), 1)), "damaged image"),
    "profile.png": (lambda: insert_chunk(b"iCCP", b"a\0\0" + zlib.compress(pad(b""), 1)), "damaged image"),
    "spaces.docx": (lambda: change_entry(make_docx(), "word/document.xml", pad), "larger, once it is unpacked"),
    "entities.docx": (
        lambda: change_entry(make_docx(), "word/document.xml", lambda _: make_entities()),
        "document type",
    ),
    "spaces.xlsx": (lambda: change_entry(make_xlsx(), "xl/worksheets/sheet1.xml", pad), "larger, once it is unpacked"),
    "rows.xlsx": (lambda: change_entry(make_xlsx(), "xl/worksheets/sheet1.xml", add_rows), "more than 10,000 rows"),
    "spaces.pptx": (lambda: change_entry(make_pptx(), "ppt/slides/slide1.xml", pad), "larger, once it is unpacked"),
    "references.pdf": (
        lambda: make_pdf(b"/Type/XRef/Size 99999999/W[1 9 9]/Root 2 0 R", bytes(UNPACKED)),
        "damaged PDF",
    ),
    "objects.pdf": (lambda: make_pdf(b"/Type/ObjStm/N 9999999/First 8", pad(b"")), "damaged PDF"),
    "pages.pdf": (lambda: b"%PDF-1.7\n" + b"/Type /Page " * 3_000_000, "damaged PDF"),
    "nested.pdf": (lambda: b"%PDF-1.7\n" + b"[" * 3_000_000 + b"\nstartxref\n9\n%%EOF", "damaged PDF"),
}
"""Files, and a part of the error about them."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """
    The error about each file, and the growth of memory so far, in a process that gets one after the other.
    """
    folder = tmp_path_factory.mktemp("bombs")
    for name, (make, _) in BOMBS.items():
        (folder / name).write_bytes(make())
    command = [sys.executable, "-c", CODE, *(str(folder / name) for name in BOMBS)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT, check=False)
    assert ended.returncode == 0, ended.stderr
    return {name: (error, growth) for name, error, growth in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.parametrize("name", BOMBS)
def test_decompression_bomb(outcomes, name):
    """
    Nothing is sent, and memory stays far below the decompressed size.
    """
    error, growth = outcomes[name]

    assert error.startswith("PromptError: ")
    assert BOMBS[name][1] in error
    assert growth < MAX_GROWTH or not STATUS.exists()
