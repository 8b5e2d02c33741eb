"""Check whether an instance and its model offer a service."""

from __future__ import annotations

from functools import lru_cache

from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.service import Service
from budwood.types import Capability


def check_service(target: Target, service: Service) -> None:
    """
    Check that an instance and its model offer a service.

    Raises:
        UnsupportedError: They do not. Nothing was sent.
    """
    if not offers(target, service):
        from budwood.engine.pipeline.refusals import make_refusal  # only errors need it

        raise make_refusal(target, service)


def offers(target: Target, service: Service) -> bool:
    """Tell whether an instance and its model offer a service."""
    endpoint = target.endpoint
    provider, protocol = endpoint.remote, service.protocol
    if endpoint.local is not None and service.local_protocol is not None:
        return service.capability in target.capabilities() and isinstance(endpoint.local, service.local_protocol)
    return provider is not None and service.capability in target.capabilities() and satisfies(type(provider), protocol)


def streams(target: Target, service: Service) -> bool:
    """Tell whether a vendor streams the replies of a service for a model."""
    protocol, provider = service.stream_protocol, target.endpoint.remote
    if protocol is None:
        return True
    return provider is not None and Capability.STREAM in target.capabilities() and satisfies(type(provider), protocol)


@lru_cache(maxsize=256)
def satisfies(provider: type, protocol: type) -> bool:
    """Tell whether a provider's class has the methods of a Protocol. The check takes 10 µs, so it is cached."""
    return issubclass(provider, protocol)
