"""``/v1/images``: requests as calls of the core, and its replies and events as OpenAI documents them."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.types import ImageArrived, ImagePart
from budwood_server.formats.openai.events import encode_event, encode_failure
from budwood_server.formats.openai.json_values import Check, is_int, is_int_from_0, is_int_from_1, is_text
from budwood_server.formats.openai.media_fields import convert_fields
from budwood_server.gateway.reply_headers import describe_end
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import GeneratedImage, ImageResponse, Usage
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.web.forms import Form, FormFile
    from budwood_server.web.problems import Problem

FORM_VALUES: Final = ("n", "stream", "partial_images", "output_compression", "seed")
"""Fields of a form that are numbers or booleans."""

_FIELDS: Final[dict[str, tuple[str, Check]]] = {
    "n": ("n", is_int_from_1),
    "size": ("size", is_text),
    "quality": ("quality", is_text),
    "output_format": ("format", is_text),
    "background": ("background", is_text),
    "partial_images": ("partial_images", is_int_from_0),
    "seed": ("seed", is_int),
}
_SHOWN: Final = ("background", "output_format", "quality", "size")
"""Fields of a reply that say how its images were made."""

_ADDRESS: Final = re.compile(r"(https?://|data:)", re.IGNORECASE)


class ImageCall(NamedTuple):
    """
    A call for images.

    Attributes:
        prompt: The prompt.
        images: The images to edit; empty to generate new ones.
        options: Options of the call.
        is_streamed: Whether the reply is streamed.
        with_urls: Whether images at URLs remain there.
    """

    prompt: str
    images: tuple[ImagePart, ...]
    options: dict[str, Any]
    is_streamed: bool
    with_urls: bool


def parse_images(body: dict[str, Any], plan: CallPlan, images: Sequence[ImagePart] = ()) -> ImageCall:
    """
    Return the call for a request.

    Args:
        body: The fields, without model and images.
        plan: What the request asks for.
        images: The images to edit.

    Raises:
        ProblemError: A field is not valid, or cannot be translated.
    """
    prompt, streamed = body.pop("prompt", None), body.pop("stream", None)
    if not isinstance(prompt, str) or not prompt.strip():
        raise reject("The field 'prompt' must be a text that is not empty.", param="prompt")
    if streamed not in (None, True, False):
        raise reject("The field 'stream' must be true or false.", param="stream")
    if not streamed and body.get("partial_images") == 0:
        del body["partial_images"]  # nothing is asked for
    wanted = body.get("response_format")
    if wanted not in (None, "url", "b64_json"):
        raise reject("The field 'response_format' must be 'url' or 'b64_json'.", param="response_format")
    is_same = plan.api == "openai"
    if not is_same:
        body.pop("response_format", None)
    options = convert_fields(body, _FIELDS, plan) | plan.options
    with_urls = wanted == "url" or (is_same and wanted is None)
    if with_urls:
        options["download"] = False
    return ImageCall(prompt, tuple(images), options, bool(streamed), with_urls)


def parse_references(body: dict[str, Any]) -> tuple[list[ImagePart], ImagePart | None]:
    """
    Take the images and the mask out of a request in JSON.

    Raises:
        ProblemError: There is no image, or one is not valid.
    """
    listed = body.pop("images", None)
    if not isinstance(listed, list) or not listed:
        raise reject("The field 'images' must be a list of images.", param="images")
    mask = body.pop("mask", None)
    images = [_parse_reference(value, f"images[{index}]") for index, value in enumerate(listed)]
    return images, None if mask is None else _parse_reference(mask, "mask")


def read_images(form: Form) -> tuple[list[ImagePart], ImagePart | None]:
    """
    Return the images and the mask of a form.

    Raises:
        ProblemError: There is no image.
    """
    if not form.find_files("image"):
        form.require_file("image")
    masks = form.find_files("mask")
    return [_make_part(file) for file in form.find_files("image")], _make_part(masks[0]) if masks else None


def _make_part(file: FormFile) -> ImagePart:
    if not file.size:
        raise reject(f"The file in the field {file.field!r} is empty.", param=file.field, code="empty_file")
    return ImagePart(path=file.path, name=file.name or None, media_type=file.type_among("image"))


def _parse_reference(value: object, where: str) -> ImagePart:
    url, file_id = (value.get("image_url"), value.get("file_id")) if isinstance(value, dict) else (None, None)
    if isinstance(url, dict):
        url = url.get("url")
    if is_text(file_id) and url is None:
        return ImagePart(file_id=file_id)
    if isinstance(url, str) and file_id is None:
        if not _ADDRESS.match(url):
            raise reject(
                f"{where}.image_url must be a URL of http or https, or a data URL.", param=f"{where}.image_url"
            )
        return ImagePart(url=url)
    raise reject(f"{where} must have either 'image_url' or 'file_id'.", param=where)


def encode_images(response: ImageResponse, call: ImageCall) -> dict[str, Any]:
    """Return the body of a reply: that of the vendor, if it has the same API, and the images."""
    raw = response.raw if isinstance(response.raw, dict) else {}
    facts = {name: raw[name] for name in raw if name != "data"}
    if not isinstance(facts.get("created"), int):
        facts["created"] = int(time.time())
    if "usage" not in facts and (usage := encode_usage(response.usage)) is not None:
        facts["usage"] = usage
    return {**facts, "data": [_encode_image(image, with_url=call.with_urls) for image in response.images]}


def _encode_image(image: GeneratedImage, *, with_url: bool) -> dict[str, Any]:
    prompt = {"revised_prompt": image.revised_prompt} if image.revised_prompt else {}
    if not image.is_here and with_url:
        return {"url": image.url, **prompt}
    return {"b64_json": base64.b64encode(image.read()).decode(), **prompt}


def encode_usage(usage: Usage) -> dict[str, Any] | None:
    """Return tokens as OpenAI's image and speech APIs count them; None if they are not known."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    input_tokens, output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


