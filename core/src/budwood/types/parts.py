"""The parts of messages."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, model_validator
from pydantic_core import from_json, to_json

from budwood.types.record import JSON, Record

CacheLifetime = Literal["default", "5m", "1h"]
"""
A mark for prompt caching: later requests begin with everything up to here, so the vendor may cache it for this long.

It affects only price and speed. A provider that does not send it lists it in the adaptations.
"""


class TextPart(Record):
    """
    Text that a person or a model wrote.

    ``provider`` and ``data`` contain what its vendor needs back unchanged (an id, a signature, annotations).
    """

    type: Literal["text"] = "text"
    text: str
    provider: str | None = None
    data: JSON = None
    cache: CacheLifetime | None = None


class ReasoningPart(Record):
    """
    The reasoning of a model before its answer.

    ``provider`` and ``data`` contain what its vendor needs back unchanged (a signature, encrypted content).
    """

    type: Literal["reasoning"] = "reasoning"
    text: str
    provider: str | None = None
    data: JSON = None


class RefusalPart(Record):
    """The text with which a model refuses; ``provider`` and ``data`` are as in `TextPart`."""

    type: Literal["refusal"] = "refusal"
    text: str
    provider: str | None = None
    data: JSON = None


class ImagePart(Record):
    """
    An image: either its bytes with their media type, or a URL that the vendor fetches.

    ``detail`` is the resolution at which the model sees it (``"low"``, ``"high"``, ``"auto"``).
    """

    type: Literal["image"] = "image"
    data: bytes | None = Field(default=None, repr=False)
    media_type: str | None = None
    url: str | None = None
    detail: str | None = None
    cache: CacheLifetime | None = None

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.data is None) == (self.url is None):
            raise ValueError("an image has either data, with its media_type, or a url")
        return self

    @property
    def data_url(self) -> str:
        """The URL of the image: its own, or ``data:…;base64,…``."""
        if self.url is not None:
            return self.url
        encoded = base64.b64encode(self.data or b"").decode("ascii")
        return f"data:{self.media_type or 'application/octet-stream'};base64,{encoded}"


Image = ImagePart
"""The short name of `ImagePart`."""


class ToolCallPart(Record):
    """
    A tool call that the model requested.

    ``arguments`` is the JSON text as the model wrote it, which can be invalid; ``provider`` and ``data`` are as in
    `TextPart`.
    """

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: str = "{}"
    provider: str | None = None
    data: JSON = None
    cache: CacheLifetime | None = None

    def parse_arguments(self) -> dict[str, JSON]:
        """
        Parse the arguments. Empty text counts as an empty object.

        Errors with one possible meaning are repaired: control characters in strings, unpaired surrogates, a comma
        before a closing bracket, repeated arguments, and JSON within a string.

        Raises:
            ValueError: The arguments are not a JSON object.
        """
        try:
            arguments: JSON = from_json(self.arguments)
        except (ValueError, TypeError):  # TypeError for unpaired surrogates
            arguments = None
        if isinstance(arguments, dict):
            return arguments
        from budwood.types.json_text import parse_object  # only invalid arguments need it

        return parse_object(self.arguments)

    @property
    def json_arguments(self) -> str:
        """
        The arguments as a valid JSON object, because servers reject a conversation with invalid arguments.

        Valid arguments are unchanged. Others are repaired, or wrapped as ``{"INVALID_JSON": …}``.
        """
        try:
            if isinstance(from_json(self.arguments, allow_inf_nan=False), dict):
                return self.arguments
        except (ValueError, TypeError):
            pass
        try:
            arguments = self.parse_arguments()
        except ValueError:
            arguments = {"INVALID_JSON": self.arguments.encode("utf-8", "replace").decode("utf-8")}
        return to_json(arguments, inf_nan_mode="null").decode()


class VendorPart(Record):
    """
    Content of a vendor that Budwood does not model. It is saved with the message and sent back only to that vendor.

    ``provider`` identifies the vendor: by its plugin, or by the instance of a plugin that supports many vendors.
    ``kind`` is the vendor's type, and ``data`` the vendor's JSON.
    """

    type: Literal["vendor"] = "vendor"
    provider: str
    kind: str
    data: JSON


ResultContent = str | tuple[Annotated[TextPart | ImagePart | VendorPart, Field(discriminator="type")], ...]
"""The result of a tool: a text, or texts, images and content of a vendor, in order."""


class ToolResultPart(Record):
    """
    The result of a tool, or its error.

    ``content`` is a text, or a tuple of parts. A provider whose API accepts only text in results sends images
    elsewhere and reports an adaptation, or refuses them.
    """

    type: Literal["tool_result"] = "tool_result"
    call_id: str
    name: str
    content: ResultContent
    is_error: bool = False
    cache: CacheLifetime | None = None

    @property
    def text(self) -> str:
        """All text of the result."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def parts(self) -> tuple[TextPart | ImagePart | VendorPart, ...]:
        """The content as parts. A text becomes one part."""
        return (TextPart(text=self.content),) if isinstance(self.content, str) else self.content

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The images of the result."""
        return () if isinstance(self.content, str) else tuple(p for p in self.content if isinstance(p, ImagePart))


class VendorTool(Record):
    """
    A tool that runs at its vendor, or that only one vendor supports, in the vendor's own form.

    It is sent only to that vendor. ``provider`` is the name of the vendor's plugin.
    """

    provider: str
    data: dict[str, JSON]


Part = Annotated[
    TextPart | ReasoningPart | RefusalPart | ImagePart | ToolCallPart | ToolResultPart | VendorPart,
    Field(discriminator="type"),
]
"""Any part of a message."""


class Credential(Record):
    """
    The key or token that `authorize` adds to a call.

    ``label`` identifies it in ledgers and logs, which never contain the secret. ``kind`` distinguishes a key from a
    token that expires, for vendors that require different headers.
    """

    secret: SecretStr
    label: str = "default"
    kind: Literal["key", "token"] = "key"


class AccessToken(Record):
    """
    A token that is used instead of a key, for a limited time.

    ``expires_at`` is seconds since 1970. If it is None, the token source is called for each request and decides itself
    when to get a new token.
    """

    secret: SecretStr
    expires_at: float | None = None
