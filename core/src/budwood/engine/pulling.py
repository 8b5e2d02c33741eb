"""Have a server fetch a model, and hand on how far it has got."""

from __future__ import annotations

from budwood.contracts import ModelPullProvider
from budwood.engine.accounting.reporting import reported
from budwood.engine.drivers.effects import Close, Emit, Flow, Read
from budwood.engine.pipeline.attempts import check_status, opened, reading, repeated, writing
from budwood.engine.pipeline.call import Call
from budwood.errors import UnsupportedError
from budwood.types import Capability


def pull(call: Call) -> Flow[None]:
    """
    Have the server fetch the call's model; where the connection breaks, it is asked again and goes on where it was.

    Raises:
        UnsupportedError: The provider fetches no models. Nothing was sent.
        ProviderError: The last attempt failed.
    """
    provider = call.endpoint.remote
    if (
        not isinstance(provider, ModelPullProvider)
        or Capability.PULL_MODELS not in call.endpoint.capabilities(call.model)
    ):  # fmt: skip
        raise UnsupportedError(f"{call.endpoint.name} fetches no models.", hint="Ask for a model that it has.")
    with reported(call):
        yield from repeated(call, lambda: _pulled(call, provider))


def _pulled(call: Call, provider: ModelPullProvider) -> Flow[None]:
    with writing():
        prepared = provider.encode_pull(call.model)
    exchange = yield from opened(call, prepared)
    try:
        yield from check_status(call, exchange)
        decoder = provider.pull_decoder(exchange.head)
        while data := (yield Read(exchange)):  # of any length: nothing of it is kept
            with reading():
                progress = decoder.feed(data)
            if progress:
                yield Emit(progress)
        with reading():
            progress = decoder.close()
    finally:
        yield Close(exchange)
    if progress:
        yield Emit(progress)
