"""Helpers for tests in which a vendor's SDK and Budwood send equal requests for media, files and jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from email import message_from_bytes, policy
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from budwood import Client
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood_testing import FakeClock
from tests.servers import EVENT_STREAM, reply

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000b4944415418576360000200000500"
    "01aad5c8510000000049454e44ae426082"
)
WAVE = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\xc0\x5d\0\0\x80\xbb\0\0\2\0\x10\0data\2\0\0\0\1\0"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF"


class Field(NamedTuple):
    """
    A field of a form; those without a file have neither name nor type of a file.
    """

    name: str
    filename: str | None
    content_type: str | None
    content: bytes


class Sent(NamedTuple):
    """
    What a request asks for.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any


def make_client(**providers):
    """
    Create a client with settings for providers, without settings of the user. It does not wait between polls.
    """
    settings = Settings(Source("arguments", {"providers": providers}))
    return Client(settings=settings, clock=FakeClock(), cache=False, retries=0)


def parse_sent(request):
    """
    Parse a received request. The order of fields in a form does not matter.
    """
    method, target, _ = request.line.split(" ")
    url = urlsplit(target)
    return Sent(method, url.path, sorted(parse_qsl(url.query)), _parse_body(request))


def _parse_body(request):
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/"):
        head = f"content-type: {content_type}\r\n\r\n".encode()
        message = message_from_bytes(head + request.body, policy=policy.HTTP)
        return sorted(map(_parse_field, message.iter_parts()), key=lambda field: field.name)
    if content_type.startswith("application/x-www-form-urlencoded"):
        fields = [Field(name, None, None, value.encode()) for name, value in parse_qsl(request.body.decode())]
        return sorted(fields, key=lambda field: field.name)
    if content_type.startswith("application/json") and request.body:
        return request.json
    return request.body


def _parse_field(part):
    filename = part.get_param("filename", header="content-disposition")
    filename = filename[2] if isinstance(filename, tuple) else filename
    name = part.get_param("name", header="content-disposition")
    content_type = part.get_content_type() if filename is not None else None
    return Field(name, filename, content_type, part.get_payload(decode=True))


class Comparison:
    """
    Runs two functions against equal replies of a local server.

    Args:
        server: The server.
        normalize: Removes what may differ from a request.
    """

    def __init__(self, server, *, normalize=lambda sent: sent) -> None:
        self._server = server
        self._normalize = normalize

    def run(self, function, *replies):
        """
        Run a function against replies; return its result, and what it sent.
        """
        self._server.clear_replies()
        self._server.requests.clear()
        for one in replies:
            self._server.play(one)
        result = function()
        return result, [self._normalize(parse_sent(request)) for request in self._server.requests]

    def __call__(self, theirs, ours, *replies):
        """
        Check that both functions send equal requests, and return their results.
        """
        expected, expected_requests = self.run(theirs, *replies)
        result, requests = self.run(ours, *replies)
        assert requests == expected_requests, f"{requests}\nexpected: {expected_requests}"
        return expected, result


def json_reply(payload, **headers):
    """
    Return a reply in JSON.
    """
    return reply(200, json.dumps(payload), content_type="application/json", **headers)


def text_of(result):
    """
    Return the text of a reply in a batch; the message of an error in its place.
    """
    return repr(result) if isinstance(result, Exception) else result.text


def event_reply(events: Iterable[dict[str, Any]], *, named=True, end=b"data: [DONE]\n\n"):
    """
    Return a reply of events; ``named`` ones begin with their type.
    """
    lines = [
        (f"event: {event['type']}\n" if named else "").encode() + b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    ]
    return reply(200, b"".join(lines) + end, **EVENT_STREAM)
