"""Bodies that are forms: their files are written to temporary files as they arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from budwood.providing import normalise_media_type
from budwood_server.web.problems import ProblemError, reject, reject_size
from budwood_server.web.temporary import temporary_folder
from budwood_server.web.timely_bodies import read_in_time

if TYPE_CHECKING:
    from budwood_server.web.exchange import Exchange

MAX_FIELDS: Final = 1000
"""The largest number of fields and files."""

MAX_TEXT: Final = 32 * 1024 * 1024
"""The largest size of all fields that are not files, in bytes. Some contain audio in base64."""

BLOCK: Final = 1024 * 1024
"""The bytes that are collected before they are written to a file."""

OVERHEAD: Final = 1024 * 1024
"""The bytes that a form may have besides its files and texts."""

_KEY: Final = re.compile(r"\[([^\[\]]*)\]")


class FormFile(NamedTuple):
    """
    A file of a form.

    Attributes:
        field: The name of its field.
        name: Its name at the client, without folders.
        media_type: Its media type, as the client states it; None if that is unknown.
        path: The temporary file with the content.
        size: Its size in bytes.
    """

    field: str
    name: str
    media_type: str | None
    path: Path
    size: int

    def type_among(self, *kinds: str) -> str | None:
        """Return the media type under its usual name, if it is one of some kinds, such as ``"audio"``."""
        found = normalise_media_type(self.media_type or "")
        return found if found.partition("/")[0] in kinds else None


class Form(NamedTuple):
    """
    A form.

    Attributes:
        fields: The fields that are not files, as JSON: ``a[]`` and repeated fields are lists, ``a[b]`` are objects.
        files: The files, in their order.
    """

    fields: dict[str, Any]
    files: tuple[FormFile, ...]

    def find_files(self, *names: str) -> tuple[FormFile, ...]:
        """Return the files of a field; ``name[]`` and ``name[0]`` belong to ``name``."""
        return tuple(file for file in self.files if file.field.partition("[")[0] in names)

    def require_file(self, name: str) -> FormFile:
        """
        Return the file of a field.

        Raises:
            ProblemError: There is none, or it is empty.
        """
        found = self.find_files(name)
        if not found:
            raise reject(f"The form has no file in the field {name!r}.", param=name, code="missing_file")
        if not found[0].size:
            raise reject(f"The file in the field {name!r} is empty.", param=name, code="empty_file")
        return found[0]


def is_form(exchange: Exchange) -> bool:
    """Tell whether the body of a request is a form, by its header."""
    return (exchange.header(b"content-type") or "").strip().lower().startswith("multipart/form-data")


@asynccontextmanager
async def read_form(
    exchange: Exchange, limit: int, timeout: float, *, setting: str = "max_upload", folder: Path | None = None
) -> AsyncIterator[Form]:
    """
    Read a form. Its files exist within the context, and are deleted at its end, whatever happens.

    Args:
        exchange: The request.
        limit: The maximum size of the files in bytes.
        timeout: Seconds within which the body must arrive, besides the time that `timely_bodies.MIN_RATE` allows it.
        setting: The setting that is the limit.
        folder: Where the files are; by default in the folder for temporary files of the system.

    Raises:
        ProblemError: The body is no valid form, is too large, or did not arrive in time.
        ClientGoneError: The client has closed the connection.
    """
    kind, options = parse_options_header(exchange.header(b"content-type") or "")
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise reject("The body must be a form: multipart/form-data with a boundary.", code="invalid_form", status=415)
    async with temporary_folder("form", folder) as own:
        reader = _FormReader(options[b"boundary"], own)
        try:
            await _feed(exchange, reader, limit, timeout, setting)
        finally:
            reader.close()
        yield reader.to_form()


async def _feed(exchange: Exchange, reader: _FormReader, limit: int, timeout: float, setting: str) -> None:
    parts = read_in_time(exchange, limit + MAX_TEXT + OVERHEAD, timeout, setting)
    try:
        async for part in parts:
            reader.feed(part)
            if reader.waiting >= BLOCK:
                await asyncio.to_thread(reader.write)
            if reader.file_bytes > limit:
                raise reject_size("form", limit, setting)
        await asyncio.to_thread(reader.finish)
    except FormParserError as error:
        raise reject(f"The body is no valid form: {error}.", code="invalid_form") from None
    finally:
        await parts.aclose()


class _FormReader:
    """Parses a form: keeps its texts, and collects the content of files until `write` is called."""

    def __init__(self, boundary: bytes, folder: Path) -> None:
        self._folder = folder
        self._fields: list[tuple[str, str]] = []
        self._files: list[FormFile] = []
        self._text_bytes = 0
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._text: list[bytes] | None = None
        self._chunks: list[tuple[int, bytes]] = []
        self._sizes: list[int] = []
        self._open: Any = None
        self._open_index = -1
        self._field = ""
        self._is_ended = False
        self.waiting = 0
        self.file_bytes = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_part_data": self._add,
                "on_part_end": self._end_part,
                "on_header_field": self._add_name,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        self._parser.write(data)

    def write(self) -> None:
        """Write what was collected to the files. It blocks."""
        chunks, self._chunks, self.waiting = self._chunks, [], 0
        for index, chunk in chunks:
            if index != self._open_index:
                self.close()
                self._open = self._files[index].path.open("ab")
                self._open_index = index
            self._open.write(chunk)

    def finish(self) -> None:
        """
        Write the rest.

        Raises:
            ProblemError: The form is not complete.
        """
        self.write()
        self.close()
        if not self._is_ended:
            raise reject("The body is no valid form: it ends before its last boundary.", code="invalid_form")

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open, self._open_index = None, -1

    def to_form(self) -> Form:
        """Return the form."""
        files = (file._replace(size=size) for file, size in zip(self._files, self._sizes, strict=True))
        return Form(nest_fields(self._fields), tuple(files))

    def _begin_part(self) -> None:
        if len(self._fields) + len(self._files) >= MAX_FIELDS:
            raise reject(f"The form has more than {MAX_FIELDS:,} fields.", code="invalid_form")
        self._headers, self._text = {}, None

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower().decode("latin-1")] = _decode(self._value)
        self._name = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", "").encode())
        if b"name" not in options:
            raise reject("A part of the form has no name.", code="invalid_form")
        self._field = _decode(options[b"name"])
        if b"filename" not in options:
            self._text = []
            return
        name = _decode(options[b"filename"]).replace("\\", "/").rpartition("/")[2]
        media_type = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        path = self._folder / str(len(self._files))
        path.touch(mode=0o600)
        known = media_type if media_type and media_type != "application/octet-stream" else None
        self._files.append(FormFile(self._field, name, known, path, 0))
        self._sizes.append(0)

    def _add(self, data: bytes, start: int, end: int) -> None:
        chunk, size = data[start:end], end - start
        if self._text is None:
            self._chunks.append((len(self._files) - 1, chunk))
            self._sizes[-1] += size
            self.waiting += size
            self.file_bytes += size
            return
        self._text_bytes += size
        if self._text_bytes > MAX_TEXT:
            raise reject_size("text of the form", MAX_TEXT)
        self._text.append(chunk)

    def _end_part(self) -> None:
        if self._text is not None:
            self._fields.append((self._field, _decode(b"".join(self._text))))

    def _end(self) -> None:
        self._is_ended = True


def nest_fields(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """
    Return the fields of a form as JSON. Values remain texts.

    ``a[]`` is a list, ``a[b]`` an object, and a repeated ``a`` a list.

    Raises:
        ProblemError: A field is both a value and an object.
    """
    nested: dict[str, Any] = {}
    for name, value in fields:
        head, bracket, _ = name.partition("[")
        keys = _KEY.findall(name[len(head) :]) if bracket else []
        _set(nested, [head, *keys], value, name)
    return nested


def _set(target: dict[str, Any], keys: list[str], value: str, name: str) -> None:
    for position, key in enumerate(keys[:-1]):
        following = keys[position + 1]
        if not following or following.isdecimal():  # a list ends the path: objects in lists are not in use
            listed = target.setdefault(key, [])
            if not isinstance(listed, list):
                raise _conflict(name)
            listed.append(value)
            return
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise _conflict(name)
    key = keys[-1]
    if key not in target:
        target[key] = value
    elif isinstance(target[key], list):
        target[key].append(value)
    elif isinstance(target[key], str):
        target[key] = [target[key], value]
    else:
        raise _conflict(name)


def parse_values(fields: dict[str, Any], names: Iterable[str]) -> None:
    """
    Convert fields of a form that are numbers, booleans or objects in JSON; other texts remain.

    Args:
        fields: The fields, which are changed.
        names: The fields to convert.
    """
    for name in names:
        if not isinstance(text := fields.get(name), str):
            continue
        with contextlib.suppress(ValueError, RecursionError):  # the code that reads the field reports it
            fields[name] = json.loads(text)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _conflict(name: str) -> ProblemError:
    return reject(f"The field {name!r} is both a value and an object or a list.", param=name, code="invalid_form")
