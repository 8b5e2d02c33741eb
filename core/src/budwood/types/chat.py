"""A chat request and the response to it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Generic, Literal, cast

from pydantic import Field, SerializeAsAny, SkipValidation

from budwood.types.media import AnyMedia, CacheLifetime
from budwood.types.messages import Message
from budwood.types.parts import ReasoningPart, ToolCallPart, VendorTool
from budwood.types.record import JSON, Record
from budwood.types.usage import NO_PRICE, Adaptation, Answer, Attempt, RateLimits, Usage

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "error", "other"]
"""Why a reply ended: the same values for all vendors. The vendor's own value is in ``raw_finish_reason``."""

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much a model reasons before it answers. Each model supports some of these values."""


OUTPUT_TOOL: Final = "return_output"
"""The tool with which models return structured output, if they have no other way; a reserved name."""

MAX_REPR_TEXT: Final = 200
"""How many characters of its text a response shows in its repr."""


_IN_REPR: Final = frozenset("parsed finish_reason provider model usage cost cached partial".split())


class ToolDefinition(Record):
    """
    The description of a tool for the model; ``parameters`` is a JSON schema.

    ``extra`` contains options that only some vendors support.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str = ""
    parameters: dict[str, JSON]
    strict: bool | None = None
    cache: CacheLifetime | None = None
    extra: dict[str, JSON] = Field(default_factory=dict)


class NamedTool(Record):
    """The tool that the model must call."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


class OutputSchema(Record):
    """The JSON schema that the reply must satisfy, for models that support it; ``description`` is its purpose."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "output"
    description: str = ""
    json_schema: dict[str, JSON]
    strict: bool | None = None


class ChatRequest(Record):
    """
    A request to a chat model, in one form for all vendors. None means the vendor's default.

    ``model`` is the vendor's name of the model, without the provider. ``max_tokens`` limits the output, including
    reasoning; ``reasoning_budget`` limits the reasoning tokens, for vendors that support it. ``prompt_cache`` marks the
    end of the request as described in `CacheLifetime`. ``extra`` contains parameters of the vendor, sent unchanged.
    """

    is_background: ClassVar[bool] = False
    """Whether the vendor answers it in the background; see `budwood.types.BackgroundRequest`."""

    model: str
    messages: tuple[Message, ...]
    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: Annotated[float, Field(allow_inf_nan=False)] | None = None
    presence_penalty: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reasoning_effort: ReasoningEffort | None = None
    reasoning_budget: Annotated[int, Field(ge=1)] | None = None
    tools: tuple[ToolDefinition, ...] = ()
    vendor_tools: tuple[VendorTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output_schema: OutputSchema | None = None
    prompt_cache: CacheLifetime | None = None
    extra: dict[str, JSON] = Field(default_factory=dict)


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class ChatResponse(Answer, Record, Generic[T]):
    """
    The reply of a model, with usage, cost and the requests that were sent for it. Its text is that of the message.

    Attributes:
        message: The model's last message.
        messages: All messages that this call added to the conversation: rounds of tools, then the last message.
        finish_reason: Why the reply ended; ``raw_finish_reason`` is the vendor's own value.
        usage: Tokens of all rounds; unknown counts are None.
        cost: US dollars for the tokens of all rounds, or None with the reason in ``cost_unknown``. From the cache, 0.
        provider: The instance that replied; ``model`` is the model that the vendor reports.
        id: The vendor's id of the reply; ``request_id`` is that of the HTTP request.
        cached: Whether the replies of all rounds came from the cache, or from an equal call at the same time.
        saved: US dollars that the cache has saved in all rounds; None if nothing, or if that is not known.
        partial: Whether the reply is incomplete, because the stream was left early or interrupted.
        attempts: Every request that was sent for this call.
        adaptations: Parameters that were not sent as passed.
        alternatives: Further choices of the same reply.
        parsed: The value that satisfies ``schema``, of its type; None without a schema.
        metadata: Further information from the vendor.
        raw: The complete response body, unless the reply was streamed.
    """

    message: Message
    messages: tuple[Message, ...] = ()
    finish_reason: FinishReason = "stop"
    raw_finish_reason: str | None = None
    usage: Usage = Usage.model_construct()
    cost: Decimal | None = None
    cost_unknown: str | None = NO_PRICE
    provider: str = ""
    model: str = ""
    id: str | None = None
    request_id: str | None = None
    rate_limits: RateLimits | None = None
    cached: bool = False
    saved: Decimal | None = None
    partial: bool = False
    attempts: tuple[Attempt, ...] = ()
    adaptations: tuple[Adaptation, ...] = ()
    alternatives: tuple[Message, ...] = ()
    parsed: SkipValidation[SerializeAsAny[T]] = cast("T", None)
    metadata: SkipValidation[dict[str, JSON]] = Field(default_factory=dict)
    raw: SkipValidation[JSON] = Field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the fields that a short repr shows."""
        text = self.text
        yield "text", text if len(text) <= MAX_REPR_TEXT else f"{text[:MAX_REPR_TEXT]}…"
        if self.tool_calls:
            yield "tool_calls", self.tool_calls
        yield from (item for item in super().__repr_args__() if item[0] in _IN_REPR)

    @property
    def text(self) -> str:
        """The text of the last message, without reasoning."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The reasoning before the answer, if the vendor returns it."""
        return "".join(part.text for part in self.message.parts if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls of the last message, which were not run."""
        return self.message.tool_calls

    @property
    def media(self) -> tuple[AnyMedia, ...]:
        """The images and audio that the model returned."""
        return self.message.media
