"""From the bytes of a text to its characters."""

from __future__ import annotations

import codecs
import re
from typing import Final

from budwood.errors import ConfigurationError
from budwood_generation.documents.formats import Kind

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_START: Final = 4096
"""Bytes at the start of a page in which its encoding is declared."""
_DECLARATION: Final = re.compile(
    rb"""<meta\b[^>]*?\bcharset\s*=\s*["']?\s*([\w.:-]+)|<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:-]+)""",
    re.IGNORECASE,
)
_EXTENSIONS: Final = {
    "ascii": "cp1252",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
"""The encodings that browsers use for these names, which contain them; source: WHATWG Encoding, "names and labels"."""
_ALLOWED: Final = re.compile(
    r"ascii|cp\d+|iso8859-\d+|koi8-[ru]|mac-\w+|big5\w*|gb\w+|euc_\w+|shift_jis|iso2022_jp|tis-620"
)
_ESCAPE: Final = b"\x1b"  # ISO-2022-JP has only ASCII characters, and would be valid UTF-8


def decode_text(data: bytes, name: str, kind: Kind) -> str:
    """
    Decode a text in UTF-8, or in UTF-16 with a byte order mark. Line breaks become line feeds.

    A page that is not valid UTF-8 is decoded as it declares in ``<meta charset>`` or its XML declaration.

    Args:
        data: The text.
        name: The name of the document, for errors.
        kind: The format.

    Raises:
        ConfigurationError: The bytes are not valid in the encoding, or contain NUL.
    """
    is_wide = data.startswith(_UTF_16)
    if not is_wide and (offset := data.find(0)) >= 0:
        raise ConfigurationError(
            f"The document {name!r} is binary: byte {offset} is NUL.",
            hint="Exclude it. If it is text in UTF-16, save it as UTF-8.",
        )
    declared = _find_declared(data) if kind is Kind.HTML else None
    if is_wide:
        text = _decode(data, "utf-16", name)
    elif declared and (_ESCAPE in data or not _is_utf_8(data)):
        text = _decode(data, declared, name)
    else:
        text = _decode(data, "utf-8", name)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The document {name!r} is not {encoding.upper()}: byte {error.start} (0x{data[error.start]:02x}) is not "
            "valid.",
            hint=f"Save it as UTF-8, for example with iconv -f ISO-8859-1 -t UTF-8 {name!r}, or exclude it.",
        ) from error


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _find_declared(data: bytes) -> str | None:
    """Return the encoding that a page declares, if it is known and not UTF-8."""
    declaration = _DECLARATION.search(data[:_START])
    if declaration is None:
        return None
    try:
        label = (declaration[1] or declaration[2]).decode("ascii").lower()
        encoding = codecs.lookup(label.removeprefix("x-").replace("windows-", "cp")).name
    except (LookupError, UnicodeDecodeError):
        return None
    return _EXTENSIONS.get(encoding, encoding) if _ALLOWED.fullmatch(encoding) else None
