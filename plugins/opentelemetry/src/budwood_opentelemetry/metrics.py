"""The metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics

from budwood_opentelemetry import names
from budwood_opentelemetry.attributes import is_cached, model_attributes, operation_of, provider_attributes

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter, MeterProvider

    from budwood.types import Attempt, FirstToken, RequestFinished
    from budwood_opentelemetry.attributes import Attributes


class Metrics:
    """
    The histograms of a meter provider.

    ``common`` are the attributes that all metrics of a request have. They are empty if the request ended before its
    attempt.

    Args:
        provider: Creates them; by default the global one, which may be set later.
        version: The version of this plugin.
    """

    def __init__(self, provider: MeterProvider | None, version: str) -> None:
        meter = metrics.get_meter(names.SCOPE, version, provider)
        self._duration = _create(meter, names.DURATION)
        self._first_chunk = _create(meter, names.TIME_TO_FIRST_CHUNK)
        self._tokens = _create(meter, names.TOKENS)

    def record_request(self, event: RequestFinished, common: Attributes) -> None:
        """Record the duration of a request."""
        attributes = _complete(common, event.provider, event.model)
        attributes[names.OPERATION] = operation_of(event.service)
        if event.response is not None and event.response.model:
            attributes[names.RESPONSE_MODEL] = event.response.model
        if event.error is not None:
            attributes[names.ERROR] = type(event.error).__name__
        if is_cached(event):
            attributes[names.CACHED] = True
        self._duration.record(event.seconds, attributes)

    def record_attempt(self, attempt: Attempt, common: Attributes) -> None:
        """Record the tokens of an attempt, which are those that the vendor charges."""
        usage = attempt.usage
        if usage is None or attempt.cached:
            return
        attributes = _complete(common, attempt.provider, attempt.model)
        for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if count is not None:
                self._tokens.record(count, {**attributes, names.KIND_OF_TOKENS: kind})

    def record_first_token(self, event: FirstToken, common: Attributes) -> None:
        """Record the time to the first content of a stream."""
        self._first_chunk.record(event.seconds, _complete(common, event.provider, event.model))


def _complete(common: Attributes, provider: str, model: str) -> Attributes:
    if common.get(names.INSTANCE) != provider:  # the request has ended before its attempt, or the cache answered
        common = common | provider_attributes(provider, "")
    return common | model_attributes(model)


def _create(meter: Meter, histogram: names.HistogramName) -> Histogram:
    return meter.create_histogram(
        histogram.name,
        histogram.unit,
        histogram.description,
        explicit_bucket_boundaries_advisory=histogram.buckets,
    )
