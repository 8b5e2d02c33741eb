"""Tables, pages and durations."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter

from budwood.errors import PromptError
from budwood_media import DurationHandler, PDFHandler, TableHandler, TableSettings
from budwood_testing import chat_reply, plugin_context
from tests.media import make_file, make_mp4, make_pdf, make_wav, make_webm
from tests.plugins.audio_files import make_aiff, make_flac, make_mp3, make_opus


@pytest.fixture
def table(tmp_path):
    """
    Return the text of a table.
    """

    def read(data: bytes, media_type: str = "text/csv", **settings: int) -> str:
        handler = TableHandler(TableSettings(**settings), plugin_context("table", cache_folder=tmp_path))
        (part,) = handler.parts(make_file("a.csv", data, media_type))
        return part.text

    return read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_table_becomes_markdown(table, delimiter):
    """
    The delimiter is that of the first line; cells with a meaning in Markdown are escaped, and short rows filled up.
    """
    text = table(f'name{delimiter}note\nAda{delimiter}"a|b\nc"\n\nBob\n'.encode())

    assert text.splitlines()[1:5] == ["| name | note |", "| --- | --- |", "| Ada | a&#124;b c |", "| Bob |  |"]


def test_long_table_is_rejected(table):
    """
    The error names the setting.
    """
    assert table(b"n\n1\n", max_rows=2)
    with pytest.raises(PromptError, match=r"more than 2 rows.*max_rows in \[media_handlers\.table\]"):
        table(b"n\n1\n2\n", max_rows=2)


@pytest.mark.parametrize("data", [b"\n", b'"a', b"a\n" + b'"' + b"x" * 200_000 + b'"\n'])
def test_what_is_no_table_is_rejected(table, data):
    """
    So is a table with a cell of more than 131,072 characters.
    """
    with pytest.raises(PromptError, match=r"a\.csv"):
        table(data)


def test_duration_of_a_streamed_file_is_that_of_its_samples():
    """
    Its header states the largest size, because the real one was not known when it was written.
    """
    data = make_wav(2)
    streamed = data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:]

    (part,) = DurationHandler().parts(make_file("a.wav", streamed, "audio/wav"))
    assert part.seconds == 2


@pytest.mark.parametrize(
    ("media_type", "data", "seconds"),
    [
        ("audio/wav", make_wav(2), 2),
        ("audio/mpeg", make_mp3(), 2.61),
        ("audio/flac", make_flac(), 2),
        ("audio/ogg", make_opus(), 2),
        ("audio/aiff", make_aiff(), 2),
        ("audio/mp4", make_mp4(2, b"M4A "), 2),
        ("audio/webm", make_webm(2, b"A_OPUS"), 2),
        ("video/mp4", make_mp4(2), 2),
        ("video/webm", make_webm(2), 2),
        ("video/mp4", make_mp4(0), None),
        ("video/webm", make_webm()[:40], None),
        ("audio/flac", make_flac()[:20], None),
    ],
)
def test_duration_is_read(media_type, data, seconds):
    """
    It is read in each format, and None where the file does not say it.
    """
    (part,) = DurationHandler().parts(make_file("a", data, media_type))

    assert part.seconds == (None if seconds is None else pytest.approx(seconds, abs=0.02))


def test_long_box_sizes_of_mp4_are_read(tmp_path):
    """
    A box of 64 bits is skipped, also in a file that stays on the disk.
    """
    data = make_mp4(3)
    (part,) = DurationHandler().parts(make_file("a", data.replace(b"mdat", b"free"), "video/mp4"))
    start = data.index(b"mdat") - 4
    long = data[:start] + b"\0\0\0\1mdat" + (116).to_bytes(8) + data[start + 8 :]

    (other,) = DurationHandler().parts(make_file("a", long, "video/mp4"))

    assert part.seconds == other.seconds == 3


def test_pages_are_counted():
    """
    The part is the document itself.
    """
    data = make_pdf(12)
    (part,) = PDFHandler().parts(make_file("a.pdf", data, "application/pdf"))

    assert part.pages == 12
    assert part.data == data


def encrypt(password: str) -> bytes:
    """
    Return a document of one page with a password.
    """
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf())))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_document_with_a_password_is_rejected():
    """
    One that only restricts printing has an empty password, and can be read.
    """
    with pytest.raises(PromptError, match="protected by a password"):
        PDFHandler().parts(make_file("a.pdf", encrypt("secret"), "application/pdf"))
    (part,) = PDFHandler().parts(make_file("a.pdf", encrypt(""), "application/pdf"))
    assert part.pages == 1


def test_damaged_document_is_rejected():
    """
    A document that was cut off has no page tree.
    """
    with pytest.raises(PromptError, match=r"a\.pdf is a damaged PDF document"):
        PDFHandler().parts(make_file("a.pdf", make_pdf()[:20], "application/pdf"))


def test_table_is_sent_as_markdown(client, scripted, tmp_path):
    """
    The installed plugin takes precedence over the built-in handler of text.
    """
    scripted.reply(body=chat_reply())

    (tmp_path / "a.csv").write_text("a,b\n1,2\n")

    client.ask("?", files=[tmp_path / "a.csv"])

    assert "| a | b |" in scripted.sent()["messages"][-1]["content"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_tables(client, scripted, tmp_path, encoding):
    """
    UTF-16 is known by its byte order mark.
    """
    scripted.reply(body=chat_reply())
    (tmp_path / "a.csv").write_bytes("Größe,b\n1,2\n".encode(encoding))

    client.ask("?", files=[tmp_path / "a.csv"])

    assert "| Größe | b |" in scripted.sent()["messages"][-1]["content"]


def test_table_in_another_encoding_is_refused(client, tmp_path):
    """
    Other encodings cannot be told apart, so the error says what to save.
    """
    (tmp_path / "a.csv").write_bytes("Größe,b\n1,2\n".encode("latin-1"))

    with pytest.raises(PromptError, match="Save it in UTF-8"):
        client.ask("?", files=[tmp_path / "a.csv"])
