"""Gemini's provider object, which does no I/O, and clients of it over a scripted transport."""

from __future__ import annotations

import contextlib
import json

import pytest

from budwood import Client
from budwood.contracts import PluginContext
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.types import ChatRequest, HTTPReply, Message, ModelRules, ReplyHead
from budwood_gemini import Gemini, GeminiSettings
from budwood_testing import FakeClock

SECRET = "AIza-very-secret"


@pytest.fixture
def gemini(tmp_path):
    """
    Create a provider with the test's own rules.
    """

    def make(rules=None, **settings):
        context = PluginContext(
            instance="gemini",
            rules=lambda _model: rules or ModelRules(),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        return Gemini(GeminiSettings(**settings), context)

    return make


@pytest.fixture
def encode(gemini):
    """
    Encode a request; return its body and the parameters of its adaptations.
    """

    def encode_request(*messages, rules=None, settings=None, **fields):
        request = ChatRequest(model="gemini-9", messages=messages or (Message.user("Hello"),), **fields)
        call = gemini(rules, **(settings or {})).encode(request, stream=False)
        return json.loads(call.body), [(adaptation.parameter, adaptation.action) for adaptation in call.adaptations]

    return encode_request


@pytest.fixture
def read(gemini):
    """
    Decode a complete reply of these candidates.
    """

    def decode(*candidates, **fields):
        body = json.dumps({"candidates": list(candidates), "responseId": "r1", **fields}).encode()
        return gemini().decode(REQUEST, HTTPReply(ReplyHead(200, {}), body))

    return decode


@pytest.fixture
def streamed(gemini):
    """
    Decode a stream of these chunks, and assemble the response.
    """

    def decode(*chunks):
        builder = ResponseBuilder()
        decoder = gemini().decoder(REQUEST, ReplyHead(200, {}))
        for chunk in chunks:
            builder.add(decoder.feed(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"))
        builder.add(decoder.close())
        return builder.build()

    return decode


@pytest.fixture
def client_of(scripted, clock):
    """
    Create a blocking client of a model over the scripted transport.
    """
    with contextlib.ExitStack() as clients:

        def make(model, **options):
            fixed = {"api_key": SECRET, "transport": scripted, "clock": clock, "cache": False}
            return clients.enter_context(Client(f"gemini/{model}", **fixed, **options))

        yield make


@pytest.fixture
def client(scripted, clock):
    """
    A blocking client of a model with thinking levels, over the scripted transport.
    """
    with Client("gemini/gemini-3-flash", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
        yield client


REQUEST = ChatRequest(model="gemini-9", messages=(Message.user("Hello"),))
