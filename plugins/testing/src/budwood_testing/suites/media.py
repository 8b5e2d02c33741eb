"""The suite for media handlers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, get_args

import pytest
from hypothesis import strategies as st

from budwood.contracts import MediaHandler
from budwood.errors import PromptError
from budwood.hooks import MEDIA_HANDLER, Kind, MediaHandlerSpec
from budwood.types import ImagePart, Part, RefusalPart, ToolCallPart, ToolResultPart
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/(?:\*|[a-z0-9][a-z0-9.+-]*)")
_PARTS: Final = tuple(set(get_args(get_args(Part)[0])) - {ToolCallPart, ToolResultPart, RefusalPart})
"""What a user's file can become: no words of a model."""
_LONGEST: Final = 2000


class MediaHandlerSuite(PluginSuite):
    """
    Proves a media handler, with a sound file of each kind that it claims.

    .. code-block:: python

        class TestPDF(MediaHandlerSuite):
            plugin = "pdf"

            def samples(self):
                return {"application/pdf": Path("tests/one-page.pdf").read_bytes()}

    Attributes:
        junk: What is no file of any of its kinds.
    """

    kind: ClassVar[Kind[Any]] = MEDIA_HANDLER
    junk: ClassVar[bytes] = b"\xff\xfe\x00\x80 is no file of any kind"

    def samples(self) -> Mapping[str, bytes]:
        """Return a sound file of each media type; of ``text/*`` one of any such type."""
        return {}

    @pytest.fixture
    def handler(self, build: Build) -> MediaHandler:
        """Make the handler."""
        handler: MediaHandler = build().thing
        return handler

    def test_media_types_are_stated(self, spec: MediaHandlerSpec[Any]) -> None:
        """The engine finds the handler by them."""
        assert spec.media_types
        assert [kind for kind in spec.media_types if not _MEDIA_TYPE.fullmatch(kind)] == []
        assert len(set(spec.media_types)) == len(spec.media_types)

    def test_every_media_type_has_a_sample(self, spec: MediaHandlerSpec[Any]) -> None:
        """A kind that is claimed is a kind that is tested."""
        untested = [kind for kind in spec.media_types if not any(_is_of(given, kind) for given in self.samples())]

        assert untested == [], "samples() holds no file of these"

    def test_sound_file_is_read(self, handler: MediaHandler) -> None:
        """It becomes parts of a user's message, without I/O, and the same ones again."""
        for media_type, data in self.samples().items():
            with forbidden():
                parts = handler.parts("sample", data, media_type)

            assert isinstance(parts, tuple)
            assert parts, f"the sample of {media_type} became nothing"
            assert all(isinstance(part, _PARTS) for part in parts)
            assert handler.parts("sample", data, media_type) == parts

    def test_image_says_what_it_is(self, handler: MediaHandler) -> None:
        """An image of bytes has its media type, which vendors ask for."""
        for media_type, data in self.samples().items():
            images = [part for part in handler.parts("sample", data, media_type) if isinstance(part, ImagePart)]

            assert [image for image in images if image.data is not None and not image.media_type] == []

    def test_parts_can_be_saved(self, handler: MediaHandler) -> None:
        """A conversation that holds them comes back from JSON as it was."""
        for media_type, data in self.samples().items():
            for part in handler.parts("sample", data, media_type):
                assert type(part).model_validate_json(part.model_dump_json()) == part

    def test_other_files_become_other_parts(self, handler: MediaHandler) -> None:
        """What a file holds decides what it becomes."""
        read = [handler.parts("sample", data, media_type) for media_type, data in self.samples().items()]

        assert all(one != other for place, one in enumerate(read) for other in read[:place])

    def test_junk_is_refused(self, handler: MediaHandler) -> None:
        """What is not what its name promises is an error that names it, and not a prompt."""
        for media_type in self.samples():
            with pytest.raises(PromptError) as caught:
                handler.parts("holiday.file", self.junk, media_type)

            assert "holiday.file" in str(caught.value)

    def test_any_bytes_are_parts_or_a_prompt_error(self, handler: MediaHandler) -> None:
        """A hostile file is no crash."""
        kinds = list(self.samples())

        def check(data: bytes) -> None:
            for kind in kinds:
                _attempt(handler, "file", data, kind)

        for_all(st.binary(max_size=300), check, always=(b"", b"\x00", b"<", b"{", b"\xef\xbb\xbf"))

    def test_damaged_file_is_parts_or_a_prompt_error(self, handler: MediaHandler) -> None:
        """One that was cut off, or changed in one place, is no crash either."""
        for kind, data in self.samples().items():
            step = max(1, min(len(data), _LONGEST) // 50)
            for place in range(0, min(len(data), _LONGEST), step):
                _attempt(handler, "file", data[:place], kind)
                _attempt(handler, "file", data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :], kind)

    def test_name_may_be_any(self, handler: MediaHandler) -> None:
        """A name is whatever its user's machine allows."""
        for kind, data in self.samples().items():
            for name in HOSTILE_TEXTS:
                _attempt(handler, name, data, kind)


def _attempt(handler: MediaHandler, name: str, data: bytes, kind: str) -> None:
    try:
        parts = handler.parts(name, data, kind)
    except PromptError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(parts, tuple)


def _is_of(given: str, claimed: str) -> bool:
    return given == claimed or (claimed.endswith("/*") and given.startswith(claimed[:-1]))
