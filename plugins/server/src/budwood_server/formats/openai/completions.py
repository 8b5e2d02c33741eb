"""
Requests for plain completions, and the replies.

A model that only chats gets the prompt as a message of the user.

Source: OpenAI's API description, ``CreateCompletionRequest`` and ``CreateCompletionResponse``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic_core import to_json

from budwood.types import Finished, ResponseStarted, TextDelta
from budwood_server.formats.errors import encode_openai
from budwood_server.formats.openai.chat_values import FINISH_REASONS, encode_usage, make_id
from budwood_server.formats.openai.events import DONE
from budwood_server.formats.openai.foreign_fields import is_default, translate_field
from budwood_server.formats.openai.options import COMPLETION_OPTIONS
from budwood_server.formats.openai.text_prompts import read_input
from budwood_server.gateway.plan import add_tags
from budwood_server.gateway.reply_headers import describe_end
from budwood_server.web.problems import reject, reject_unsupported

if TYPE_CHECKING:
    from budwood.types import ChatResponse, StreamEvent
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.web.problems import Problem

_START: Final = "<|endoftext|>"
"""The prompt of a request without one, as OpenAI documents it."""

_READ_APART: Final = frozenset({"prompt", "stream", "stream_options", "echo"})
_CHANGES_FORM: Final[Mapping[str, tuple[object, ...]]] = {
    "best_of": (None, 1),
    "logprobs": (None,),
    "n": (None, 1),
    "suffix": (None, ""),
}
"""Fields without an equivalent in a chat, and their values that ask for nothing."""


class CompletionCall(NamedTuple):
    """
    A request for a completion, as the core takes it.

    Attributes:
        prompt: The prompt.
        options: The options of the call.
        is_chat: Whether the model only chats.
        is_streamed: Whether the reply is streamed.
        include_usage: Whether the stream ends with usage.
        echo: The text that is put before the reply of a chat.
    """

    prompt: str
    options: dict[str, Any]
    is_chat: bool = False
    is_streamed: bool = False
    include_usage: bool = False
    echo: str = ""


def read_completion(body: dict[str, Any], plan: CallPlan, *, is_chat: bool) -> CompletionCall:
    """
    Read the body of a request, without ``model`` and ``budwood``.

    Args:
        body: The body.
        plan: The plan of the call.
        is_chat: Whether the model only chats.

    Raises:
        ProblemError: A field is not valid, or cannot be translated for the model.
    """
    is_native = plan.api == "openai" and not is_chat
    given = read_input(_START if body.get("prompt") is None else body["prompt"], "prompt")
    extra: dict[str, Any] = {}
    if len(given.texts) > 1 or not given.is_plain:
        if not is_native:
            raise reject_unsupported("prompt", "the model takes one text", hint="Send a request for each prompt.")
        extra["prompt"] = body["prompt"]
    for name, value in body.items():
        if name not in _READ_APART:
            _add(name, value, plan, extra, is_native=is_native)
    is_streamed, stream_options = body.get("stream") or False, body.get("stream_options") or {}
    if not isinstance(is_streamed, bool) or not isinstance(stream_options, dict):
        raise reject("The field 'stream' must be true or false, and 'stream_options' an object.", param="stream")
    if is_native and "echo" in body:
        extra["echo"] = body["echo"]
    if extra:
        plan.options["extra"] = extra
    prompt = "\n".join(given.texts)
    echo = prompt if body.get("echo") and not is_native else ""
    if not prompt.strip():
        prompt = to_json(body.get("prompt")).decode()  # the vendor gets it as it is
    return CompletionCall(prompt, plan.options, is_chat, is_streamed, bool(stream_options.get("include_usage")), echo)


def _add(name: str, value: object, plan: CallPlan, extra: dict[str, Any], *, is_native: bool) -> None:
    option = COMPLETION_OPTIONS.get(name)
    if name == "user":
        add_tags(plan, name, value)
    if option is not None and option.accepts(value):
        plan.options[option.name] = value
    elif is_native:
        extra[name] = value
    elif option is not None:
        if value is not None and value != []:
            raise reject(f"The field {name!r} must be {option.expected}.", param=name)
    elif name in _CHANGES_FORM:
        if value not in _CHANGES_FORM[name]:
            raise reject_unsupported(name, "the model only chats", hint="Choose a model for plain completions.")
    elif not is_default(name, value):
        extra |= translate_field(name, value, plan)


def encode_completion(response: ChatResponse, model: str, echo: str = "") -> dict[str, Any]:
    """
    Return the body of a reply.

    Args:
        response: The reply.
        model: The model if the vendor does not report it.
        echo: What is put before its text.
    """
    raw: dict[str, Any] = response.raw if isinstance(response.raw, dict) else {}
    messages = (response.message, *response.alternatives)
    rows: list[Any] = raw.get("choices", []) if raw.get("object") == "text_completion" else []
    rows = rows if len(rows) == len(messages) else [{}] * len(messages)
    choices = [
        {
            "text": echo + message.text,
            "index": index,
            "logprobs": row.get("logprobs"),
            "finish_reason": row.get("finish_reason") or _name_reason(response),
        }
        for index, (message, row) in enumerate(zip(messages, rows, strict=True))
    ]
    created = raw.get("created")
    return {
        "id": make_id("cmpl") if response.id is None or response.cached else response.id,
        "object": "text_completion",
        "created": created if type(created) is int else int(time.time()),
        "model": response.model or model,
        "choices": choices,
        "usage": encode_usage(response.usage),
        **({"system_fingerprint": raw["system_fingerprint"]} if raw.get("system_fingerprint") else {}),
    }


def _name_reason(response: ChatResponse) -> str:
    reason = FINISH_REASONS[response.finish_reason]
    return "stop" if reason == "tool_calls" else reason


class CompletionStreamEncoder:
    """
    Encodes the events of one streamed completion.

    Args:
        plan: The plan of the call.
        call: The request.
    """

    def __init__(self, plan: CallPlan, call: CompletionCall) -> None:
        self._plan = plan
        self._call = call
        self._fields: dict[str, Any] = {
            "id": make_id("cmpl"),
            "object": "text_completion",
            "created": int(time.time()),
            "model": plan.model,
        }
        self._finished: dict[int, str] = {}

    def start(self) -> bytes:
        """Return the prompt if it is a part of the reply."""
        return self._encode_text(self._call.echo, 0) if self._call.echo else b""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the chunks for events that arrived together."""
        chunks = []
        for event in events:
            match event:
                case TextDelta(text=text, choice=choice):
                    chunks.append(self._encode_text(text, choice))
                case ResponseStarted(id=identity, model=model):
                    self._fields["id"] = identity or self._fields["id"]
                    self._fields["model"] = model or self._fields["model"]
                case Finished(reason=reason, choice=choice):
                    self._finished[choice] = FINISH_REASONS[reason]
                case _:
                    pass
        return b"".join(chunks)

    def finish(self, response: ChatResponse) -> bytes:
        """Return the chunks that finish the choices, and usage if the client has asked for it."""
        chunks: list[dict[str, Any]] = [
            {"choices": [{"text": "", "index": index, "logprobs": None, "finish_reason": reason}]}
            for index, reason in sorted(self._finished.items())
        ]
        if logprobs := response.metadata.get("logprobs"):
            chunks[0]["choices"][0]["logprobs"] = logprobs
        if self._call.include_usage:
            chunks.append({"choices": [], "usage": encode_usage(response.usage)})
        chunks[-1]["budwood"] = describe_end(response, self._plan.adaptations)
        return b"".join([*map(self._encode_chunk, chunks), DONE])

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Return the error that ends the stream."""
        return b"data: " + to_json(encode_openai(problem, request_id)) + b"\n\n"

    def _encode_text(self, text: str, choice: int) -> bytes:
        row = {"text": text, "index": choice, "logprobs": None, "finish_reason": None}
        return self._encode_chunk({"choices": [row]})

    def _encode_chunk(self, fields: dict[str, Any]) -> bytes:
        return b"data: " + to_json(self._fields | fields, inf_nan_mode="null") + b"\n\n"
