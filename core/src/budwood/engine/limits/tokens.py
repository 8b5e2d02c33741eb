"""Estimate how many tokens of a request count against the limits of its vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.engine.drivers.effects import Flow, Invoke
from budwood.types import Answer, ChatRequest, Usage

if TYPE_CHECKING:
    from budwood.engine.pipeline.attempt import Attempt
    from budwood.types import TokenCount

DEFAULT_OUTPUT: Final = 300
"""The output tokens that are expected of a model that has not answered yet."""

WEIGHT: Final = 0.1
"""The weight of the last reply in the average of a model's output."""

MAX_MODELS: Final = 1000


class OutputAverage(NamedTuple):
    """The average output of a model, in tokens, in which recent replies count most."""

    tokens: float
    replies: int = 1

    def add(self, tokens: int) -> OutputAverage:
        """Return the average with another reply."""
        weight = max(WEIGHT, 1 / (self.replies + 1))  # the first ones have equal weights
        return OutputAverage(self.tokens + weight * (tokens - self.tokens), self.replies + 1)


class Expected(NamedTuple):
    """
    What an attempt will probably use.

    Attributes:
        usage: Its input and output tokens.
        is_learned: Whether the output is that of earlier replies.
    """

    usage: Usage
    is_learned: bool = True


NOTHING: Final = Expected(Usage.model_construct(input_tokens=0, output_tokens=0))


def estimate_tokens(attempt: Attempt) -> Flow[Expected]:
    """
    Estimate the tokens that an attempt will have used. The output is the model's average, at most ``max_tokens``.

    Raises:
        PluginError: The configured tokenizer failed.
    """
    request, endpoint = attempt.request, attempt.endpoint
    if not isinstance(request, ChatRequest):
        return Expected(Usage(input_tokens=_estimate_texts(request), output_tokens=0))
    counter = attempt.round.call.counter
    counted: TokenCount = yield Invoke(lambda: counter.count(endpoint, request))  # may load a vocabulary
    return _expect(attempt, counted.input_tokens)


def renew(attempt: Attempt, expected: Expected) -> Expected:
    """Return the estimate of an attempt that has waited, with what was learned in the meantime."""
    return _expect(attempt, expected.usage.input_tokens or 0) if isinstance(attempt.request, ChatRequest) else expected


def _expect(attempt: Attempt, input_tokens: int) -> Expected:
    known = attempt.round.call.counter.outputs.get((attempt.endpoint.name, attempt.model))
    output = DEFAULT_OUTPUT if known is None else round(known.tokens)
    if attempt.request.max_tokens is not None:
        output = min(output, attempt.request.max_tokens)
    return Expected(Usage(input_tokens=input_tokens, output_tokens=output), known is not None)


def tokens_before(attempt: Attempt, expected: Expected) -> int:
    """Return how many tokens to reserve for an attempt."""
    own = _count_by_provider(attempt, expected, None)
    return (expected.usage.total_tokens or 0) if own is None else own


def tokens_after(attempt: Attempt, expected: Expected, result: object) -> int | None:
    """Return how many tokens of a successful attempt count against the limits; None if its reply does not say."""
    usage = result.usage if isinstance(result, Answer) else Usage()
    own = _count_by_provider(attempt, expected, usage)
    if own is not None:
        return own
    return usage.total_tokens if isinstance(attempt.request, ChatRequest) else usage.input_tokens


def learn_output(attempt: Attempt, result: object) -> None:
    """Add the output of a reply to the average of its model."""
    output = result.usage.output_tokens if isinstance(result, Answer) else None
    if output is None or not isinstance(attempt.request, ChatRequest):
        return
    outputs, key = attempt.round.call.counter.outputs, (attempt.endpoint.name, attempt.model)
    known = outputs.get(key)
    if known is not None or len(outputs) < MAX_MODELS:
        outputs[key] = OutputAverage(output) if known is None else known.add(output)


def _count_by_provider(attempt: Attempt, expected: Expected, used: Usage | None) -> int | None:
    count = attempt.endpoint.limit_tokens
    if count is None or not isinstance(attempt.request, ChatRequest):
        return None
    return count(attempt.request, expected.usage, used)


def _estimate_texts(request: Any) -> int:  # noqa: ANN401 - the request of any service
    """Estimate the tokens of the texts of embeddings or moderation; other services have none."""
    from budwood.providing import estimate_text  # not above: only these services need its patterns
    from budwood.types import TextPart

    texts: list[str] = list(getattr(request, "texts", ()))
    for content in getattr(request, "contents", ()):
        texts.extend(part.text for part in content if isinstance(part, TextPart))
    return round(sum(estimate_text(text).tokens for text in texts))