class ImageStreamEncoder:
    """
    Encodes a stream of images; see `budwood_server.gateway.calls.StreamEncoder`.

    Args:
        call: The call.
        plan: What the request asks for.
    """

    def __init__(self, call: ImageCall, plan: CallPlan) -> None:
        self._kind = "image_edit" if call.images else "image_generation"
        self._options = call.options
        self._plan = plan
        self._partial: dict[int, int] = {}
        self._created = int(time.time())

    def start(self) -> bytes:
        """Return what comes first: nothing."""
        return b""

    def encode(self, events: Sequence[Any]) -> bytes:
        """Encode images that are not complete. Complete ones follow at the end, with the usage."""
        return b"".join(self._encode_partial(event) for event in events if isinstance(event, ImageArrived))

    def finish(self, response: ImageResponse) -> bytes:
        """Encode the complete images."""
        usage = response.raw.get("usage") if isinstance(response.raw, dict) else None
        usage = usage or encode_usage(response.usage)
        raw = response.raw if isinstance(response.raw, dict) else {}
        chunks = []
        for image in response.images:
            event = self._describe(image, raw) | {"type": f"{self._kind}.completed", "usage": usage}
            event["budwood"] = describe_end(response, self._plan.adaptations)
            chunks.append(encode_event(event))
        return b"".join(chunks)

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Encode a failure."""
        return encode_failure(problem, request_id)

    def _encode_partial(self, event: ImageArrived) -> bytes:
        if not event.partial:
            return b""
        index = self._partial.get(event.index, 0)
        self._partial[event.index] = index + 1
        return encode_event(
            self._describe(event.image, {}) | {"type": f"{self._kind}.partial_image", "partial_image_index": index}
        )

    def _describe(self, image: GeneratedImage, raw: dict[str, Any]) -> dict[str, Any]:
        made = {
            "background": self._options.get("background", "auto"),
            "output_format": (image.media_type or "image/png").partition("/")[2],
            "quality": self._options.get("quality", "auto"),
            "size": f"{image.width}x{image.height}" if image.width else self._options.get("size", "auto"),
        }
        shown = {name: raw.get(name) or made[name] for name in _SHOWN}
        return {
            **raw,
            **shown,
            "created_at": raw.get("created_at") or self._created,
            **_encode_image(image, with_url=True),
        }
