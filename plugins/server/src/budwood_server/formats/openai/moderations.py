"""
Requests for moderation, and the replies.

Source: OpenAI's API description, ``CreateModerationRequest`` and ``CreateModerationResponse``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.types import ImagePart, Message, TextPart
from budwood_server.formats.openai.chat_values import make_id
from budwood_server.formats.openai.foreign_fields import translate_field
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import ModerationResponse
    from budwood_server.gateway.plan import CallPlan

DEFAULT_MODEL: Final = "omni-moderation-latest"
"""The model of requests without one, as OpenAI documents it."""


class ModerationCall(NamedTuple):
    """
    A request for moderation, as the core takes it.

    Attributes:
        contents: What is classified, each by itself.
        options: The options of the call.
    """

    contents: list[str | Message]
    options: dict[str, Any]


def read_moderation(body: dict[str, Any], plan: CallPlan) -> ModerationCall:
    """
    Read the body of a request, without ``model`` and ``budwood``.

    Raises:
        ProblemError: A field is not valid, or cannot be translated for the model.
    """
    extra: dict[str, Any] = {}
    for name, value in body.items():
        if name == "input":
            continue
        if plan.api == "openai":
            extra[name] = value
        elif value is not None:
            extra |= translate_field(name, value, plan)
    if extra:
        plan.options["extra"] = extra
    return ModerationCall(_read_contents(body.get("input")), plan.options)


def _read_contents(value: object) -> list[str | Message]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        if all(isinstance(each, str) for each in value):
            return value
        if all(isinstance(each, dict) for each in value):
            return [Message(role="user", parts=tuple(_read_part(part, index) for index, part in enumerate(value)))]
    raise reject("The field 'input' must be a text, a list of texts, or a list of parts.", param="input")


def _read_part(part: dict[str, Any], index: int) -> TextPart | ImagePart:
    inner = part.get("image_url")
    if part.get("type") == "text" and isinstance(part.get("text"), str):
        return TextPart(text=part["text"])
    if part.get("type") == "image_url" and isinstance(inner, dict) and isinstance(inner.get("url"), str):
        return ImagePart(url=inner["url"])
    raise reject("A part must have a text, or an image_url with a url.", param=f"input[{index}]")


def encode_moderation(response: ModerationResponse, model: str) -> dict[str, Any]:
    """
    Return the body of a reply. The categories are those of the vendor.

    Args:
        response: The reply.
        model: The model if the vendor does not report it.
    """
    results = [
        {
            "flagged": result.flagged,
            "categories": result.categories,
            "category_scores": result.scores,
            "category_applied_input_types": result.applied_to,
        }
        for result in response.results
    ]
    identity = make_id("modr") if response.id is None or response.cached else response.id
    return {"id": identity, "model": response.model or model, "results": results}
