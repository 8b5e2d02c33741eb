"""
Files that the server stores.

Source: OpenAI's API description 2.3.0, ``/files`` and ``/uploads``; recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from budwood.errors import PromptError
from budwood.types import BodyFile, FileInfo, FileUpload
from budwood.wire.multipart import FormField

PART_SIZE: Final = 64 * 1024 * 1024
"""Maximum size of a part, in bytes."""

_READY: Final = frozenset({"uploaded", "processed", "completed"})
"""States of a file that can be used. Azure processes files for a while, as ``pending`` or ``running``."""


def measure(upload: FileUpload) -> int:
    """
    Return the size of a file in bytes.

    Raises:
        PromptError: It cannot be found.
    """
    if upload.data is not None:
        return len(upload.data)
    path = upload.path or Path()
    try:
        return path.stat().st_size
    except OSError as error:
        raise PromptError(
            f"Cannot read {path}: {error.strerror or error}.", hint="Check the path of the file and its permissions."
        ) from error


def encode_upload(upload: FileUpload, purpose: str, expiry: Mapping[str, str]) -> Iterator[FormField]:
    """Return the fields of the form that uploads a file. An empty purpose is not sent."""
    if purpose:
        yield FormField("purpose", purpose)
    for name, value in expiry.items():
        yield FormField(name, value)
    content = upload.data if upload.data is not None else BodyFile(upload.path or Path())
    yield FormField("file", content, filename=upload.name, content_type=upload.media_type)


def split_upload(upload: FileUpload, size: int) -> Iterator[FormField]:
    """Return the parts of a large file, each as a field of a form of its own. A part of a file is not read."""
    for offset in range(0, size, PART_SIZE):
        count = min(PART_SIZE, size - offset)
        if upload.data is not None:
            content: bytes | BodyFile = upload.data[offset : offset + count]
        else:
            content = BodyFile(upload.path or Path(), offset=offset, size=count)
        yield FormField("data", content, filename=upload.name, content_type="application/octet-stream")


def decode_file(row: Mapping[str, Any], instance: str) -> FileInfo:
    """Decode the metadata of a file. Mistral adds the media type."""
    status = row.get("status")
    return FileInfo(
        id=str(row["id"]),
        provider=instance,
        name=row.get("filename"),
        size=row.get("bytes"),
        media_type=row.get("mimetype") or None,
        purpose=row.get("purpose"),
        created=row.get("created_at"),
        expires=row.get("expires_at"),
        ready=status is None or status in _READY,
        raw=dict(row),
    )
