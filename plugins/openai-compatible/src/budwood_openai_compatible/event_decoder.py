"""The base of the stream decoders of both APIs: server-sent events that contain JSON objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from budwood.errors import ProviderError
from budwood.providing import BaseStreamDecoder, make_events
from budwood.types import ChatResponse, HTTPReply, ReplyHead
from budwood.wire import ServerSentEvent, SSEDecoder

DecodeBody = Callable[[HTTPReply], ChatResponse]
"""Decodes a complete reply."""

ConvertError = Callable[[Mapping[str, Any]], ProviderError]
"""Converts a chunk that contains an error into an exception."""


class JSONEventDecoder(BaseStreamDecoder[ServerSentEvent]):
    """
    Decodes one streamed reply.

    Args:
        head: Status and headers of the reply.
        vendor: The provider to which vendor parts are attributed.
        decode_body: Decodes a complete reply, which some servers send in response to a streaming request.
        convert_error: Converts an error inside the stream.
    """

    def __init__(self, head: ReplyHead, *, vendor: str, decode_body: DecodeBody, convert_error: ConvertError) -> None:
        super().__init__(head, SSEDecoder(), decode_body=lambda reply: make_events(decode_body(reply)))
        self._vendor = vendor
        self._convert_error = convert_error
