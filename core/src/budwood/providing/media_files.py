"""What media handlers need."""

from __future__ import annotations

from typing import Any, Final

from budwood.errors import PromptError
from budwood.providing.sniffing import HEAD_BYTES, has_media_type, media_kind, sniff_media_type
from budwood.types import AnyMedia, AudioPart, DocumentPart, ImagePart, MediaFile, MediaKind, VideoPart

PARTS: Final[dict[MediaKind, type[AnyMedia]]] = {
    "image": ImagePart,
    "audio": AudioPart,
    "video": VideoPart,
    "document": DocumentPart,
}
"""The part of each kind of media."""

_EXTENSIONS: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/m4a": "m4a",
    "audio/webm": "webm",
    "video/webm": "webm",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "application/pdf": "pdf",
    "application/json": "json",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
}
"""The extension of a file by its media type. Some vendors recognize the type of a file by its name."""


def check_content(file: MediaFile) -> bytes:
    """
    Check that the content of a file is in the format of its media type, by its first bytes, and return these.

    Raises:
        PromptError: It is not.
    """
    head = file.head(HEAD_BYTES)
    if not has_media_type(head, file.media_type):
        found = sniff_media_type(head)
        reason = f"its content is {found}" if found else "its content is in another format, or damaged"
        raise PromptError(f"{file.name} is not a valid {file.media_type}: {reason}.", hint="Check the file.")
    return head


def make_media(file: MediaFile, **fields: Any) -> AnyMedia:  # noqa: ANN401 - the fields of any part
    """
    Return a file as a part of its kind of media, with the content in the same place.

    Args:
        file: The file. Its media type must be one of an image, audio, a video or PDF.
        **fields: Further fields of the part, such as ``width``. They replace those of the file.
    """
    source = {"data": file.data} if file.path is None else {"path": file.path}
    kind = media_kind(file.media_type)
    if kind is None:
        raise ValueError(f"{file.media_type} is not a media type of an image, audio, a video or a document")
    return PARTS[kind](**({**source, "name": file.name, "media_type": file.media_type} | fields))


def name_file(name: str | None, media_type: str | None, *, default: str) -> str:
    """
    Return the name of a file, with the extension of its media type unless it has one.

    Args:
        name: Its name, if it has one.
        media_type: Its media type. One without a known extension changes nothing.
        default: Its name if it has none; that of a field of a form may end with ``[]``.
    """
    extension = _EXTENSIONS.get((media_type or "").lower())
    name = name or default.removesuffix("[]")
    return name if extension is None or "." in name.strip(".") else f"{name}.{extension}"
