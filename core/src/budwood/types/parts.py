"""What a message consists of."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, model_validator
from pydantic_core import from_json, to_json

from budwood.types.record import JSON, Record

CacheLifetime = Literal["default", "5m", "1h"]
"""
A mark: all up to here comes again in later requests, so that the vendor may keep what it has read, for this long.

It changes no reply, only its price and speed. Vendors that detect repetitions automatically ignore it.
"""


class TextPart(Record):
    """
    Text that a person or a model wrote.

    ``provider`` and ``data`` hold what its vendor wants back with it unchanged (an id, a signature, annotations).
    """

    type: Literal["text"] = "text"
    text: str
    provider: str | None = None
    data: JSON = None
    cache: CacheLifetime | None = None


class ReasoningPart(Record):
    """
    What a model thought before it answered.

    ``provider`` and ``data`` hold what its vendor wants back unchanged (a signature, encrypted content).
    """

    type: Literal["reasoning"] = "reasoning"
    text: str
    provider: str | None = None
    data: JSON = None


class RefusalPart(Record):
    """The model's own words for not doing what it was asked; ``provider`` and ``data`` are as in `TextPart`."""

    type: Literal["refusal"] = "refusal"
    text: str
    provider: str | None = None
    data: JSON = None


class ImagePart(Record):
    """
    An image: either its bytes with their media type, or an address that the vendor fetches.

    ``detail`` is the resolution that the vendor should look at (``"low"``, ``"high"``, ``"auto"``).
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
        """The image as an address: its own, or ``data:…;base64,…``."""
        if self.url is not None:
            return self.url
        encoded = base64.b64encode(self.data or b"").decode("ascii")
        return f"data:{self.media_type or 'application/octet-stream'};base64,{encoded}"


Image = ImagePart
"""The name under which programs put an image into a message."""


class ToolCallPart(Record):
    """
    A tool that the model wants called.

    ``arguments`` is the JSON text as the model wrote it, which need not be valid; ``provider`` and ``data`` are as in
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

        What has one meaning is repaired: control characters in strings, half surrogate pairs, a comma before a closing
        bracket, arguments that are written twice or as JSON within a string.

        Raises:
            ValueError: The model wrote no JSON object.
        """
        try:
            arguments: JSON = from_json(self.arguments)
        except (ValueError, TypeError):  # TypeError for a half surrogate pair
            arguments = None
        if isinstance(arguments, dict):
            return arguments
        from budwood.types.json_text import parse_object  # only what is not a valid object needs it

        return parse_object(self.arguments)

    @property
    def json_arguments(self) -> str:
        """
        The arguments as a valid JSON object, since servers refuse a conversation that holds invalid ones.

        They are as the model wrote them, or repaired, or else inside the object ``{"INVALID_JSON": …}``.
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
    Content of a vendor that Budwood does not model: kept, saved, and sent back only to that vendor.

    ``provider`` names the vendor: its plugin, or the instance of a plugin that many vendors share. ``kind`` is the
    vendor's own type; ``data`` the vendor's JSON.
    """

    type: Literal["vendor"] = "vendor"
    provider: str
    kind: str
    data: JSON


ResultContent = str | tuple[Annotated[TextPart | ImagePart | VendorPart, Field(discriminator="type")], ...]
"""What a tool can return to a model: a text, or texts, images and a vendor's own content, in order."""


class ToolResultPart(Record):
    """
    What a tool returned, or the error with which it failed.

    ``content`` is a text, or a tuple of parts. A provider whose API takes only text in a result sends images in another
    place and reports an adaptation, or refuses them.
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
        """The content as parts, also where it is a text alone."""
        return (TextPart(text=self.content),) if isinstance(self.content, str) else self.content

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The images of the result."""
        return () if isinstance(self.content, str) else tuple(p for p in self.content if isinstance(p, ImagePart))


class VendorTool(Record):
    """
    A tool that runs at its vendor, or that only its vendor knows, in the vendor's own form: sent only to that vendor.

    ``provider`` is the vendor's plugin name.
    """

    provider: str
    data: dict[str, JSON]


Part = Annotated[
    TextPart | ReasoningPart | RefusalPart | ImagePart | ToolCallPart | ToolResultPart | VendorPart,
    Field(discriminator="type"),
]
"""Whatever a message can hold."""


class Credential(Record):
    """
    What `authorize` puts into a call.

    ``label`` names it in ledgers and logs; the secret shows in neither. ``kind`` tells a key from a token that expires,
    for vendors who want them in different headers.
    """

    secret: SecretStr
    label: str = "default"
    kind: Literal["key", "token"] = "key"


class AccessToken(Record):
    """
    A token that replaces a key, for a limited time.

    ``expires_at`` is seconds since 1970; None where the source itself knows when to get a new one: then it is asked for
    each request.
    """

    secret: SecretStr
    expires_at: float | None = None
