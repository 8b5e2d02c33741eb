"""
Images by ``generateContent``.

Source: ai.google.dev/gemini-api/docs/image-generation, and google-genai 3.6.1, ``ImageConfig``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import clip, drop_fields
from budwood.types import (
    Adaptation,
    GeneratedImage,
    ImageArrived,
    ImagePart,
    ImageRequest,
    ImageResponse,
    MediaClosed,
    MediaEvent,
    MediaPreview,
    ReplyHead,
    StreamEvent,
    TextDelta,
)
from budwood_gemini.encoding import Body, merge_extra
from budwood_gemini.errors import make_refusal_error
from budwood_gemini.media import Form, encode_media
from budwood_gemini.media_streams import MediaStreamDecoder
from budwood_gemini.sizes import parse_image_size

_DROPPED: Final = {
    "quality": "Gemini has no qualities of images: choose another model or size",
    "format": "Gemini chooses the format of images itself",
    "background": "describe the background in the prompt",
    "partial_images": "Gemini streams unfinished images if the model generates any; their number cannot be set",
}
"""Parameters that the API does not have, with reasons."""

_DEFAULT_SIZE: Final = "1K"


def encode_image(request: ImageRequest, form: Form) -> Body:
    """
    Encode a request.

    Raises:
        UnsupportedError: It has a mask.
    """
    if request.mask is not None:
        raise UnsupportedError(
            "Gemini does not support masks.", hint="Describe the change in the prompt, or add an image that shows it."
        )
    size = parse_image_size(request.size)
    config: dict[str, Any] = {}
    if size.ratio is not None:
        config["aspectRatio"] = size.ratio
    if size.size is not None and (size.size != _DEFAULT_SIZE or size.ratio is None):
        config["imageSize"] = size.size
    generation: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if config:
        generation["imageConfig"] = config
    if request.seed is not None:
        generation["seed"] = request.seed
    parts = [{"text": request.prompt}, *(encode_media(image, form) for image in request.images)]
    body = {"contents": [{"role": "user", "parts": parts}], "generationConfig": generation}
    return Body(merge_extra(body, request.extra), tuple(_adapt(request, is_exact=size.is_exact)))


def _adapt(request: ImageRequest, *, is_exact: bool) -> Iterator[Adaptation]:
    if not is_exact:
        reason = "Gemini takes an aspect ratio and a size class instead of pixels: the nearest were sent"
        yield Adaptation(parameter="size", action="changed", reason=reason)
    if request.n is not None and request.n > 1:
        yield Adaptation(parameter="n", action="dropped", reason="Gemini generates one image per request")
    yield from drop_fields(request, _DROPPED)


def make_image_response(
    parts: Iterable[object], text: str, candidate: Mapping[str, Any], facts: Mapping[str, Any]
) -> ImageResponse:
    """
    Return the images of a reply.

    Raises:
        ContentFilterError: A filter has left no image.
        BadResponseError: It has none, although no filter stopped it.
    """
    images = tuple(make_image(part) for part in parts if isinstance(part, ImagePart))
    if not images:
        if refusal := make_refusal_error(candidate, clip(text, 200)):
            raise refusal
        what = f"but a text: {clip(text, 200)}" if text.strip() else "and no text"
        raise BadResponseError(
            f"The reply has no image, {what}",
            hint="Say in the prompt that you want an image. If the model refuses, its text says why.",
        )
    return ImageResponse(images=images, **facts)


def make_image(part: ImagePart) -> GeneratedImage:
    """Return an image of a message as a generated one."""
    return GeneratedImage(**{name: getattr(part, name) for name in part.model_fields_set})


class ImageStreamDecoder(MediaStreamDecoder):
    """Decodes the stream of a request for images."""

    def __init__(self, head: ReplyHead) -> None:
        super().__init__(head)
        self._images: list[ImagePart] = []
        self._text = ""

    def _convert(self, event: StreamEvent) -> MediaEvent | None:
        match event:
            case MediaPreview():
                return ImageArrived(make_image(event.image), len(self._images), partial=True)
            case MediaClosed(part=ImagePart() as image):
                self._images.append(image)
                return ImageArrived(make_image(image), len(self._images) - 1)
            case TextDelta():
                self._text += event.text
                return None
            case _:
                return None

    def _build(self, facts: Mapping[str, Any]) -> ImageResponse:
        return make_image_response(self._images, self._text, self._candidate, facts)
