"""What the streams of both APIs have in common: server-sent events that hold JSON objects, or no stream at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from budwood.errors import ProviderError
from budwood.providing import BaseStreamDecoder, make_events
from budwood.types import ChatResponse, HTTPReply, ReplyHead
from budwood.wire import ServerSentEvent, SSEDecoder

DecodeBody = Callable[[HTTPReply], ChatResponse]
"""Reads a whole reply."""

Failure = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error of a chunk that holds one."""


class JSONEventDecoder(BaseStreamDecoder[ServerSentEvent]):
    """
    Decodes one streamed reply, however its bytes are cut.

    Args:
        head: The reply's head.
        vendor: The plugin's name, for vendor parts.
        decode_body: Reads what a server sends that answers a request for a stream with a whole reply, as some do.
        failure: Makes the error of an error inside the stream.
    """

    def __init__(self, head: ReplyHead, *, vendor: str, decode_body: DecodeBody, failure: Failure) -> None:
        super().__init__(head, SSEDecoder(), decode_body=lambda reply: make_events(decode_body(reply)))
        self._vendor = vendor
        self._failure = failure
