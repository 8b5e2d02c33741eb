"""Lists of models, progress of downloads, token counts, and prompts that a server keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from budwood.types.messages import Message
from budwood.types.record import JSON, Record, short_repr


class ModelInfo(Record):
    """One model that a provider offers."""

    id: str
    provider: str = ""
    created: int | None = None
    owned_by: str | None = None
    context_window: int | None = None
    raw: dict[str, JSON] = Field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """
    The progress of a server that downloads a model.

    Attributes:
        status: The status in the server's own words.
        digest: The part of the model that the status is about, or None.
        completed: Bytes of that part that are downloaded.
        total: Size of that part in bytes.
    """

    status: str
    digest: str | None = None
    completed: int | None = None
    total: int | None = None

    __repr__ = short_repr


CountSource = Literal["vendor", "tokenizer", "calibrated", "estimate"]
"""The source of a token count."""


class TokenCount(Record):
    """
    The number of tokens of a request, before it is sent.

    Attributes:
        input_tokens: The count, or the most likely one.
        exact: Whether it is a count, and not an estimate.
        low: Lower bound of the estimate; ``high`` is the upper bound. Both equal ``input_tokens`` if it is exact.
        source: The vendor, a tokenizer on this machine, an estimate, or an estimate that was calibrated by earlier
            counts of the vendor.
        hint: What to do for an exact count, if it is possible.
        provider: The instance; ``model`` is the vendor's name of the model.
    """

    input_tokens: int
    exact: bool
    low: int
    high: int
    source: CountSource
    hint: str | None = None
    provider: str = ""
    model: str = ""


class PromptRequest(Record):
    """
    A request to render a prompt.

    Attributes:
        reference: ``NAME``, ``NAME@LABEL`` or ``NAME@VERSION``.
        variables: The values of its variables.
    """

    reference: str
    variables: dict[str, JSON] = Field(default_factory=dict)


class RenderedPrompt(Record):
    """
    The messages of a prompt with the values of its variables.

    Attributes:
        messages: The messages.
        reference: The prompt with the version that was rendered, such as ``"greeting@3"``, for observers. It is
            the name alone if the source has no versions.
    """

    messages: tuple[Message, ...]
    reference: str
