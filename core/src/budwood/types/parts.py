"""The parts of messages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_core import from_json, to_json

from budwood.types.media import AnyMedia, AudioPart, CacheLifetime, DocumentPart, ImagePart, MediaPart, VideoPart
from budwood.types.record import JSON, Record


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


ResultPart = Annotated[
    TextPart | ImagePart | AudioPart | VideoPart | DocumentPart | VendorPart, Field(discriminator="type")
]
"""A part of the result of a tool."""

ResultContent = str | tuple[ResultPart, ...]
"""The result of a tool: a text, or texts, media and content of a vendor, in order."""


class ToolResultPart(Record):
    """
    The result of a tool, or its error.

    ``content`` is a text, or a tuple of parts. A provider whose API accepts only text in results sends media elsewhere
    and reports an adaptation, or refuses them.
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
    def parts(self) -> tuple[ResultPart, ...]:
        """The content as parts. A text becomes one part."""
        return (TextPart(text=self.content),) if isinstance(self.content, str) else self.content

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The images of the result."""
        return tuple(part for part in self.media if isinstance(part, ImagePart))

    @property
    def media(self) -> tuple[AnyMedia, ...]:
        """The media of the result."""
        return () if isinstance(self.content, str) else tuple(p for p in self.content if isinstance(p, MediaPart))


class VendorTool(Record):
    """
    A tool that runs at its vendor, or that only one vendor supports, in the vendor's own form.

    It is sent only to that vendor. ``provider`` is the name of the vendor's plugin.
    """

    provider: str
    data: dict[str, JSON]


Part = Annotated[
    TextPart
    | ReasoningPart
    | RefusalPart
    | ImagePart
    | AudioPart
    | VideoPart
    | DocumentPart
    | ToolCallPart
    | ToolResultPart
    | VendorPart,
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
