"""The defaults of the base class for providers."""

from __future__ import annotations

import pytest

from budwood.contracts import PluginContext, Provider, RateLimitProvider
from budwood.errors import CapacityError, InvalidRequestError
from budwood.providing import BaseProvider, VendorError
from budwood.types import Capability, ChatRequest, HTTPReply, Message, ModelRules, ReplyHead
from budwood_testing import FakeClock

RULES = ModelRules(refuses=frozenset({"temperature"}))


class Minimal(BaseProvider):
    """Implements only the required methods."""

    def encode(self, request, *, stream):
        raise NotImplementedError

    def authorize(self, call, credential):
        raise NotImplementedError

    def decode(self, request, reply):
        raise NotImplementedError

    def decoder(self, request, head):
        raise NotImplementedError


@pytest.fixture
def context(tmp_path):
    """
    Return a plugin context.
    """
    return PluginContext(
        instance="mine",
        rules={"strict": RULES, "free": ModelRules(), "image": ModelRules(lacks={Capability.CHAT})}.__getitem__,
        log=print,
        clock=FakeClock(),
        cache_folder=tmp_path,
        data_folder=tmp_path,
    )


def test_it_is_a_provider(context):
    """
    A class with the four methods satisfies the Protocol.
    """
    assert isinstance(Minimal(context), Provider)


def test_the_four_methods_are_required(context):
    """
    The base class is abstract.
    """
    with pytest.raises(TypeError, match="abstract"):
        BaseProvider(context)


def test_default_capabilities_are_chat_and_stream(context):
    """
    By default an instance has the capabilities of its class.
    """

    class VisionProvider(Minimal):
        all_capabilities = frozenset({Capability.CHAT, Capability.IMAGE_INPUT})

    assert Minimal(context).capabilities == {Capability.CHAT, Capability.STREAM}
    assert VisionProvider(context).capabilities == {Capability.CHAT, Capability.IMAGE_INPUT}


@pytest.mark.parametrize("status", [200, 429])
def test_rate_limits_are_parsed(context, status):
    """
    The common headers are read from a success and from an error.
    """
    provider = Minimal(context)

    assert isinstance(provider, RateLimitProvider)
    assert provider.rate_limits(ReplyHead(status, {"x-ratelimit-remaining-requests": "3"})).remaining_requests == 3
    assert provider.rate_limits(ReplyHead(status, {})) is None


def test_rules_are_those_of_the_requests_model(context):
    """
    The catalog is queried for the model of the request.
    """
    request = ChatRequest(model="strict", messages=(Message.user("hi"),))

    assert Minimal(context).rules(request) is RULES


def test_an_error_is_classified_by_its_status(context):
    """
    By default the status determines the class, and the message describes the body.
    """
    error = Minimal(context).error(HTTPReply(ReplyHead(503, {"retry-after": "2"}), b"<title>Down</title>"))

    assert type(error) is CapacityError
    assert error.message == "HTTP 503: HTML ('Down')"
    assert error.retry_after == 2.0


def test_parse_error_can_be_overridden(context):
    """
    Overriding `parse_error` is enough for a structured error.
    """

    class Structured(Minimal):
        def parse_error(self, reply):
            return VendorError(message="too hot", code="bad_value", param="temperature")

    error = Structured(context).error(HTTPReply(ReplyHead(400, {}), b""))

    assert type(error) is InvalidRequestError
    assert (error.message, error.code, error.param) == ("HTTP 400: too hot", "bad_value", "temperature")
