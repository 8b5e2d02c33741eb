"""What the handlers of all formats share."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Final

from budwood.contracts import PluginContext
from budwood.errors import PromptError
from budwood.providing import check_content
from budwood.types import MediaFile, Part, TextPart
from budwood_media_office.settings import OfficeSettings

_PROLOGUE: Final = 4096
"""How many bytes of each XML file are searched for a document type, which precedes the content."""


_DAMAGES: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # an unknown compression
    RuntimeError,  # a password
    ValueError,
    EOFError,
)
"""What reading a damaged archive raises."""


class OfficeHandler:
    """
    Converts documents to Markdown; see `budwood.contracts.MediaHandler`.

    Args:
        settings: The settings of this instance.
        context: The plugin's context.
        convert: Converts a file of one format.
    """

    def __init__(
        self, settings: OfficeSettings, context: PluginContext, convert: Callable[[MediaFile, OfficeSettings], str]
    ) -> None:
        self._settings = settings
        self._instance = context.instance
        self._convert = convert

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Return the text of a document, with its name.

        Raises:
            PromptError: The document is damaged, protected by a password, or too large.
        """
        check_content(file)
        self._check_archive(file)
        try:
            text = self._convert(file, self._settings)
        except PromptError:
            raise
        except Exception as error:  # noqa: BLE001 - a damaged document can make the libraries raise anything
            raise PromptError(
                f"{file.name} is a damaged document: {type(error).__name__}: {error}.", hint="Save it again."
            ) from None
        if len(text) > self._settings.max_characters:
            raise self._too_large(file, f"has {len(text):,} characters of text", "max_characters")
        return (TextPart(text=f'<document name="{file.name}">\n{text}\n</document>\n'),)

    def _check_archive(self, file: MediaFile) -> None:
        """
        Check what the archive contains before it is unpacked.

        A reader never unpacks more of an entry than its stated size. Documents have no document type (ECMA-376, part 2,
        section 8.1.4), whose entities could grow without bound.
        """
        try:
            with file.open() as content, zipfile.ZipFile(content) as archive:
                entries = archive.infolist()
                if sum(entry.file_size for entry in entries) > self._settings.max_unpacked:
                    raise self._too_large(file, "is larger, once it is unpacked, than allowed", "max_unpacked")
                for entry in entries:
                    if entry.filename.endswith((".xml", ".rels")):
                        with archive.open(entry) as member:
                            has_type = b"<!DOCTYPE" in member.read(_PROLOGUE)
                        if has_type:
                            raise PromptError(
                                f"{file.name} has a document type, as no office program writes.", hint="Save it again."
                            )
        except _DAMAGES as error:
            raise PromptError(f"{file.name} is a damaged document: {error}.", hint="Save it again.") from None

    def _too_large(self, file: MediaFile, problem: str, setting: str) -> PromptError:
        return PromptError(
            f"{file.name} {problem}.",
            hint=f"Pass the part that matters, or raise {setting} in [media_handlers.{self._instance}].",
        )
