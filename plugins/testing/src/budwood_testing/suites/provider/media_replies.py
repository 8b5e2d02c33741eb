"""Tests of complete replies with images, speech and transcripts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from budwood.errors import BudwoodError, ProviderError
from budwood.types import Capability
from budwood_testing.examples.wire import WireBody, WireReply
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, json_values
from budwood_testing.suites.provider.bench import Bench, as_bytes, script_of
from budwood_testing.suites.provider.errors import ERRORS, every_status
from budwood_testing.suites.provider.features import PIXEL
from budwood_testing.suites.provider.media_requests import every_service
from budwood_testing.suites.provider.media_services import MEDIA_SERVICES, PROMPT, SOUND, SPOKEN, MediaService
from budwood_testing.suites.provider.replies import HTML
from budwood_testing.suites.provider.under_test import SECRET, ProviderUnderTest

_MESSAGE = "The darkroom is closed."


class MediaReplyTests(ProviderUnderTest):
    """A reply with media is decoded completely; an error of the vendor is raised as that of chat."""

    @every_service
    def test_media_are_decoded(self, bench: Bench, name: str) -> None:
        """Both clients return the content of the reply, byte for byte, with its media type."""
        service = MEDIA_SERVICES[name]
        reply = service.reply(bench)
        response, other = call_service(bench, service, reply), call_service_async(bench, service, reply)

        assert service.content_of(response) == service.content
        assert service.content_of(other) == service.content
        assert response.model_dump(exclude={"attempts"}) == other.model_dump(exclude={"attempts"})
        if service.name != "transcription":
            media = response.image if service.name == "image" else response.audio
            assert media.media_type == {"image": "image/png", "speech": "audio/wav"}[service.name]

    def test_all_images_are_decoded_in_order(self, bench: Bench) -> None:
        """All images of a reply are in the response, in their order."""
        bench.claims(Capability.IMAGES)
        images = [PIXEL, PIXEL + b"second", PIXEL + b"third"]
        reply = bench.body(bench.examples.images(images), "images", Capability.IMAGES)

        assert [image.read() for image in MEDIA_SERVICES["images"].decode(bench, reply).images] == images

    def test_reply_without_images_is_an_error(self, bench: Bench) -> None:
        """A reply without images is an error, not an empty response."""
        bench.claims(Capability.IMAGES)
        reply = bench.body(bench.examples.images([]), "images", Capability.IMAGES)
        with pytest.raises(ProviderError):
            call_service(bench, MEDIA_SERVICES["images"], reply)

    @every_service
    def test_decoding_media_does_no_io(self, bench: Bench, name: str) -> None:
        """Decoding uses neither the network nor files."""
        service = MEDIA_SERVICES[name]
        reply = service.reply(bench)
        with no_io():
            service.decode(bench, reply)

    @every_service
    @every_status
    def test_media_error_has_its_class_and_message(self, bench: Bench, name: str, status: int) -> None:
        """An error reply raises the error class of its status with the vendor's message, and without the key."""
        service = _claimed(bench, name)
        body = bench.body(bench.examples.error(status, _MESSAGE), "error", service.capability)
        for call in (call_service, call_service_async):
            with pytest.raises(ERRORS[status], match=_MESSAGE) as caught:
                call(bench, service, WireReply(status=status, body=body))

            assert caught.value.provider == bench.instance.name
            assert SECRET not in f"{caught.value} {caught.value!r} {vars(caught.value)}"

    @every_service
    def test_media_error_with_status_200_is_raised(self, bench: Bench, name: str) -> None:
        """An error body with status 200 is raised, with the vendor's message."""
        service = _claimed(bench, name)
        body = bench.optional_body(bench.examples.error_with_status_200(_MESSAGE), "error_with_status_200")
        with pytest.raises(ProviderError, match=_MESSAGE):
            call_service(bench, service, body)

    @every_service
    def test_html_page_instead_of_media_is_an_error(self, bench: Bench, name: str) -> None:
        """An HTML page with status 200, such as a login page, is an error, and not media or a transcript."""
        service = _claimed(bench, name)
        with pytest.raises(ProviderError):
            call_service(bench, service, WireReply(body=HTML, headers={"content-type": "text/html; charset=utf-8"}))

    @every_service
    def test_any_media_reply_gives_a_response_or_a_budwood_error(self, bench: Bench, name: str) -> None:
        """Any JSON gives a response, or an error that derives from BudwoodError."""
        service = _claimed(bench, name)

        def check(value: object) -> None:
            for body in (value, {"data": value}, {"data": [value]}, {"candidates": [value]}, {"text": value}):
                try:
                    call_service(bench, service, as_bytes(body))  # type: ignore[arg-type]  # any JSON
                except BudwoodError as error:
                    check_error(error)

        for_all(json_values(), check, always=[*HOSTILE_TEXTS, [], None, {}, [[]]], examples=5)


def _claimed(bench: Bench, name: str) -> MediaService:
    service = MEDIA_SERVICES[name]
    bench.claims(service.capability)
    return service


def call_service(bench: Bench, service: MediaService, reply: WireBody | WireReply) -> Any:  # noqa: ANN401 - any response
    """Call a service with `Client`, with this reply."""
    with bench.client(script_of(reply)) as client:
        return _start(client, service)


def call_service_async(bench: Bench, service: MediaService, reply: WireBody | WireReply) -> Any:  # noqa: ANN401 - see above
    """Call a service with `AsyncClient`, with this reply."""

    async def call() -> Any:  # noqa: ANN401 - see above
        async with bench.async_client(script_of(reply)) as client:
            return await _start(client, service)

    return asyncio.run(call())


def _start(client: Any, service: MediaService) -> Any:  # noqa: ANN401 - either client
    match service.capability:
        case Capability.IMAGES:
            return client.image(PROMPT)
        case Capability.IMAGE_EDITS:
            return client.edit_image(PROMPT, PIXEL)
        case Capability.SPEECH:
            return client.speak(SPOKEN)
        case Capability.TRANSCRIPTION:
            return client.transcribe(SOUND)
        case _:
            return client.translate_audio(SOUND)
