"""HTTP without I/O, and the transports that do the I/O."""

from budwood.wire.lines import MAX_LINE_BYTES, LineBuffer
from budwood.wire.ndjson import NDJSONDecoder
from budwood.wire.sse import ServerSentEvent, SSEDecoder

__all__ = ["MAX_LINE_BYTES", "LineBuffer", "NDJSONDecoder", "SSEDecoder", "ServerSentEvent"]
