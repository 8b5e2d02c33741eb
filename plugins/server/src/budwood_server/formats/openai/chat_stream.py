"""
Encode the chunks of a streamed reply to Chat Completions.

Source: OpenAI's API description, ``CreateChatCompletionStreamResponse``.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from budwood.types import (
    OUTPUT_TOOL,
    AudioPart,
    Finished,
    ImagePart,
    MediaClosed,
    MediaDelta,
    ReasoningDelta,
    RefusalDelta,
    ResponseMetadata,
    ResponseStarted,
    Restarted,
    TextDelta,
    ToolCallClosed,
    ToolCallDelta,
    VendorContent,
)
from budwood_server.formats.errors import encode_openai
from budwood_server.formats.openai.chat_values import (
    CHOICE_FIELDS,
    FINISH_REASONS,
    encode_image,
    encode_usage,
    list_call_fields,
    make_id,
)
from budwood_server.formats.openai.events import DONE
from budwood_server.gateway.reply_headers import describe_end
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood.types import ChatResponse, StreamEvent
    from budwood_server.formats.openai.chat_request import ChatCall
    from budwood_server.gateway.plan import CallPlan

_TEXT_END: Final = b'},"finish_reason":null}]}\n\n'
_IN_HEAD: Final = frozenset({"service_tier", "system_fingerprint"})


class ChatStreamEncoder:
    """
    Encodes the events of one reply.

    The chunks that finish the choices are sent at the end, because they carry what is known only then.

    Args:
        plan: The plan of the call.
        call: The request.
    """

    def __init__(self, plan: CallPlan, call: ChatCall) -> None:
        self._plan = plan
        self._call = call
        self._fields: dict[str, Any] = {
            "id": None,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": plan.model,
        }
        self._metadata: dict[str, Any] = {}
        self._head = b""
        self._text_heads: dict[int, bytes] = {}
        self._calls: dict[tuple[int, int], _Call] = {}
        self._finished: dict[int, str] = {}

    def start(self) -> bytes:
        """Return the chunk with the role of the first choice."""
        return self._start_choice(0) if 0 not in self._text_heads else b""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the chunks for events that arrived together."""
        chunks = []
        for event in events:
            if type(event) is TextDelta:
                head = self._text_heads.get(event.choice)
                if head is None:
                    chunks.append(self._start_choice(event.choice))
                    head = self._text_heads[event.choice]
                chunks += (head, to_json(event.text), _TEXT_END)
            elif (method := _METHODS.get(type(event))) is not None:
                chunks.append(getattr(self, method)(event))
        return b"".join(chunks)

    def finish(self, response: ChatResponse) -> bytes:
        """Return the chunks that finish the choices, and usage if the client has asked for it."""
        end = describe_end(response, self._plan.adaptations)
        chunks = [self._finish_choice(index, reason) for index, reason in sorted(self._finished.items())]
        if self._call.include_usage:
            chunks.append({"choices": [], "usage": encode_usage(response.usage)})
        if not chunks:
            chunks.append({"choices": []})
        chunks[-1]["budwood"] = end
        return b"".join([*(self._encode_chunk(chunk) for chunk in chunks), DONE])

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Return the error that ends the stream."""
        return b"data: " + to_json(encode_openai(problem, request_id)) + b"\n\n"

    def _encode_chunk(self, fields: dict[str, Any]) -> bytes:
        return b"data: " + to_json(self._fields | fields, inf_nan_mode="null") + b"\n\n"

    def _encode_delta(self, delta: Mapping[str, Any], choice: int) -> bytes:
        start = self._start_choice(choice) if choice not in self._text_heads else b""
        return start + self._encode_chunk({"choices": [{"index": choice, "delta": delta, "finish_reason": None}]})

    def _start_choice(self, choice: int) -> bytes:
        if self._fields["id"] is None:
            self._fields["id"] = make_id()
        self._text_heads[choice] = self._make_text_head(choice)
        return self._encode_delta({"role": "assistant", "content": ""}, choice)

    def _make_text_head(self, choice: int) -> bytes:
        """Return the beginning of a chunk with text, which is the same for all of a choice."""
        chunk = self._encode_chunk({"choices": [{"index": choice, "delta": {"content": ""}}]})
        return chunk.removesuffix(b'""}}]}\n\n')

    def _finish_choice(self, index: int, reason: str) -> dict[str, Any]:
        choice = {"index": index, "delta": {}, "finish_reason": reason}
        if index == 0:
            choice |= {name: value for name, value in self._metadata.items() if name in CHOICE_FIELDS}
        further = {name: value for name, value in self._metadata.items() if name not in CHOICE_FIELDS}
        return {"choices": [choice], **(further if index == 0 else {})}

    def _add_start(self, event: ResponseStarted) -> bytes:
        if event.model:
            self._fields["model"] = event.model
        if event.id and self._fields["id"] is None:
            self._fields["id"] = event.id
        return self._refresh()

    def _add_metadata(self, event: ResponseMetadata) -> bytes:
        for name, value in event.data.items():
            target = self._fields if name in _IN_HEAD else self._metadata
            target[name] = value
        return self._refresh() if not _IN_HEAD.isdisjoint(event.data) else b""

    def _refresh(self) -> bytes:
        for choice in self._text_heads:
            self._text_heads[choice] = self._make_text_head(choice)
        return b""

    def _add_reasoning(self, event: ReasoningDelta) -> bytes:
        return self._encode_delta({"reasoning_content": event.text}, event.choice)

    def _add_refusal(self, event: RefusalDelta) -> bytes:
        return self._encode_delta({"refusal": event.text}, event.choice)

    def _add_call(self, event: ToolCallDelta) -> bytes:
        key = (event.choice, event.index)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(self._find_form(event.name), self._count_calls(event.choice))
        return self._encode_deltas(call.add(event.id, event.name, event.arguments), event.choice)

    def _close_call(self, event: ToolCallClosed) -> bytes:
        key = (event.choice, event.index)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(self._find_form(event.part.name), self._count_calls(event.choice))
        part = event.part
        return self._encode_deltas(call.close(part.id, part.name, part.arguments, list_call_fields(part)), event.choice)

    def _encode_deltas(self, deltas: Iterable[Mapping[str, Any]], choice: int) -> bytes:
        return b"".join([self._encode_delta(delta, choice) for delta in deltas])

    def _find_form(self, name: str | None) -> str:
        name = name or ""
        if name in self._call.custom_tools:
            return "custom"
        if name.partition("<|")[0] == OUTPUT_TOOL:  # some models append a special token
            return "output"
        return "function_call" if self._call.has_functions else "function"

    def _count_calls(self, choice: int) -> int:
        return sum(call.form != "output" for (of, _), call in self._calls.items() if of == choice)

    def _add_audio(self, event: MediaDelta) -> bytes:
        audio: dict[str, Any] = {"data": base64.b64encode(event.data).decode()} if event.data else {}
        if event.transcript:
            audio["transcript"] = event.transcript
        return self._encode_delta({"audio": audio}, event.choice)

    def _close_media(self, event: MediaClosed) -> bytes:
        part = event.part
        if isinstance(part, ImagePart):
            return self._encode_delta({"images": [{"index": event.index, **encode_image(part)}]}, event.choice)
        if isinstance(part, AudioPart) and isinstance(part.vendor_data, dict):
            return self._encode_delta({"audio": part.vendor_data}, event.choice)
        return b""

    def _add_content(self, event: VendorContent) -> bytes:
        """Pass on a field of a delta of the same API. Parts and items, which have a type, belong to other forms."""
        data = event.part.data
        if self._plan.api != "openai" or (isinstance(data, dict) and "type" in data):
            return b""
        return self._encode_delta({event.part.kind: data}, event.choice)

    def _add_finish(self, event: Finished) -> bytes:
        forms = {call.form for (choice, _), call in self._calls.items() if choice == event.choice}
        reason = FINISH_REASONS[event.reason]
        if reason == "tool_calls" and forms == {"output"}:
            reason = "stop"
        elif reason == "tool_calls" and "function_call" in forms:
            reason = "function_call"
        self._finished[event.choice] = reason
        return self._start_choice(event.choice) if event.choice not in self._text_heads else b""

    def _restart(self, event: Restarted) -> bytes:
        raise ProblemError(
            Problem(
                status=502,
                message=f"The reply would have to start again: {event.reason}.",
                type="server_error",
                code="stream_interrupted",
                hint="Retry the request.",
            )
        )


class _Call:
    """
    A tool call of which fragments are sent.

    Args:
        form: How it is sent: ``"function"``, ``"custom"``, ``"function_call"``, or ``"output"`` for structured output,
            which is the text of the reply.
        index: Its number among the calls of its choice.
    """

    def __init__(self, form: str, index: int) -> None:
        self.form = form
        self._index = index
        self._name = ""
        self._waiting = ""
        self._has_arguments = False

    def add(self, call_id: str | None, name: str | None, arguments: str) -> Iterator[dict[str, Any]]:
        """Yield the deltas for a fragment. Arguments wait for the name, and a call without an id gets one."""
        if name and not self._name:
            yield from self._start(call_id or make_id("call"), name)
            arguments, self._waiting = self._waiting + arguments, ""
        elif name and name.startswith(self._name) and name != self._name:  # clients join parts of the name
            yield from self._encode({"name": name.removeprefix(self._name)})
            self._name = name
        if not self._name:
            self._waiting += arguments
        elif arguments:
            self._has_arguments = True
            yield from self._encode({"input" if self.form == "custom" else "arguments": arguments})

    def close(self, call_id: str, name: str, arguments: str, further: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the deltas for what was not sent yet."""
        self._waiting = ""
        yield from self.add(call_id, name, "" if self._has_arguments else arguments)
        if further and self.form == "function":
            yield {"tool_calls": [{"index": self._index, **further}]}

    def _start(self, call_id: str, name: str) -> Iterator[dict[str, Any]]:
        self._name = name
        if self.form == "custom":
            yield from self._encode({"name": name, "input": ""}, id=call_id, type="custom")
        elif self.form == "function":
            yield from self._encode({"name": name, "arguments": ""}, id=call_id, type="function")
        else:
            yield from self._encode({"name": name, "arguments": ""})

    def _encode(self, inner: dict[str, str], **fields: str) -> Iterator[dict[str, Any]]:
        if self.form == "output":
            if inner.get("arguments"):
                yield {"content": inner["arguments"]}
        elif self.form == "function_call":
            yield {"function_call": inner}
        else:
            yield {"tool_calls": [{"index": self._index, **fields, self.form: inner}]}


_METHODS: Final[Mapping[type, str]] = {
    Finished: "_add_finish",
    MediaClosed: "_close_media",
    MediaDelta: "_add_audio",
    ReasoningDelta: "_add_reasoning",
    RefusalDelta: "_add_refusal",
    ResponseMetadata: "_add_metadata",
    ResponseStarted: "_add_start",
    Restarted: "_restart",
    ToolCallClosed: "_close_call",
    ToolCallDelta: "_add_call",
    VendorContent: "_add_content",
}
"""The methods that encode events. Others have no equivalent: usage is known at the end, and no tools run here."""
