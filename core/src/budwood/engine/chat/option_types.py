"""Options of clients and calls, as their users write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypedDict

from budwood.engine.chat.functions import Approval, Function
from budwood.engine.chat.prompts import File
from budwood.engine.chat.schemas import ReplyType
from budwood.engine.chat.structured import SchemaMode
from budwood.types import CacheLifetime, ReasoningEffort, ToolDefinition, VendorTool
from budwood.types.record import JSON

CallBudget = float | str | Decimal | Mapping[str, Any]
"""The budget of a call: dollars, or ``{"dollars": …}``, or ``{"tokens": …}``."""

Upload = Literal["auto", "never", "always"]
"""Which media of messages are uploaded to the vendor, and reused by later requests."""


class ClientOptions(TypedDict, total=False):
    """Options of a client: the defaults of its calls. See `budwood.settings.Options`."""

    retries: int
    timeout: float
    connect_timeout: float
    idle_timeout: float
    on_unsupported: Literal["adapt", "warn", "error"]
    repairs: int
    max_tool_rounds: int
    max_retry_after: float
    attempt_timeout: float
    fallbacks: Sequence[str]
    fallback_on: Sequence[str]
    routing: Literal["ordered", "round-robin", "cheapest", "weighted", "fastest"]
    weights: Mapping[str, float]
    hedge: Literal["p95"] | float
    on_stream_failure: Literal["raise", "restart"]
    unknown_price: Literal["refuse", "ignore"]
    assume_output: int
    cache_ttl: float
    cache_stale: float
    cache_namespace: str
    cache_max_temperature: float
    cache_tool_calls: bool
    cache_pace: Literal["instant", "recorded"]
    cache_lease: float


class ServiceOptions(ClientOptions, total=False):
    """
    Options of a call to any service. All are optional.

    Attributes:
        model: ``provider/model``; by default the client's.
        extra: Parameters of the vendor, sent unchanged.
        label: The label under which budgets count the call, and by which observers can group it.
        tags: Up to 16 dimensions for observers, such as the user, the session or the team. They are not sent to the
            vendor, and equal requests with other tags share replies in the cache.
        budget: The most that the call may cost, with all its attempts and rounds, in dollars: ``0.5`` or
            ``{"dollars": "0.50"}``; or in tokens: ``{"tokens": 20000}``.
        cache: False bypasses the client's cache: nothing is read from it or stored in it. ``"fresh"`` does not use a
            stale reply. ``"refresh"`` sends the request and replaces the stored reply. ``"only"`` sends nothing, and
            raises `CacheMissError` without a stored reply.
        sample: Distinguishes equal requests: each number has a reply of its own in the cache.
    """

    model: str
    extra: Mapping[str, JSON]
    label: str
    tags: Mapping[str, str]
    budget: CallBudget
    cache: bool | Literal["fresh", "refresh", "only"]
    sample: int


class CompletionOptions(ServiceOptions, total=False):
    """
    Options of a plain completion: those of `ServiceOptions`, and these. All are optional.

    Attributes:
        temperature: Randomness of the reply: 0 or more; most vendors accept up to 2.
        top_p: Probability mass of the tokens to sample from, 0 to 1.
        max_tokens: Maximum number of output tokens, including reasoning.
        stop: Texts at which the model stops.
        seed: Makes sampling repeatable, as far as the vendor supports it.
        frequency_penalty: Penalty for tokens by how often they occurred.
        presence_penalty: Penalty for tokens that occurred at all.
    """

    temperature: float
    top_p: float
    max_tokens: int
    stop: str | Sequence[str]
    seed: int
    frequency_penalty: float
    presence_penalty: float


class OptionsWithoutSchema(CompletionOptions, total=False):
    """
    Options of a call: those of `CompletionOptions`, and these. All are optional.

    Attributes:
        system: The system prompt, sent before all messages.
        files: Files to put before the text of the last message: paths, URLs, contents as bytes, file objects, or parts.
        reasoning_effort: How much the model reasons before it answers.
        reasoning_budget: Maximum number of reasoning tokens, for vendors that support it.
        schema_mode: How structured output is requested; by default the first mode that the model supports.
        tools: Functions that the model may call. A dictionary, or a `ToolDefinition`, describes a tool that you run:
            a reply that calls it is returned, with all its calls in ``response.tool_calls``.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the name of the tool that must be called.
        parallel_tool_calls: Whether the model may request several calls at once.
        execute_tools: Whether Budwood runs the calls; if not, they are in ``response.tool_calls``.
        approve: Called before each tool call. True allows it; False, or a reason for the model, rejects it.
        vendor_tools: Tools that run at the vendor.
        prompt_cache: How long the vendor may cache the prompt, because later requests begin with it.
        conversation: Identifies the conversation that the request continues. It stays with one endpoint and group of
            keys while they are available, so that the vendor's prompt cache can be used.
        variables: The values of variables of a stored prompt, which may be empty. With this option, the prompt is not a
            text, but a name: ``NAME``, ``NAME@LABEL`` or ``NAME@VERSION``. The setting ``prompts`` chooses the source.
        upload: Which media are uploaded once, and reused by their content, where the vendor stores files: ``"auto"``
            (the default) those that do not fit into a request, ``"always"`` all, ``"never"`` none.
    """

    system: str
    files: Sequence[File]
    reasoning_effort: ReasoningEffort
    reasoning_budget: int
    schema_mode: SchemaMode
    tools: Sequence[Function | ToolDefinition | Mapping[str, Any]]
    tool_choice: str | Mapping[str, Any]
    parallel_tool_calls: bool
    execute_tools: bool
    approve: Approval
    vendor_tools: Sequence[VendorTool]
    prompt_cache: CacheLifetime
    conversation: str
    variables: Mapping[str, Any]
    upload: Upload


class AskOptions(OptionsWithoutSchema, total=False):
    """
    Options of a call: those of `OptionsWithoutSchema` and `CompletionOptions`, and this one. All are optional.

    Attributes:
        schema: Schema of structured output: a Pydantic model, another type such as ``list[Model]``, or a JSON schema.
            The value is ``response.parsed``.
    """

    schema: ReplyType
