"""Play recorded replies through a provider, whole or cut into pieces."""

from __future__ import annotations

import random

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.errors import ProviderError
from budwood.types import ChatRequest, Message, ReplyHead

REQUEST = ChatRequest(model="recorded", messages=(Message.user("Hello"),))


def parse_head(response):
    """
    Make the head of a recorded reply, as a transport would hand it over.
    """
    return ReplyHead(response.status, {name: values[-1] for name, values in response.replay_headers.items()})


def is_stream(response):
    """
    Whether a recorded reply is a stream, whatever its headers call it.
    """
    return response.body.lstrip().startswith((b"data:", b"event:"))


def play(decoder, pieces):
    """
    Decode a stream that is complete.
    """
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def played_out(decoder, pieces):
    """
    List the events of a stream, and as the last one the error with which it ended, in a form that can be compared.
    """
    events = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.close()
    except ProviderError as error:
        events.append((type(error), error.message, error.status, error.code, error.retryable))
    return events


def built(events):
    """
    Put the response together.
    """
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def cut(body, seed):
    """
    Cut bytes into pieces at random places, some of them one byte long.
    """
    chance = random.Random(seed)
    pieces = []
    while body:
        length = chance.choice((1, 2, 7, 64, 1000, 9000))
        pieces.append(body[:length])
        body = body[length:]
    return pieces


def assert_says(error, response):
    """
    Find the vendor's words in an error.
    """
    said = response.json()["error"]
    said = {"message": said} if isinstance(said, str) else said
    assert " ".join(said["message"].split())[:400] in str(error)
    assert error.code == (said.get("code") or said.get("type"))
    assert error.param == said.get("param")
    if "x-request-id" in response.headers:
        assert error.request_id == response.headers["x-request-id"][-1]
