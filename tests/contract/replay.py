"""Decode recorded replies with a provider, complete or split into chunks."""

from __future__ import annotations

import random

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.errors import ProviderError
from budwood.types import ChatRequest, Message, ReplyHead

REQUEST = ChatRequest(model="recorded", messages=(Message.user("Hello"),))


def parse_head(response):
    """
    Return the head of a recorded reply, as a transport would.
    """
    return ReplyHead(response.status, {name: values[-1] for name, values in response.replay_headers.items()})


def is_stream(response):
    """
    Return whether a recorded reply is a stream, whatever its headers are.
    """
    return response.body.lstrip().startswith((b"data:", b"event:"))


def decode_stream(decoder, chunks):
    """
    Decode a complete stream.
    """
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.close()]


def decode_to_end(decoder, chunks):
    """
    Return the events of a stream and, at the end, the error that it raises, in a form that can be compared.
    """
    events = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
        events += decoder.close()
    except ProviderError as error:
        events.append((type(error), error.message, error.status, error.code, error.retryable))
    return events


def build(events):
    """
    Build the response of events.
    """
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def split(body, seed):
    """
    Split bytes at random places, some into single bytes.
    """
    chance = random.Random(seed)
    chunks = []
    while body:
        length = chance.choice((1, 2, 7, 64, 1000, 9000))
        chunks.append(body[:length])
        body = body[length:]
    return chunks


def assert_quotes(error, response):
    """
    Check that an error has the vendor's message, code and parameter.
    """
    recorded = response.json()["error"]
    recorded = {"message": recorded} if isinstance(recorded, str) else recorded
    assert " ".join(recorded["message"].split())[:400] in str(error)
    assert error.code == (recorded.get("code") or recorded.get("type"))
    assert error.param == recorded.get("param")
    if "x-request-id" in response.headers:
        assert error.request_id == response.headers["x-request-id"][-1]
