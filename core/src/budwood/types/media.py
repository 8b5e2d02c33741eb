"""Media in messages: images, audio, video and documents."""

from __future__ import annotations

import base64
import errno
import hashlib
import stat
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from budwood.types.record import JSON, Record

CacheLifetime = Literal["default", "5m", "1h"]
"""
A mark for prompt caching: later requests begin with everything up to here, so the vendor may cache it for this long.

It affects only price and speed. A provider that does not send it lists it in the adaptations.
"""

MediaKind = Literal["image", "audio", "video", "document"]
"""The kinds of media."""

BY_DIGEST = "media by digest"
"""As the context of a serialization: media count by a hash of their content, which is short and the same for a path."""

_BLOCK = 1024 * 1024


class MediaPart(Record):
    """
    Media in a message, from one of four sources.

    Attributes:
        data: The content.
        path: A file. It is read when the request is sent, in blocks.
        url: A URL. The vendor fetches it if it can; see the guide "Files".
        file_id: The id of a file that the vendor stores.
        media_type: The media type, such as ``image/png``. It must be that of the content: vendors compare them.
        name: The name of the file; vendors show it to the model.
        cache: A mark for prompt caching.
        provider: The vendor whose reply contained the part; ``vendor_data`` is what it needs back unchanged.
    """

    data: bytes | None = Field(default=None, repr=False)
    path: Path | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None
    cache: CacheLifetime | None = None
    provider: str | None = None
    vendor_data: JSON = Field(default=None, repr=False)

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    if not TYPE_CHECKING:  # type checkers know the arguments by the fields

        def __init__(self, *args: object, **fields: object) -> None:
            if args or not fields:
                name = type(self).__name__.removesuffix("Part")
                raise TypeError(
                    f"{name} takes its source by name: "
                    f"{name}(path=…), {name}(url=…), {name}(file_id=…), or {name}(data=…, media_type=…)."
                )
            super().__init__(**fields)

        __init__.__pydantic_base_init__ = True  # Pydantic calls it only for the user's own calls

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        sources = (self.data, self.path, self.url, self.file_id)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("media have one source: data with a media_type, a path, a url, or a file_id")
        return self

    @model_serializer(mode="wrap")
    def _serialize(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        if info.context != BY_DIGEST or (self.data is None and self.path is None):
            fields: dict[str, Any] = serialize(self)
            return fields
        without: dict[str, Any] = {"data": None, "path": None}
        if not isinstance(self, DocumentPart):
            without["name"] = None  # models see the names of documents only
        fields = serialize(self.model_copy(update=without))
        return fields | {"digest": self.digest()}

    def read(self) -> bytes:
        """
        Return the content.

        Raises:
            ValueError: It has a URL or an id instead.
            OSError: The file cannot be read.
        """
        if self.data is not None:
            return self.data
        if self.path is None:
            raise ValueError("the content is not on this machine")
        return self.path.read_bytes()

    def save(self, path: str | Path) -> Path:
        """
        Write the content to a file, which is replaced once it is complete. Returns the path.

        A path that is not a regular file, such as a pipe, is written directly.

        Raises:
            ValueError: It has a URL or an id instead of the content.
            BudwoodError: The content is still at the vendor that has generated it; see `GeneratedMedia.read`.
            OSError: The file cannot be written.
        """
        from budwood.atomic_files import open_output  # only programs that save media need it

        content, target = self.read(), Path(path)
        with open_output(target) as file:
            file.write(content)
        return target

    def digest(self) -> str:
        """
        Return the SHA-256 of the content. That of a file is kept until the file changes.

        Raises:
            ValueError: The content is not on this machine.
            OSError: The file cannot be read, or is no regular file.
        """
        if self.path is None:
            return hashlib.sha256(self.read()).hexdigest()
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device may block or never end
            raise OSError(errno.EINVAL, "it is not a regular file", str(self.path))
        return _digest_of_file(self.path, found.st_size, found.st_mtime_ns)

    @property
    def data_url(self) -> str:
        """The URL of the content: its own, or ``data:…;base64,…``."""
        if self.url is not None:
            return self.url
        encoded = base64.b64encode(self.read()).decode("ascii")
        return f"data:{self.media_type or 'application/octet-stream'};base64,{encoded}"


@lru_cache(maxsize=1024)
def _digest_of_file(path: Path, _size: int, _modified: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class ImagePart(MediaPart):
    """
    An image.

    ``detail`` is the resolution at which the model sees it (``"low"``, ``"high"``, ``"auto"``). ``width`` and
    ``height`` are in pixels, if known.
    """

    type: Literal["image"] = "image"
    detail: str | None = None
    width: int | None = None
    height: int | None = None


class AudioPart(MediaPart):
    """Audio. ``seconds`` is its duration, if known; ``transcript`` is its text, if a model generated it."""

    type: Literal["audio"] = "audio"
    seconds: float | None = None
    transcript: str | None = None


class VideoPart(MediaPart):
    """A video. ``seconds`` is its duration, if known."""

    type: Literal["video"] = "video"
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


class DocumentPart(MediaPart):
    """A document, such as a PDF. ``pages`` is the number of its pages, if known."""

    type: Literal["document"] = "document"
    pages: int | None = None


Image = ImagePart
"""The short name of `ImagePart`."""

Audio = AudioPart
"""The short name of `AudioPart`."""

Video = VideoPart
"""The short name of `VideoPart`."""

Document = DocumentPart
"""The short name of `DocumentPart`."""

AnyMedia = ImagePart | AudioPart | VideoPart | DocumentPart
"""Media of any kind."""
