"""From a file's bytes to a `Document`. The parsers are heavy, so each is imported when its first file is read."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError
from budwood_generation.documents.encodings import decode_text
from budwood_generation.documents.files import make_document_name
from budwood_generation.documents.formats import Kind, detect_kind, find_suffix
from budwood_generation.documents.outline import Outline
from budwood_generation.documents.records import Document

if TYPE_CHECKING:
    from pathlib import Path

    from budwood_generation.documents.tables import Table

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Maximum size of a file, in bytes."""


def read_document(path: Path, root: Path) -> Document:
    """
    Read a file in the format of its suffix.

    Args:
        path: The file; texts are in UTF-8, in UTF-16 with a byte order mark, or as a page declares.
        root: The folder that the name of the document is relative to.

    Raises:
        ConfigurationError: The file cannot be opened, has an unsupported type, is larger than `SIZE_LIMIT`, is not
            valid in its format, or is nested too deeply.
    """
    name = make_document_name(path, root)
    detect_kind(name)
    return parse_document(name, load_document(path, name))


def load_document(path: Path, name: str) -> bytes:
    """
    Return the bytes of a file.

    Raises:
        ConfigurationError: The file cannot be opened, or is larger than `SIZE_LIMIT`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot read the document {name!r}: {error.strerror}.",
            hint="Make it readable, or exclude it.",
        ) from error
    if len(data) > SIZE_LIMIT:
        raise ConfigurationError(
            f"The document {name!r} is larger than {SIZE_LIMIT // 1024**2} MiB.", hint="Split it, or exclude it."
        )
    return data


def parse_document(name: str, data: bytes) -> Document:
    """
    Parse the bytes of a file in the format of its suffix.

    Raises:
        ConfigurationError: The content is not valid in this format, or is nested too deeply.
    """
    kind = detect_kind(name)
    content = _parse(kind, data, name)
    digest = sha256(data).hexdigest()
    stem = _stem(name.rpartition("/")[2])
    if isinstance(content, Outline):
        return Document(name, content.title or stem, content.sections(), digest)
    return Document(name, stem, tuple(content.records), digest, tuple(content.problems))


def _parse(kind: Kind, data: bytes, name: str) -> Outline | Table:
    try:
        return _parse_pdf(data, name) if kind is Kind.PDF else _parse_text(kind, decode_text(data, name, kind))
    except ConfigurationError:
        raise
    except RecursionError as error:
        raise ConfigurationError(
            f"The document {name!r} is nested too deeply to be read as {kind}.",
            hint="Flatten its lists, quotations or elements, or exclude it.",
        ) from error
    except Exception as error:  # an error in a parser concerns one document only
        raise ConfigurationError(
            f"The document {name!r} cannot be read as {kind}: {type(error).__name__}: {error}.", hint="Exclude it."
        ) from error


def _parse_text(kind: Kind, text: str) -> Outline | Table:
    match kind:
        case Kind.MARKDOWN:
            from budwood_generation.documents.markdown import read_markdown

            return read_markdown(text)
        case Kind.HTML:
            from budwood_generation.documents.html import read_html

            return read_html(text)
        case Kind.RESTRUCTURED:
            from budwood_generation.documents.restructured import read_restructured

            return read_restructured(text)
        case Kind.CSV | Kind.TSV:
            from budwood_generation.documents.tables import read_csv

            return read_csv(text, separator="\t" if kind is Kind.TSV else None)
        case Kind.JSONL:
            from budwood_generation.documents.tables import read_jsonl

            return read_jsonl(text)
        case _:
            from budwood_generation.documents.plain import read_plain

            return read_plain(text)


def _parse_pdf(data: bytes, name: str) -> Outline:
    from budwood_generation.documents.pdf import read_pdf

    return read_pdf(data, name)


def _stem(name: str) -> str:
    return name[: len(name) - len(find_suffix(name) or "")] or name
