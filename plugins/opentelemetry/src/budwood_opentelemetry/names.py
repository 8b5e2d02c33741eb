"""
The names of attributes and metrics.

Those that begin with ``gen_ai.`` are of OpenTelemetry's semantic conventions for generative AI, which are in
development. Source: github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai: gen-ai-spans.md and
gen-ai-metrics.md. What the conventions do not name begins with ``budwood.``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

SCOPE: Final = "budwood"
"""The name of the instrumentation scope. Its version is that of `DISTRIBUTION`."""

DISTRIBUTION: Final = "budwood-opentelemetry"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
CONVERSATION: Final = "gen_ai.conversation.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"
REQUEST_MODEL: Final = "gen_ai.request.model"
STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"
KIND_OF_TOKENS: Final = "gen_ai.token.type"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"

TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
EXECUTE_TOOL: Final = "execute_tool"

ERROR: Final = "error.type"
STATUS: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

CALL: Final = "budwood.call"
LABEL: Final = "budwood.label"
TAG: Final = "budwood.tag."
"""How the attribute of a tag begins; its name follows."""

INSTANCE: Final = "budwood.provider"
ATTEMPTS: Final = "budwood.attempts"
CACHED: Final = "budwood.cached"
SAVED: Final = "budwood.saved"
COST: Final = "budwood.cost"
PARTIAL: Final = "budwood.partial"
NUMBER: Final = "budwood.attempt.number"
KEY: Final = "budwood.key"
ENDPOINT: Final = "budwood.endpoint"
HEDGE: Final = "budwood.hedge"
QUEUED: Final = "budwood.queued"
REQUEST_ID: Final = "budwood.request_id"

REQUEST_PARAMETERS: Final[Mapping[str, str]] = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "stop": "gen_ai.request.stop_sequences",
    "dimensions": DIMENSIONS,
}
"""The attribute of each parameter of a request."""

USAGE: Final[Mapping[str, str]] = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
"""The attribute of each count of tokens."""

OPERATIONS: Final[Mapping[str, str]] = {"completion": "text_completion"}
"""The operation of a service, if it is not named like the service."""

PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "xai": "x_ai",
}
"""The conventions' names of vendors, by the names of providers or plugins. Others have no name in the conventions."""

EVENTS: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "AttemptQueued": ("budwood.queued", ("limit", "delay")),
    "RetryScheduled": ("budwood.retry", ("delay", "error")),
    "EndpointFailed": ("budwood.failover", ("endpoint", "error")),
    "BreakerChanged": ("budwood.breaker", ("endpoint", "state", "failures", "next_probe", "error")),
    "ParameterLearned": ("budwood.parameter_learned", ("parameters",)),
    "CacheFailed": ("budwood.cache_failed", ("cache", "operation", "error")),
}
"""
The observations that become events of the request's span: the name of the event, and the fields that it has.

The attribute of a field is ``budwood.FIELD``; that of an error is `ERROR`.
"""


class HistogramName(NamedTuple):
    """A histogram of the conventions, with the boundaries of its buckets that they recommend."""

    name: str
    unit: str
    description: str
    buckets: Sequence[float]


_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)

DURATION: Final = HistogramName("gen_ai.client.operation.duration", "s", "Duration of requests.", _SECONDS)
TIME_TO_FIRST_CHUNK: Final = HistogramName(
    "gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first content of streams.", _SECONDS
)
TOKENS: Final = HistogramName(
    "gen_ai.client.token.usage",
    "{token}",
    "Tokens of the attempts that were sent.",
    tuple(4**power for power in range(14)),
)
