"""Files that a vendor stores, and the lines of batches."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, Field

from budwood.types.http import HTTPReply
from budwood.types.record import JSON, Record, short_repr
from budwood.types.usage import Adaptation


class FileUpload(Record):
    """
    A file to store at a vendor.

    Attributes:
        data: The content, or ``path``, the file that contains it.
        name: Its name, with an extension, by which some vendors recognize its type.
        media_type: Its media type.
        purpose: What it is for: ``"batch"``, ``"input"`` for messages, or a value of the vendor.
        expires_after: Seconds after which the vendor deletes it; None for the vendor's default.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    data: bytes | None = Field(default=None, repr=False)
    path: Path | None = None
    name: str
    media_type: str
    purpose: str = "input"
    expires_after: int | None = Field(default=None, ge=1)


class FileInfo(Record):
    """
    A file that a vendor stores.

    Attributes:
        id: The vendor's id.
        name: Its name.
        size: Its size in bytes.
        media_type: Its media type.
        purpose: What it is for, as the vendor names it.
        created: Seconds since 1970; ``expires`` is when the vendor deletes it.
        ready: Whether it can be used. Vendors process videos for a while.
        url: The address by which requests refer to it, if that is not the id.
        adaptations: Parameters of its upload that were not sent as passed.
        raw: The vendor's own record.
    """

    id: str
    provider: str = ""
    name: str | None = None
    size: int | None = None
    media_type: str | None = None
    purpose: str | None = None
    created: float | None = None
    expires: float | None = None
    ready: bool = True
    url: str | None = None
    adaptations: tuple[Adaptation, ...] = ()
    raw: dict[str, JSON] = Field(default_factory=dict, repr=False)


class BatchLimits(Record):
    """
    The largest batch that a vendor accepts. A larger one is split.

    Attributes:
        requests: The number of requests.
        bytes: The size of all lines.
        inline_bytes: Up to this size the provider gets the lines in memory as well; see `BatchInput.data`.
        separator: What separates two lines of the file: a line break, or a comma if the vendor expects a JSON array.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    requests: int
    bytes: int
    inline_bytes: int = 0
    separator: builtins.bytes = b"\n"


class BatchInput(Record):
    """
    One batch, as its provider gets it.

    Attributes:
        id: Identifies this submission. A vendor that stores a name or metadata with a batch gets it, so that the batch
            can be found if the reply to its creation is lost.
        model: The model of all requests.
        url: The URL to which all requests would go as live calls.
        path: A file with the lines that the provider has encoded.
        count: The number of lines.
        size: The size of the file in bytes.
        data: The content of the file, if it has at most `BatchLimits.inline_bytes`.
        headers: The headers of the requests as live calls. If they differ, the values are joined by commas.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str
    model: str
    url: str
    path: Path
    count: int
    size: int
    data: bytes | None = Field(default=None, repr=False)
    headers: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLineResult:
    """
    One line of the result of a batch.

    Attributes:
        id: The id of the request.
        reply: The reply as that of a live call, also if it is an error; None if the request was not answered.
        status: ``"answered"``, or why there is no reply: ``"cancelled"``, ``"expired"``, ``"failed"``.
        error: Why it was not answered, in the vendor's words; ``code`` is the vendor's code.
    """

    id: str
    reply: HTTPReply | None = None
    status: str = "answered"
    error: str | None = None
    code: str | None = None

    __repr__ = short_repr
