"""Complete generated media: download those at URLs, which expire within hours, and measure them."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from budwood import logs
from budwood.engine.content_checks import check_media
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.measuring import measure_result
from budwood.engine.pipeline.service import Service
from budwood.engine.pipeline.steps import send_call
from budwood.errors import BadResponseError, ProviderError
from budwood.providing import HEAD_BYTES, read_image_size, read_wave_seconds
from budwood.providing.sniffing import can_be, sniff_media_type
from budwood.types import (
    MAX_REPLY_BYTES,
    Adaptation,
    GeneratedAudio,
    GeneratedImage,
    HTTPCall,
    HTTPReply,
    ImageResponse,
    SpeechResponse,
)

R = TypeVar("R")
M = TypeVar("M", GeneratedImage, GeneratedAudio)


def complete_results(call: Call, service: Service, flow: Flow[R], *, download: bool) -> Flow[R]:
    """
    Run a flow, and complete the images or the audio of its response.

    Those at a URL are downloaded, up to 64 MiB each. If a download fails, the response still has the URL, and an
    adaptation says why: the result is paid for. The size of images is that of their content, and so
    is the duration of audio if the vendor does not report it: of WAV files, and of all that a media handler measures.

    Raises:
        BadResponseError: The reply contains something else in place of an image or audio, such as a text.
    """
    response: Any = yield from flow
    _check_results(call, response)
    if download:
        response = yield from _download_results(call, service, response)
    if isinstance(response, ImageResponse):
        response = response.model_copy(update={"images": tuple(map(_measure_image, response.images))})
    elif isinstance(response, SpeechResponse):
        audio: GeneratedAudio = yield Invoke(partial(_measure_audio, call, response.audio))
        response = response.model_copy(update={"audio": audio})
    result: R = response
    return result


def _check_results(call: Call, response: object) -> None:
    results: tuple[GeneratedImage | GeneratedAudio, ...] = ()
    if isinstance(response, ImageResponse):
        results = response.images
    elif isinstance(response, SpeechResponse):
        results = (response.audio,)
    try:
        for result in results:
            if result.data is not None:
                check_media(result.data[:HEAD_BYTES], result.type, result.media_type)
    except BadResponseError as error:
        error.attempts = tuple(call.attempts)
        raise error.add_target(call.target.endpoint.name, call.target.model) from None


def _measure_image(image: GeneratedImage) -> GeneratedImage:
    size = read_image_size(image.data[:HEAD_BYTES]) if image.data is not None else None
    return image if size is None else image.model_copy(update=size._asdict())


def _measure_audio(call: Call, audio: GeneratedAudio) -> GeneratedAudio:
    seconds = read_wave_seconds(audio.data) if audio.seconds is None and audio.data is not None else None
    return measure_result(call.instances, audio) if seconds is None else audio.model_copy(update={"seconds": seconds})


def _download_results(call: Call, service: Service, response: Any) -> Flow[Any]:  # noqa: ANN401 - returns the type that it receives
    if isinstance(response, ImageResponse) and any(image.url is not None for image in response.images):
        images = yield All([_download(call, service, image) for image in response.images])
        return _complete(call, response, images=tuple(images))
    if isinstance(response, SpeechResponse) and response.audio.url is not None:
        return _complete(call, response, audio=(yield from _download(call, service, response.audio)))
    return response


def _download(call: Call, service: Service, media: M) -> Flow[M]:
    if media.url is None:
        return media
    if not media.url.lower().startswith(("http://", "https://")):
        return _keep_url(call, media, "its URL is not one of HTTP")
    request = HTTPCall(method="GET", url=media.url, headers={"accept": "*/*"}, max_reply_bytes=MAX_REPLY_BYTES)
    try:
        reply: HTTPReply = yield from send_call(call, service, request)
    except ProviderError as error:
        return _keep_url(call, media, error.message)
    head = reply.body[:HEAD_BYTES]
    media_type = sniff_media_type(head) or _media_type(reply) or media.media_type
    if not can_be(head, media_type, media.type):
        return _keep_url(call, media, f"its content is not {media.type}, but {media_type or 'text'}")
    return media.model_copy(update={"url": None, "data": reply.body, "media_type": media_type})


def _keep_url(call: Call, media: M, problem: str) -> M:
    """Return media with the reason why they are still at their URL."""
    logs.emit("download failed", level="warning", provider=call.target.endpoint.name, error=problem)
    reason = f"the result is still at its URL, since the download failed: {problem}"
    call.adaptations["download"] = Adaptation(parameter="download", action="dropped", reason=reason)
    return media.model_copy(update={"download_error": problem})


def _media_type(reply: HTTPReply) -> str | None:
    """Return the type in the headers, but not the generic type that storage services send."""
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type if media_type and media_type != "application/octet-stream" else None


def _complete(call: Call, response: Any, **update: object) -> Any:  # noqa: ANN401 - returns the type that it receives
    update |= {"attempts": tuple(call.attempts), "adaptations": tuple(call.adaptations.values())}
    return response.model_copy(update=update)
