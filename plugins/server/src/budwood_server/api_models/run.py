"""``POST /api/run``: a request for inference, and the reply to it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

SESSION_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}$"
"""The names of sessions."""

SESSION_WORDS: Final = "a name has up to 100 letters, digits and . _ : @ -, with a letter or a digit first"

Text = Annotated[str, Field(min_length=1)]
CacheMode = Literal["on", "off", "refresh", "only"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


def _check_cache(value: object) -> object:
    """Check a mode with one error for it, since a union has one for each of its types."""
    if value is None or isinstance(value, bool) or value in get_args(CacheMode):
        return value
    raise PydanticCustomError("cache", f"expected {', '.join(get_args(CacheMode))}, or true or false")


def _check_session(value: object) -> object:
    if isinstance(value, str) and not re.search(SESSION_PATTERN, value):
        raise PydanticCustomError("session", SESSION_WORDS)
    return value


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class RunOptions(_Body):
    """
    Options of a request. All are optional, and the policy of a key may allow fewer of those from ``cache`` on.

    Attributes:
        temperature: Randomness of the reply.
        top_p: Probability mass of the tokens to sample from.
        max_tokens: The maximum number of output tokens, including reasoning.
        stop: Texts at which the model stops.
        seed: Makes sampling repeatable, as far as the vendor supports it.
        frequency_penalty: Penalty for tokens by how often they occurred; ``presence_penalty`` if they occurred at all.
        reasoning_effort: How much the model reasons before it answers.
        schema: A JSON schema that the reply satisfies; its value is in the field ``parsed`` of the reply.
        cache: Whether the cache of replies is used: ``"on"``, ``"off"``, ``"refresh"`` or ``"only"``.
        cache_namespace: Keeps replies apart from those of other namespaces.
        label: The label under which records count the call.
        fallbacks: Models to ask if the first fails.
        routing: The order in which models are asked.
        timeout: Seconds for the whole call.
        on_unsupported: What to do with an option that the model does not support.
    """

    temperature: Annotated[float, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Text | Annotated[list[Text], Field(min_length=1)] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning_effort: Effort | None = None
    schema_: Annotated[dict[str, JsonValue] | None, Field(alias="schema")] = None
    cache: Annotated[bool | CacheMode | None, BeforeValidator(_check_cache)] = None
    cache_namespace: Text | None = None
    label: Text | None = None
    fallbacks: list[Text] | None = None
    routing: Text | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    on_unsupported: Literal["adapt", "warn", "error"] | None = None


class RunBody(_Body):
    """
    A request for inference.

    Attributes:
        model: The name of the model.
        input: A text, or messages in the form of Chat Completions. It may be absent if a prompt is named.
        prompt: A prompt of the server, such as ``greeting@production``, whose messages come before the input.
        variables: The values of its variables.
        options: Options of the request.
        session: The name of a conversation that the server keeps, and that the request continues.
        stream: Whether the reply is sent as events: ``text`` with parts of it, then ``done`` with all fields of the
            reply, or ``error``.
    """

    model: Text
    input: str | list[dict[str, JsonValue]] | None = None
    prompt: Text | None = None
    variables: dict[str, JsonValue] | None = None
    options: RunOptions = RunOptions()
    session: Annotated[Annotated[str, Field(pattern=SESSION_PATTERN)] | None, BeforeValidator(_check_session)] = None
    stream: bool = False


class RunUsage(BaseModel):
    """The tokens of a call; null if they are not known. Cached input and reasoning are part of the totals."""

    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None


class RunAdaptation(BaseModel):
    """A parameter that was not sent as it was requested: ``action`` is renamed, dropped or changed."""

    parameter: str
    action: str
    reason: str


class RunReply(BaseModel):
    """
    The reply to a request for inference.

    Attributes:
        text: The text.
        parsed: The value that satisfies the schema; null without one.
        model: The model that answered, as its vendor names it.
        provider: The provider that answered.
        finish_reason: Why the reply ended.
        usage: Its tokens.
        cost: US dollars as text, or null if that is not known.
        cache: Whether the cache of replies had it: ``"hit"`` or ``"miss"``.
        attempts: The number of requests to providers.
        adaptations: Parameters that were not sent as they were requested.
        prompt: The version of the prompt, such as ``greeting@3``, or null.
        session: The name of the session, or null.
        request_id: Identifies the request in the log.
    """

    text: str
    parsed: Any = None
    model: str
    provider: str
    finish_reason: str
    usage: RunUsage
    cost: str | None
    cache: Literal["hit", "miss"]
    attempts: int
    adaptations: list[RunAdaptation]
    prompt: str | None
    session: str | None
    request_id: str
