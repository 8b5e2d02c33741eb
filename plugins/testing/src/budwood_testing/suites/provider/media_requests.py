"""Tests of encoded requests for images, speech and transcripts."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from budwood.errors import BudwoodError, UnsupportedError
from budwood.types import Credential, HTTPCall
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import check_error
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.media_services import (
    FILE_ID,
    MEDIA_SERVICES,
    OPTIONS,
    URL,
    MediaService,
    write_media,
)
from budwood_testing.suites.provider.request_content import everything_in, holds_bytes, holds_text
from budwood_testing.suites.provider.under_test import SECRET, ProviderUnderTest
from budwood_testing.suites.provider.values import adapted_in

_OTHER: Final = "another-5ecret-of-media"

every_service = pytest.mark.parametrize("name", MEDIA_SERVICES)
services_with_media = pytest.mark.parametrize("name", [name for name, one in MEDIA_SERVICES.items() if one.media])


class MediaRequestTests(ProviderUnderTest):
    """A request for media is encoded completely, deterministically, without I/O and without the key."""

    @every_service
    def test_media_call_is_valid(self, bench: Bench, name: str) -> None:
        """An encoded call has an upper-case method, a URL with a scheme, and a content type if it has a body."""
        call = _encode(bench, name)
        check_call(call)

        assert not call.body or "content-type" in {header.lower() for header in call.headers}

    @every_service
    def test_encoding_media_does_no_io(self, bench: Bench, folder: Path, name: str) -> None:
        """Encoding uses neither the network nor files: the transport reads a file while it sends the request."""
        service = _service(bench, name)
        bench.instance.context.rules(bench.model)  # the catalog reads its own file, once
        requests = [service.request(bench)]
        if service.media is not None:
            requests.append(service.with_part(bench, path=write_media(service, folder)))

        with no_io():
            for request in requests:
                service.encode(bench, request)
                service.encode(bench, request, stream=True)

    @every_service
    def test_encoding_media_does_not_modify_the_request(self, bench: Bench, name: str) -> None:
        """Encoding does not modify the request or objects inside it."""
        service = _service(bench, name)
        request = service.request(bench, **copy.deepcopy(dict(service.options)))
        before = copy.deepcopy(request)
        for stream in (False, True):
            service.encode(bench, request, stream=stream)

            assert request == before, f"encode_{service.name}() modified the request: copy what you change"

    @every_service
    def test_encoding_media_is_deterministic(self, bench: Bench, build: Build, name: str) -> None:
        """The same request gives the same call, also from another instance: cache keys depend on it."""
        service = _service(bench, name)
        first = service.encode(bench, service.request(bench, **service.options))
        service.encode(bench, service.request(bench))
        other = getattr(build().implementation, f"encode_{service.name}")

        assert service.encode(bench, service.request(bench, **service.options)) == first, (
            "two calls for one request differ: use budwood.wire.multipart.encode_form, whose boundary is that of the "
            "content, and no random ids"
        )
        assert other(service.request(bench, **service.options), stream=False) == first

    @every_service
    def test_text_of_a_media_request_is_sent(self, bench: Bench, name: str) -> None:
        """The prompt, or the text to speak, is sent unchanged."""
        service = _service(bench, name)
        texts = [text for text in service.fields.values() if isinstance(text, str)]
        if not texts:
            pytest.skip("the request has no text")

        assert all(holds_text(_encode(bench, name), text) for text in texts)

    @services_with_media
    def test_content_of_media_is_sent(self, bench: Bench, folder: Path, name: str) -> None:
        """The content of media is sent as it is or in base64, from memory and from a file."""
        service = _service(bench, name)
        assert service.media is not None
        for source in ({"data": service.media[2]}, {"path": write_media(service, folder)}):
            call = service.encode(bench, service.with_part(bench, **source))

            assert holds_bytes(call, service.media[2]), f"the content of {', '.join(source)} is not sent"

    @services_with_media
    @pytest.mark.parametrize("source", ["url", "file_id"])
    def test_reference_to_media_is_sent_or_unsupported(self, bench: Bench, name: str, source: str) -> None:
        """A URL or the id of a file is sent, or raises UnsupportedError with a hint; it is never dropped silently."""
        service = _service(bench, name)
        reference = URL if source == "url" else FILE_ID
        try:
            call = service.encode(bench, service.with_part(bench, **{source: reference}))
        except BudwoodError as error:
            check_unsupported(error)
        else:
            assert holds_text(call, reference), f"the {source} is neither sent nor rejected"

    @pytest.mark.parametrize(("name", "option"), OPTIONS)
    def test_media_option_is_sent_or_reported(self, bench: Bench, name: str, option: str) -> None:
        """An option changes the request, or an adaptation reports it."""
        service = _service(bench, name)
        call = service.encode(bench, service.request(bench, **{option: service.options[option]}))

        assert everything_in(call) != everything_in(_encode(bench, name)) or option in adapted_in(call), (
            f"{option} is not sent: send it, or add an Adaptation(parameter={option!r}, …)"
        )

    @every_service
    def test_plain_media_request_has_no_adaptations(self, bench: Bench, name: str) -> None:
        """A request without options has no adaptations, whatever was requested before."""
        service = _service(bench, name)
        service.encode(bench, service.request(bench, **service.options))

        assert _encode(bench, name).adaptations == ()

    @every_service
    def test_extra_of_a_media_request_is_sent(self, bench: Bench, name: str) -> None:
        """``extra`` is added to the body, unchanged."""
        service = _service(bench, name)
        call = service.encode(bench, service.request(bench, extra={"x_conformance": "m4rker"}))

        assert holds_text(call, "x_conformance")
        assert holds_text(call, "m4rker")

    @every_service
    def test_encoded_media_request_does_not_contain_the_key(self, bench: Bench, name: str) -> None:
        """The key is in no encoded call, and once it is authorized, only in a header that `repr` hides."""
        call = _encode(bench, name)
        check_secrecy(bench, call)


def _service(bench: Bench, name: str) -> MediaService:
    service = MEDIA_SERVICES[name]
    bench.claims(service.capability)
    return service


def _encode(bench: Bench, name: str) -> HTTPCall:
    service = _service(bench, name)
    return service.encode(bench, service.request(bench))


def check_call(call: object) -> None:
    """Check the method and the URL of a call."""
    assert isinstance(call, HTTPCall)
    assert call.method == call.method.upper()
    assert call.url.startswith(("https://", "http://"))
    assert isinstance(call.body, bytes | tuple)


def check_secrecy(bench: Bench, call: HTTPCall) -> None:
    """Check that a call contains no key, and only a header of it once it is authorized."""
    assert SECRET not in everything_in(call), "the call contains the key of the settings: add it in authorize()"
    if not bench.instance.spec.needs_credential:
        return
    authorized: Any = bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER)))

    assert (authorized.method, authorized.url, authorized.body) == (call.method, call.url, call.body)
    assert (authorized.reply_to, authorized.repeatable) == (call.reply_to, call.repeatable), (
        "authorize() loses fields of the call: use HTTPCall.with_headers()"
    )
    assert _OTHER not in repr(authorized)
    assert _OTHER not in everything_in(call)


def check_unsupported(error: BudwoodError) -> None:
    """Check the error for what a provider cannot do."""
    check_error(error)
    assert isinstance(error, UnsupportedError), f"raise UnsupportedError in place of {type(error).__name__}"
    assert error.hint, "the UnsupportedError has no hint: say what the caller can do instead"
