"""The base class for providers: what it does for those who inherit from it."""

from __future__ import annotations

from typing import ClassVar

import pytest

from budwood.contracts import PluginContext, Provider, RateLimitProvider
from budwood.errors import CapacityError, ContextLengthError, InvalidRequestError, PromptError, UnsupportedError
from budwood.providing import BaseProvider, ImageLimits, VendorError
from budwood.types import Capability, ChatRequest, HTTPReply, ImagePart, Message, ModelRules, ReplyHead
from budwood_testing import FakeClock

RULES = ModelRules(refuses=frozenset({"temperature"}))


class Minimal(BaseProvider):
    """What a provider must bring."""

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
    What a plugin gets.
    """
    return PluginContext(
        instance="mine",
        rules={"strict": RULES, "free": ModelRules(), "paints": ModelRules(lacks={Capability.CHAT})}.__getitem__,
        log=print,
        clock=FakeClock(),
        cache_folder=tmp_path,
    )


def test_it_is_a_provider(context):
    """
    A class with the four methods satisfies the Protocol.
    """
    assert isinstance(Minimal(context), Provider)


def test_the_four_methods_are_needed(context):
    """
    The base alone cannot be made.
    """
    with pytest.raises(TypeError, match="abstract"):
        BaseProvider(context)


def test_it_can_chat_and_stream(context):
    """
    By default an instance can do what its class says, and that is chat.
    """

    class Seeing(Minimal):
        all_capabilities = frozenset({Capability.CHAT, Capability.IMAGE_INPUT})

    assert Minimal(context).capabilities == {Capability.CHAT, Capability.STREAM}
    assert Seeing(context).capabilities == {Capability.CHAT, Capability.IMAGE_INPUT}


@pytest.mark.parametrize("status", [200, 429])
def test_rate_limits_of_any_reply_are_read(context, status):
    """
    The common headers are read from a success and from an error.
    """
    provider = Minimal(context)

    assert isinstance(provider, RateLimitProvider)
    assert provider.rate_limits(ReplyHead(status, {"x-ratelimit-remaining-requests": "3"})).remaining_requests == 3
    assert provider.rate_limits(ReplyHead(status, {})) is None


def test_rules_are_those_of_the_requests_model(context):
    """
    The catalog is asked for the model of the request.
    """
    request = ChatRequest(model="strict", messages=(Message.user("hi"),))

    assert Minimal(context).rules(request) is RULES


def test_an_error_is_classified_by_its_status(context):
    """
    Without knowledge of the vendor's form the status decides, and the body is described.
    """
    error = Minimal(context).error(HTTPReply(ReplyHead(503, {"retry-after": "2"}), b"<title>Down</title>"))

    assert type(error) is CapacityError
    assert error.message == "HTTP 503: HTML ('Down')"
    assert error.retry_after == 2.0


def test_a_vendor_says_how_it_complains(context):
    """
    Overriding `parse_error` is enough for a structured error.
    """

    class Structured(Minimal):
        def parse_error(self, reply):
            return VendorError(message="too hot", code="bad_value", param="temperature")

    error = Structured(context).error(HTTPReply(ReplyHead(400, {}), b""))

    assert type(error) is InvalidRequestError
    assert (error.message, error.code, error.param) == ("too hot", "bad_value", "temperature")


class Limited(Minimal):
    """A vendor with names, defaults and limits of its own."""

    all_capabilities = frozenset({Capability.CHAT, Capability.IMAGE_INPUT})
    names: ClassVar = {"max_tokens": "longest"}
    defaults: ClassVar = {"safety": "high", "longest": 99}
    images = ImageLimits(max_bytes=3)

    def context_window(self, model):
        return 100


def asking(*messages, model="free", **parameters):
    """
    Make a request.
    """
    return ChatRequest(model=model, messages=messages or (Message.user("hi"),), **parameters)


def test_parameters_are_merged(context):
    """
    What is asked comes before what the instance says, under the vendor's names and as the rules want it.
    """
    provider = Limited(context)

    assert provider.parameters(asking()).values == {"safety": "high", "longest": 99}
    assert provider.parameters(asking(max_tokens=5)).values == {"safety": "high", "longest": 5}
    strict = provider.parameters(asking(model="strict", temperature=0.5))
    assert "temperature" not in strict.values
    assert [receipt.parameter for receipt in strict.adaptations] == ["temperature"]


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        (asking(Message.system("Be brief.")), PromptError, "no message"),
        (asking(Message.user("  ")), PromptError, "empty"),
        (asking(model="paints"), UnsupportedError, "mine/paints writes no text"),
        (asking(Message.user("a", ImagePart(data=b"1234", media_type="image/png"))), PromptError, "4 bytes"),
        (asking(Message.user("word " * 200)), ContextLengthError, "holds 100"),
    ],
)
def test_a_request_is_checked(context, request_, error, said):
    """
    Messages, what the model writes, images and length are checked before anything is written.
    """
    with pytest.raises(error, match=said):
        Limited(context).check(request_)


def test_images_need_a_model_that_sees(context):
    """
    What the class does not claim is refused.
    """
    with pytest.raises(UnsupportedError, match="reads no images"):
        Minimal(context).check(asking(Message.user("a", ImagePart(data=b"1", media_type="image/png"))))


def test_what_may_fit_is_sent(context):
    """
    The estimate may be too high, so that a request which could fit is the server's to judge.
    """
    Limited(context).check(asking(Message.user("word " * 130)))
    Minimal(context).check(asking(Message.user("word " * 100_000)))
