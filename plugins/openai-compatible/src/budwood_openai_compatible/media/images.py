"""
Images: encode requests, and decode replies and streams.

Source of the fields: OpenAI's API description 2.3.0, and openai 3.57.0 for Python.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, ContentFilterError, StreamInterruptedError
from budwood.providing import FieldNames, media_url, parse_pixels, sniff_media_type
from budwood.types import (
    GeneratedImage,
    ImageArrived,
    ImagePart,
    ImageRequest,
    ImageResponse,
    MediaCompleted,
    MediaEvent,
    ReplyHead,
    Usage,
)
from budwood.wire.multipart import FormField
from budwood_openai_compatible.decoding import decode_usage, parse_request_id
from budwood_openai_compatible.media.events import ConvertError, DecodeReply, MediaEventDecoder
from budwood_openai_compatible.media.forms import encode_fields, encode_file

IMAGE_FIELDS: Final[FieldNames] = {
    "n": "n",
    "size": "size",
    "quality": "quality",
    "format": "output_format",
    "background": "background",
    "seed": "seed",
}
"""The API's names of the fields of a request. ``seed`` is one of compatible servers."""

MAX_IMAGE_REPLY: Final = 256 * 1024 * 1024
"""Maximum size of a reply with images in base64, in bytes: ten images of 3840x2160 pixels."""

IMAGE_SIZES: Final = ("1024x1024", "1536x1024", "1024x1536")
"""The sizes that all GPT image models take. Source: openai 3.57.0, ``types/image_generate_params.py``."""


def is_linked(request: ImageRequest) -> bool:
    """Return whether images are passed by URL or id, which requires JSON in place of a form."""
    parts = (*request.images, *([request.mask] if request.mask else ()))
    return any(part.url is not None or part.file_id is not None for part in parts)


def encode_linked_images(request: ImageRequest) -> dict[str, Any]:
    """Return the fields of a request in JSON that contain images."""
    fields: dict[str, Any] = {"images": [_refer(part) for part in request.images]}
    return fields | ({"mask": _refer(request.mask)} if request.mask is not None else {})


def _refer(part: ImagePart) -> dict[str, str | None]:
    return {"file_id": part.file_id} if part.file_id is not None else {"image_url": media_url(part)}


def encode_image_form(request: ImageRequest, values: Mapping[str, Any]) -> Iterator[FormField]:
    """Return the fields of a form with images to edit."""
    name = "image" if len(request.images) == 1 else "image[]"
    for part in request.images:
        yield encode_file(name, part, service="changes to images")
    if request.mask is not None:
        yield encode_file("mask", request.mask, service="changes to images")
    yield from encode_fields(values)


def decode_images(body: Mapping[str, Any], headers: Mapping[str, str]) -> ImageResponse:
    """
    Decode a complete reply.

    Raises:
        ContentFilterError: The reply has no image.
    """
    rows = body.get("data")
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    images = tuple(decode_image(row, body) for row in rows if _has_content(row))
    if not images:
        raise _make_filtered_error(rows, headers)
    return ImageResponse(
        images=images,
        usage=decode_usage(body["usage"]) if isinstance(body.get("usage"), Mapping) else Usage(),
        model=body.get("model") or "",
        request_id=parse_request_id(headers),
        raw={name: value for name, value in body.items() if name != "data"},
    )


def _has_content(row: Mapping[str, Any]) -> bool:
    return bool(row.get("b64_json") or row.get("url"))


def _make_filtered_error(rows: list[Mapping[str, Any]], headers: Mapping[str, str]) -> ContentFilterError:
    """Return the error for a reply without images. xAI and Azure report so that they filtered the output."""
    results: object = next((row["content_filter_results"] for row in rows if row.get("content_filter_results")), {})
    return ContentFilterError(
        "The reply has status 200 but no image, as vendors do if their filter removes it.",
        hint="Change the prompt.",
        stage="output",
        categories=results if isinstance(results, Mapping) else {},
        request_id=parse_request_id(headers),
    )


def decode_image(row: Mapping[str, Any], reply: Mapping[str, Any]) -> GeneratedImage:
    """
    Decode one image: base64, a ``data:`` URL, or a URL of the vendor.

    Args:
        row: The image.
        reply: The reply around it, which has the format and the size of all images.

    Raises:
        BadResponseError: It has no content that can be read.
    """
    url, content = row.get("url"), row.get("b64_json")
    if isinstance(url, str) and url.startswith("data:"):
        content, url = url.partition(",")[2], None
    named = row.get("mime_type") or row.get("media_type")
    width, height = parse_pixels(row.get("size") or reply.get("size")) or (None, None)
    fields: dict[str, Any] = {"width": width, "height": height, "revised_prompt": row.get("revised_prompt") or None}
    if isinstance(row.get("seed"), int):
        fields["seed"] = row["seed"]
    if isinstance(content, str) and content:
        data = decode_base64(content)
        return GeneratedImage(data=data, media_type=sniff_media_type(data) or named or _name_type(reply), **fields)
    return GeneratedImage(url=str(url), media_type=named or _name_type(reply), **fields)


def decode_base64(content: str) -> bytes:
    """
    Decode base64.

    Raises:
        BadResponseError: It is something else.
    """
    try:
        return base64.b64decode(content)
    except binascii.Error as error:
        raise BadResponseError(f"The reply has media that are not base64 ({error}).") from None


def _name_type(reply: Mapping[str, Any]) -> str | None:
    name = reply.get("output_format")
    return {"svg": "image/svg+xml"}.get(name, f"image/{name}") if isinstance(name, str) else None


class ImageDecoder(MediaEventDecoder):
    """Decodes a stream of images, for new ones (``image_generation``) and edited ones (``image_edit``)."""

    def __init__(self, head: ReplyHead, *, decode_reply: DecodeReply, convert_error: ConvertError) -> None:
        super().__init__(head, decode_reply=decode_reply, convert_error=convert_error)
        self._images: list[GeneratedImage] = []
        self._last: dict[str, Any] = {}
        self._usage: Usage | None = None

    def _show(self, response: Any) -> Iterator[MediaEvent]:  # noqa: ANN401 - see the base class
        for index, image in enumerate(response.images):
            yield ImageArrived(image, index)

    def _decode_event(self, kind: str, event: dict[str, Any]) -> Iterator[MediaEvent]:
        if kind.endswith(".partial_image"):
            yield ImageArrived(decode_image(event, event), len(self._images), partial=True)
        elif kind.endswith(".completed"):
            image = decode_image(event, event)
            yield ImageArrived(image, len(self._images))
            self._images.append(image)
            if isinstance(event.get("usage"), Mapping):
                usage = decode_usage(event["usage"])
                self._usage = usage if self._usage is None else self._usage + usage
            self._last = {name: value for name, value in event.items() if name != "b64_json"}

    def _end(self) -> Iterator[MediaEvent]:
        if not self._images:
            raise StreamInterruptedError("The stream ended before an image was complete.")
        yield MediaCompleted(
            ImageResponse(
                images=tuple(self._images),
                usage=self._usage or Usage(),
                model=self._last.get("model") or "",
                request_id=parse_request_id(self._head.headers),
                raw=self._last,
            )
        )
