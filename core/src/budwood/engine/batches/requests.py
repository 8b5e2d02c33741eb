"""The requests of a batch, as callers pass them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Unpack, cast

from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.prompts import Prompt
from budwood.errors import ConfigurationError
from budwood.types import Message

Lane = Literal["batch", "live", "auto"]
"""
How many requests are sent: as a batch of the vendor, as ordinary calls, or as a batch if the vendor has batches.
"""


class BatchRequest:
    """
    One request of a batch, with options of its own.

    Args:
        prompt: As for `Client.ask`.
        **options: As for `Client.ask`; they override those of the batch.
    """

    __slots__ = ("options", "prompt")

    def __init__(self, prompt: Prompt, **options: Unpack[AskOptions]) -> None:
        self.prompt = prompt
        self.options = options

    def __repr__(self) -> str:
        return f"BatchRequest({self.prompt!r})"


def check_lane(lane: object) -> Lane:
    """
    Return the lane.

    Raises:
        ConfigurationError: There is no such lane.
    """
    if lane not in ("batch", "live", "auto"):
        raise ConfigurationError(f"Invalid lane {lane!r}.", hint='Pass "batch", "live" or "auto".')
    return lane


def check_requests(requests: object) -> None:
    """
    Check that requests are a list.

    Raises:
        ConfigurationError: They are a single prompt, or nothing that can be iterated over.
    """
    if isinstance(requests, str | bytes | Mapping | Message | BatchRequest) or not isinstance(requests, Iterable):
        raise ConfigurationError(
            f"A batch needs a list of prompts; got {type(requests).__name__}.", hint="Pass [prompt, …]."
        )


def split_request(request: Prompt | BatchRequest, options: AskOptions) -> tuple[Prompt, AskOptions]:
    """Return the prompt of a request, and the options that apply to it."""
    if not isinstance(request, BatchRequest):
        return request, options
    merged: Any = {**options, **request.options}
    return request.prompt, cast("AskOptions", merged)
