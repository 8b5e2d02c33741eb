"""The suite for media handlers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, get_args

import pytest
from hypothesis import strategies as st

from budwood.contracts import MediaHandler
from budwood.errors import PromptError
from budwood.hooks import MEDIA_HANDLER, Kind, MediaHandlerSpec
from budwood.types import MediaFile, MediaPart, Part, RefusalPart, ToolCallPart, ToolResultPart
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, error_of, for_all

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/(?:\*|[a-z0-9][a-z0-9.+-]*)")
_PARTS: Final = tuple(set(get_args(get_args(Part)[0])) - {ToolCallPart, ToolResultPart, RefusalPart})
"""The kinds of parts that a file may become: all but those that only models and tools write."""
_MAX_BYTES: Final = 2000


class MediaHandlerSuite(PluginSuite):
    """
    Tests a media handler, with a valid file of each media type that it supports.

    .. code-block:: python

        class TestPDF(MediaHandlerSuite):
            plugin = "pdf"

            def samples(self):
                return {"application/pdf": Path("tests/one-page.pdf").read_bytes()}

    Attributes:
        junk: Bytes that are not a valid file of any supported type.
    """

    kind: ClassVar[Kind[Any]] = MEDIA_HANDLER
    junk: ClassVar[bytes] = b"\xff\xfe\x00\x80 is no file of any kind"

    def samples(self) -> Mapping[str, bytes]:
        """Return a valid file for each media type; for ``text/*``, one of any text type."""
        return {}

    @pytest.fixture
    def handler(self, build: Build) -> MediaHandler:
        """Build the handler."""
        handler: MediaHandler = build().implementation
        return handler

    def test_media_types_are_valid(self, spec: MediaHandlerSpec[Any]) -> None:
        """The spec lists media types, valid and without duplicates: the engine selects the handler by them."""
        assert spec.media_types
        assert [kind for kind in spec.media_types if not _MEDIA_TYPE.fullmatch(kind)] == []
        assert len(set(spec.media_types)) == len(spec.media_types)

    def test_every_media_type_has_a_sample(self, spec: MediaHandlerSpec[Any]) -> None:
        """`samples` has a file for each media type of the spec."""
        untested = [kind for kind in spec.media_types if not any(_matches(sample, kind) for sample in self.samples())]

        assert untested == [], "samples() has no file of these media types: add one for each"

    def test_valid_file_is_converted(self, handler: MediaHandler) -> None:
        """A valid file becomes parts of a user message, without I/O and the same every time."""
        for media_type, data in self.samples().items():
            file = _file("sample", data, media_type)
            with no_io():
                parts = handler.parts(file)

            assert isinstance(parts, tuple)
            assert parts, f"parts() returned no parts for the sample of {media_type}"
            assert all(isinstance(part, _PARTS) for part in parts)
            assert handler.parts(_file("sample", data, media_type)) == parts

    def test_media_have_a_media_type(self, handler: MediaHandler) -> None:
        """Media have a media type, which vendors require."""
        for media_type, data in self.samples().items():
            media = [part for part in handler.parts(_file("sample", data, media_type)) if isinstance(part, MediaPart)]

            assert [part for part in media if not part.media_type] == []

    def test_file_on_disk_gives_the_same_parts(self, handler: MediaHandler, tmp_path: Path) -> None:
        """A file that is passed by its path gives the same content as one in memory."""
        path = tmp_path / "sample"
        for media_type, data in self.samples().items():
            path.write_bytes(data)
            stored = MediaFile(name="sample", media_type=media_type, size=len(data), path=path)

            read = handler.parts(stored)

            expected = handler.parts(_file("sample", data, media_type))
            assert [_content(part) for part in read] == [_content(part) for part in expected]

    def test_parts_can_be_serialized(self, handler: MediaHandler) -> None:
        """Parts can be written as JSON and read back unchanged."""
        for media_type, data in self.samples().items():
            for part in handler.parts(_file("sample", data, media_type)):
                assert type(part).model_validate_json(part.model_dump_json()) == part

    def test_different_files_give_different_parts(self, handler: MediaHandler) -> None:
        """Files with different content give different parts."""
        read = [handler.parts(_file("sample", data, media_type)) for media_type, data in self.samples().items()]

        assert all(one != other for place, one in enumerate(read) for other in read[:place])

    def test_invalid_file_raises_prompt_error(self, handler: MediaHandler) -> None:
        """An invalid file raises a PromptError that names the file."""
        for media_type in self.samples():
            message = error_of(
                partial(handler.parts, _file("holiday.file", self.junk, media_type)), PromptError, "parts()"
            )

            assert message, f"parts() must raise PromptError for a file that is not {media_type}: it raised nothing"
            assert "holiday.file" in message, f"the PromptError must name the file; its message was: {message}"

    def test_any_bytes_give_parts_or_prompt_error(self, handler: MediaHandler) -> None:
        """Any bytes give parts or a PromptError."""
        kinds = list(self.samples())

        def check(data: bytes) -> None:
            for kind in kinds:
                _attempt(handler, "file", data, kind)

        for_all(st.binary(max_size=300), check, always=(b"", b"\x00", b"<", b"{", b"\xef\xbb\xbf"))

    def test_damaged_file_gives_parts_or_prompt_error(self, handler: MediaHandler) -> None:
        """A file that is truncated, or has one changed byte, gives parts or a PromptError."""
        for kind, data in self.samples().items():
            step = max(1, min(len(data), _MAX_BYTES) // 50)
            for place in range(0, min(len(data), _MAX_BYTES), step):
                _attempt(handler, "file", data[:place], kind)
                _attempt(handler, "file", data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :], kind)

    def test_any_file_name_is_accepted(self, handler: MediaHandler) -> None:
        """Any text can be a file name."""
        for kind, data in self.samples().items():
            for name in HOSTILE_TEXTS:
                _attempt(handler, name, data, kind)


def _file(name: str, data: bytes, media_type: str) -> MediaFile:
    return MediaFile(name=name, media_type=media_type, size=len(data), data=data)


def _content(part: Part) -> object:
    """Return what is in a part, wherever its content is."""
    if not isinstance(part, MediaPart):
        return part
    return part.read(), part.model_copy(update={"data": None, "path": None})


def _attempt(handler: MediaHandler, name: str, data: bytes, kind: str) -> None:
    def convert() -> None:
        parts = handler.parts(_file(name, data, kind))
        assert isinstance(parts, tuple), f"parts() must return a tuple, not {type(parts).__name__}"

    error_of(convert, PromptError, "parts()")


def _matches(media_type: str, pattern: str) -> bool:
    return media_type == pattern or (pattern.endswith("/*") and media_type.startswith(pattern[:-1]))
