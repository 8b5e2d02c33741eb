"""Files that calls pass as arguments: find and open them, whatever form they have."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar, cast
from urllib.parse import unquote_to_bytes, urlsplit

from budwood.engine.chat.prompts import Readable
from budwood.errors import PromptError
from budwood.providing import HEAD_BYTES, PARTS, check_content, detect_media_type, hide_secrets, media_kind
from budwood.types import (
    AnyMedia,
    ChatResponse,
    MediaFile,
    MediaKind,
    MediaLimits,
    MediaPart,
    ServiceResponse,
)

M = TypeVar("M", bound=MediaPart)

IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
"""Files up to this size are read once. Larger ones stay on the disk, and are read when a request is sent."""

MAX_STREAM_BYTES: Final = 100 * 1024 * 1024
"""How much is read of a file object that is not a file on the disk."""

_SCHEME: Final = re.compile(r"(https?|ftp|s3|gs|data|file):(?=//|[^/\\])", re.IGNORECASE)
_PRIVATE: Final = re.compile(r"(?<=//)[^/@]*@|[?#].*", re.DOTALL)
"""Parts of an address that may be secret: user name and password, query and fragment."""

_NOUNS: Final[dict[MediaKind, str]] = {
    "image": "an image",
    "audio": "audio",
    "video": "a video",
    "document": "a document",
}
_HINT: Final = "Pass a path, a URL, the content as bytes, a file object, or an Image, Audio, Video or Document."


class Content(NamedTuple):
    """The content of a file in memory."""

    name: str
    data: bytes


class Stream(NamedTuple):
    """A file object that has not been read yet."""

    name: str
    file: Readable


class RemoteFile(NamedTuple):
    """A file at a URL of HTTP."""

    name: str
    url: str


Location = Path | Content | Stream | RemoteFile | AnyMedia
"""Where a file is."""


def locate_file(file: object, number: int = 1) -> Location:
    """
    Return where a file is, without I/O.

    Args:
        file: What the caller passed.
        number: Its number among the files, which is the name of a file without one.

    Raises:
        PromptError: It is no file, or at an address of an unsupported kind.
    """
    match file:
        case MediaPart():
            return file  # type: ignore[return-value]
        case bytes() | bytearray() | memoryview():
            return Content(f"file {number}", bytes(file))
        case str() if scheme := _SCHEME.match(file):
            return _locate_address(file, scheme[1].lower(), number)
        case "":
            raise PromptError("The path of a file is empty.", hint=_HINT)
        case str() | os.PathLike():
            return Path(file)
        case _ if callable(getattr(file, "read", None)):
            return _locate_stream(cast("Readable", file), number)
        case _:
            raise PromptError(f"A file is of the type {type(file).__name__}.", hint=_find_hint(file))


def _find_hint(file: object) -> str:
    """Return what to pass in place of a file: of a reply with media, its first."""
    if isinstance(file, ChatResponse) and file.media:
        return "Pass reply.media[0]."
    for name in ("image", "audio", "video"):
        if isinstance(file, ServiceResponse) and isinstance(getattr(file, name, None), MediaPart):
            return f"Pass reply.{name}."
    return _HINT


def open_file(
    location: Path | Content | Stream, limits: Mapping[MediaKind, MediaLimits] = MappingProxyType({})
) -> MediaFile:
    """
    Open a file and detect its media type. Only a small one is read whole.

    Raises:
        PromptError: It cannot be read, is empty, or is no regular file.
    """
    if isinstance(location, Path):
        return _open_path(location, limits)
    name = location.name
    data = _read_stream(location) if isinstance(location, Stream) else location.data
    if not data:
        raise PromptError(f"{name} is empty.", hint="Check the file.")
    return _make_file(name, data[:HEAD_BYTES], limits, size=len(data), data=data)


def open_media(location: Path | Content | Stream, kind: MediaKind) -> MediaFile:
    """
    Open a file, and check that its content is media of a kind. A video can be audio, too.

    Raises:
        PromptError: It cannot be read, is of another kind, or has another format than its name says.
    """
    opened = open_file(location)
    found = media_kind(opened.media_type)
    if found != kind and (found, kind) != ("video", "audio"):
        noun = _NOUNS[kind]
        raise PromptError(f"{opened.name} is {opened.media_type}, not {noun}.", hint=f"Pass {noun}.")
    check_content(opened)  # its name alone does not say what it is
    return opened


class UnreadFile(NamedTuple):
    """A file that must be read to be media of a kind."""

    location: Path | Content | Stream | AnyMedia
    kind: type[AnyMedia]

    def read(self) -> AnyMedia:
        """
        Return it as media.

        Raises:
            PromptError: It cannot be read, is of another kind, or has another format than its name says.
        """
        if isinstance(self.location, MediaPart):
            return complete_part(self.location)
        opened = open_media(self.location, _name(self.kind))
        return self.kind(data=opened.data, path=opened.path, name=opened.name, media_type=opened.media_type)


def locate_part(file: object, kind: type[AnyMedia]) -> AnyMedia | UnreadFile:
    """
    Return a file as media of a kind, for the services that take only that, without I/O. A video can be audio, too.

    Raises:
        PromptError: It is no file, or its content in memory is of another kind.
    """
    location = locate_file(file)
    if isinstance(location, MediaPart) and not isinstance(location, kind):
        raise PromptError(f"A file is of the type {type(location).__name__}.", hint=f"Pass {_NOUNS[_name(kind)]}.")
    if isinstance(location, RemoteFile):
        return kind(url=location.url, name=location.name)
    if isinstance(location, MediaPart) and (location.media_type is not None or location.path is None):
        return complete_part(location)
    unread = UnreadFile(location, kind)
    return unread.read() if isinstance(location, Content) else unread


def locate_parts(files: object, kind: type[AnyMedia]) -> tuple[AnyMedia | UnreadFile, ...]:
    """Return several files, or a single one; see `locate_part`."""
    is_single = isinstance(files, str | bytes | bytearray | memoryview) or not isinstance(files, Sequence)
    several = (files,) if is_single else cast("Sequence[object]", files)
    return tuple(locate_part(file, kind) for file in several)


def digest_of(part: MediaPart) -> str:
    """
    Return the SHA-256 of the content of a part.

    Raises:
        PromptError: Its file cannot be read.
    """
    try:
        return part.digest()
    except OSError as error:
        raise PromptError(f"Cannot read {part.path}: {error.strerror or error}.", hint="Check the path.") from error


def complete_part(part: M) -> M:
    """
    Return a part with the media type of its content, if it has none.

    Raises:
        PromptError: Its file cannot be read.
    """
    if part.media_type is not None or (part.data is None and part.path is None):
        return part
    opened = open_file(part.path if part.path is not None else Content(part.name or "file", part.data or b""))
    return part.model_copy(update={"media_type": opened.media_type, "name": part.name or opened.name})


def make_remote_part(file: RemoteFile) -> AnyMedia | None:
    """Return a part with a URL, of the kind that its path names; None if it names no media."""
    media_type = detect_media_type(file.name, b"\0")
    kind = media_kind(media_type)
    return None if kind is None else PARTS[kind](url=file.url, name=file.name, media_type=media_type)


def _name(kind: type[MediaPart]) -> MediaKind:
    name: MediaKind = kind.model_fields["type"].default
    return name


def _locate_address(address: str, scheme: str, number: int) -> Location:
    match scheme:
        case "http" | "https":
            return RemoteFile(Path(urlsplit(address).path).name or f"file {number}", address)
        case "data":
            return Content(f"file {number}", _decode_data_url(address))
        case "file":
            raise PromptError(f"A file is given by its address: {hide_secrets(address)}", hint="Pass its path.")
        case _:
            raise PromptError(
                f"Budwood does not download files from {scheme}: {hide_secrets(address)}",
                hint="Download it, and pass its path.",
            )


def _decode_data_url(url: str) -> bytes:
    """Return the content of a data URL (RFC 2397)."""
    head, comma, content = url.partition(",")
    if not comma:
        raise PromptError("A file is an invalid data URL: it has no comma.", hint="Pass data:TYPE;base64,CONTENT.")
    try:
        data = unquote_to_bytes(content)
        return base64.b64decode(data, validate=True) if head.lower().endswith(";base64") else data
    except (ValueError, binascii.Error) as error:
        raise PromptError(f"A file is an invalid data URL: {error}.", hint="Pass data:TYPE;base64,CONTENT.") from None


def _locate_stream(file: Readable, number: int) -> Location:
    """Return the path of a file object, if it is a file on the disk that is read from its start."""
    name = getattr(file, "name", None)
    if not isinstance(name, str) or name.startswith("<"):  # such as "<stdin>"
        return Stream(f"file {number}", file)
    try:
        if Path(name).is_file() and getattr(file, "mode", "") in ("rb", "rb+") and file.tell() == 0:  # type: ignore[attr-defined]
            return Path(name)
    except (OSError, ValueError, AttributeError):
        pass
    return Stream(Path(name).name, file)


def _read_stream(stream: Stream) -> bytes:
    """
    Read a file object, at most `MAX_STREAM_BYTES`.

    Raises:
        PromptError: It is larger, cannot be read, or returns something else than bytes or text.
    """
    chunks: list[bytes] = []
    left = MAX_STREAM_BYTES
    try:
        while chunk := stream.file.read(min(left + 1, 1024 * 1024)):
            data = chunk.encode() if isinstance(chunk, str) else bytes(memoryview(chunk))  # bytes(5) would be 5 zeros
            chunks.append(data)
            left -= len(data)
            if left < 0:
                raise PromptError(f"{stream.name} has more than {MAX_STREAM_BYTES:,} bytes.", hint="Pass a path.")
    except (OSError, ValueError, TypeError) as error:
        raise PromptError(f"Cannot read {stream.name}: {error}.", hint="Pass an open file, or its content.") from error
    return b"".join(chunks)


def _open_path(path: Path, limits: Mapping[MediaKind, MediaLimits]) -> MediaFile:
    try:
        size, content = _read_path(path)
    except IsADirectoryError:
        raise PromptError(f"{path} is a folder.", hint="Pass the files in it.") from None
    except (OSError, ValueError) as error:  # ValueError for a path that the system cannot have
        reason = getattr(error, "strerror", None) or error
        raise PromptError(f"Cannot read {path}: {reason}.", hint="Check the path.") from error
    if not size:
        raise PromptError(f"{path} is empty.", hint="Check the file.")
    if size <= IN_MEMORY_BYTES:
        return _make_file(path.name, content[:HEAD_BYTES], limits, size=len(content), data=content)
    return _make_file(path.name, content, limits, size=size, path=path)


def _make_file(
    name: str,
    head: bytes,
    limits: Mapping[MediaKind, MediaLimits],
    *,
    size: int,
    data: bytes | None = None,
    path: Path | None = None,
) -> MediaFile:
    media_type = detect_media_type(name, head)
    kind = media_kind(media_type)
    known = limits.get(kind) if kind is not None else None
    return MediaFile(name=name, media_type=media_type, size=size, data=data, path=path, limits=known or MediaLimits())


def _read_path(path: Path) -> tuple[int, bytes]:
    """
    Return the size of a regular file, and its content, or the first bytes if it is large.

    A pipe or a device may block or never end, so it is refused before anything is read.
    """
    _check_mode(path, path.stat().st_mode)
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        status = os.fstat(opened)
        _check_mode(path, status.st_mode)
        return status.st_size, file.read(IN_MEMORY_BYTES if status.st_size <= IN_MEMORY_BYTES else HEAD_BYTES)


def _check_mode(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise PromptError(f"{path} is no regular file, but a device, a pipe or a socket.", hint="Pass its content.")
