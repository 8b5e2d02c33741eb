"""From a file's bytes to a `Document`. The parsers are heavy, so each is imported when its first file is read."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError
from budwood_generation.documents.files import Kind, detect_kind, find_suffix, make_document_name
from budwood_generation.documents.records import Document

if TYPE_CHECKING:
    from pathlib import Path

    from budwood_generation.documents.outline import Outline

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Maximum size of a file, in bytes."""


def read_document(path: Path, root: Path) -> Document:
    """
    Read a file in the format of its suffix.

    Args:
        path: The file, in UTF-8, with or without a byte order mark.
        root: The folder that the name of the document is relative to.

    Raises:
        ConfigurationError: The file cannot be opened, has an unsupported type, is larger than `SIZE_LIMIT`, is not
            UTF-8, is binary, or is nested too deeply.
    """
    name = make_document_name(path, root)
    kind = detect_kind(name)
    data = _load(path, name)
    try:
        outline = _parse(kind, _decode(data, name))
    except RecursionError as error:
        raise ConfigurationError(
            f"The document {name!r} is nested too deeply to be read as {kind}.",
            hint="Flatten its lists, quotations or elements, or exclude it.",
        ) from error
    return Document(name, outline.title or _stem(path.name), outline.sections(), sha256(data).hexdigest())


def _load(path: Path, name: str) -> bytes:
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


def _decode(data: bytes, name: str) -> str:
    if (offset := data.find(0)) >= 0:
        raise ConfigurationError(
            f"The document {name!r} is binary: byte {offset} is NUL.",
            hint="Exclude it. If it is text in UTF-16, save it as UTF-8.",
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The document {name!r} is not UTF-8: byte {error.start} (0x{data[error.start]:02x}) is not valid.",
            hint=f"Save it as UTF-8, for example with iconv -f ISO-8859-1 -t UTF-8 {name!r}, or exclude it.",
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _parse(kind: Kind, text: str) -> Outline:
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
        case Kind.PLAIN:
            from budwood_generation.documents.plain import read_plain

            return read_plain(text)


def _stem(name: str) -> str:
    return name[: len(name) - len(find_suffix(name) or "")] or name
