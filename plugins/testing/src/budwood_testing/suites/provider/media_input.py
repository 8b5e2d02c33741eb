"""Tests of media in messages, from each source."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from budwood.contracts import MediaInputProvider
from budwood.errors import BudwoodError
from budwood.providing import INPUT_CAPABILITIES, PARTS
from budwood.types import Capability, HTTPCall, MediaKind, Message
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.features import PIXEL
from budwood_testing.suites.provider.media_requests import check_unsupported
from budwood_testing.suites.provider.media_services import FILE_ID, SOUND
from budwood_testing.suites.provider.request_content import holds_bytes, holds_text
from budwood_testing.suites.provider.under_test import ProviderUnderTest

_SOURCES: Final = frozenset({"inline", "url", "file"})
_CONTENT: Final[dict[MediaKind, tuple[bytes, str, str]]] = {
    "image": (PIXEL, "image/png", "png"),
    "audio": (SOUND, "audio/wav", "wav"),
    "video": (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\xff\xfe", "video/mp4", "mp4"),
    "document": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\n%%EOF", "application/pdf", "pdf"),
}
"""Content of each kind, its media type, and the end of its name."""

every_kind = pytest.mark.parametrize("kind", _CONTENT)


class MediaInputTests(ProviderUnderTest):
    """Media in messages are sent from each source that the provider lists, and are never dropped silently."""

    @every_kind
    def test_sources_of_media_are_known(self, bench: Bench, kind: MediaKind) -> None:
        """`media_sources` returns at least one of the known sources for a kind that the provider takes."""
        _claim(bench, kind)
        sources = _sources(bench, kind)

        assert sources <= _SOURCES
        assert sources, f"the provider takes {kind}, but media_sources() has no source for it"

    @every_kind
    def test_media_in_a_message_are_sent(self, bench: Bench, folder: Path, kind: MediaKind) -> None:
        """The content of media is sent, from memory and from a file that the encoder does not read."""
        _claim(bench, kind)
        if "inline" not in _sources(bench, kind):
            pytest.skip(f"{bench.instance.name} takes no content of {kind}")
        content, _, extension = _CONTENT[kind]
        path = folder / f"conformance.{extension}"
        path.write_bytes(content)
        bench.instance.context.rules(bench.model)  # the catalog reads its own file, once
        with no_io():
            calls = [_encode(bench, kind, **source) for source in ({"data": content}, {"path": path})]

        assert all(holds_bytes(call, content) for call in calls)
        assert all(holds_text(call, "What is this?") for call in calls)

    @every_kind
    @pytest.mark.parametrize("source", ["url", "file_id"])
    def test_reference_in_a_message_is_sent_or_unsupported(self, bench: Bench, kind: MediaKind, source: str) -> None:
        """A reference to media is sent if `media_sources` lists it, and otherwise may raise UnsupportedError."""
        _claim(bench, kind)
        reference = FILE_ID if source == "file_id" else f"https://example.com/conformance.{_CONTENT[kind][2]}"
        try:
            call = _encode(bench, kind, **{source: reference})
        except BudwoodError as error:
            check_unsupported(error)
            listed = {"url": "url", "file_id": "file"}[source]
            assert listed not in _sources(bench, kind), (
                f"encode() refuses {listed!r}, which is a source of {kind}: leave it out of media_sources()"
            )
        else:
            assert holds_text(call, reference), f"the {source} is neither sent nor rejected"


def _claim(bench: Bench, kind: MediaKind) -> None:
    bench.claims(Capability.CHAT, INPUT_CAPABILITIES[kind])


def _sources(bench: Bench, kind: MediaKind) -> frozenset[str]:
    if not isinstance(bench.provider, MediaInputProvider):  # the engine's assumption
        return frozenset({"inline", "url"}) if kind == "image" else frozenset({"inline"})
    part = PARTS[kind](data=_CONTENT[kind][0], media_type=_CONTENT[kind][1])
    return bench.provider.media_sources(bench.request(Message.user("What is this?", part)), kind)


def _encode(bench: Bench, kind: MediaKind, **source: Any) -> HTTPCall:  # noqa: ANN401 - any source
    part = PARTS[kind](media_type=_CONTENT[kind][1], **source)
    call: HTTPCall = bench.provider.encode(bench.request(Message.user("What is this?", part)), stream=False)
    return call
