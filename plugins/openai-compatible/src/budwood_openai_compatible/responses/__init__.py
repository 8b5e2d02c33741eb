"""The codec of OpenAI's Responses API."""

from budwood_openai_compatible.responses.api_choice import Api, choose_api
from budwood_openai_compatible.responses.decoding import decode_response
from budwood_openai_compatible.responses.encoding import COUNTED_FIELDS, encode_response
from budwood_openai_compatible.responses.stream_decoder import ResponsesStreamDecoder

__all__ = [
    "COUNTED_FIELDS",
    "Api",
    "ResponsesStreamDecoder",
    "choose_api",
    "decode_response",
    "encode_response",
]
