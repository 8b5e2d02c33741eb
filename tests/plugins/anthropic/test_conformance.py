"""Conformance tests of Anthropic's plugin."""

import json
from typing import ClassVar

from budwood_testing import ProviderSuite, WireExamples, WireReply, server_sent

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}


class AnthropicExamples(WireExamples):
    request_id_header = "request-id"
    rate_limit_headers: ClassVar = {"anthropic-ratelimit-requests-remaining": "9"}
    absent = frozenset({"content_filter_error"})
    reply_id = "msg_1"
    reply_model = "claude"
    counts = frozenset({"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"})
    finish_reasons: ClassVar = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "refusal",
        "pause_turn": "other",
    }

    def reply(self, text, usage, finish="stop"):
        """
        A message of one text.
        """
        return message([{"type": "text", "text": text}], usage, finish)

    def stream(self, chunks, usage, finish="stop"):
        """
        A text in several deltas.
        """
        deltas = [{"type": "text_delta", "text": chunk} for chunk in chunks]
        return stream_events([({"type": "text", "text": ""}, deltas)], usage, finish)

    def error(self, status, message):
        """
        An error of the type that belongs to the status.
        """
        kinds = {
            401: "authentication_error",
            403: "permission_error",
            404: "not_found_error",
            429: "rate_limit_error",
            503: "overloaded_error",
            529: "overloaded_error",
        }
        kind = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}

    def tool_calls(self, calls):
        """
        Tool use blocks.
        """
        blocks = [{"type": "tool_use", "id": one.id, "name": one.name, "input": one.parse_arguments()} for one in calls]
        return message(blocks, None, "tool_calls")

    def tool_call_stream(self, calls):
        """
        Tool use blocks with several deltas of input.
        """
        blocks = [
            (
                {"type": "tool_use", "id": one.id, "name": one.name, "input": {}},
                [
                    {"type": "input_json_delta", "partial_json": one.arguments[place : place + 9]}
                    for place in range(0, len(one.arguments), 9)
                ],
            )
            for one in calls
        ]
        return stream_events(blocks, None, "tool_calls")

    def reasoning(self, thought, text):
        """
        A block of thinking before the text.
        """
        thinking = {"type": "thinking", "thinking": thought, "signature": "signed"}
        return message([thinking, {"type": "text", "text": text}], None, "stop")

    def reasoning_stream(self, thought, text):
        """
        Both, in several deltas.
        """
        thinking = [{"type": "thinking_delta", "thinking": thought}, {"type": "signature_delta", "signature": "signed"}]
        blocks = [
            ({"type": "thinking", "thinking": "", "signature": ""}, thinking),
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]),
        ]
        return stream_events(blocks, None, "stop")

    def refusal(self, text):
        """
        A text that the model interrupted.
        """
        return message([{"type": "text", "text": text}], None, "refusal")

    def error_with_status_200(self, message):
        """
        Gateways send one with 200.
        """
        return self.error(500, message)

    def stream_error(self, chunks, message):
        """
        An event named `error`.
        """
        return [*self.stream(chunks, None)[: 2 + len(chunks)], *server_sent(self.error(529, message), name="error")]

    def other_stream_errors(self, chunks, message):
        """
        An envelope without its type, and an event that is an error only by its name.
        """
        partial = self.stream(chunks, None)[: 2 + len(chunks)]
        error = {"type": "api_error", "message": message}
        return [
            [*partial, *server_sent({"error": error})],
            [*partial, *server_sent({"message": message}, name="error")],
        ]

    def reply_with_finish_reason(self, word):
        """
        A message with any reason.
        """
        return message([{"type": "text", "text": "Hello."}], None, word)

    def stream_with_finish_reason(self, word):
        """
        The same as a stream.
        """
        return stream_events([({"type": "text", "text": "Hello."}, [])], None, word)

    def vendor_content(self, text):
        """
        A tool that the vendor runs, and its result.
        """
        return message([*server_tool(text), {"type": "text", "text": "Hello."}], None, "stop")

    def vendor_content_stream(self, text):
        """
        The same as a stream.
        """
        blocks = [*server_tool(text), {"type": "text", "text": "Hello."}]
        return stream_events([(block, []) for block in blocks], None, "stop")

    def signed_reasoning(self, signature):
        """
        Thinking with its signature.
        """
        thinking = {"type": "thinking", "thinking": "Hm.", "signature": signature}
        return message([thinking, {"type": "text", "text": "Hello."}], None, "stop")

    def signed_reasoning_stream(self, signature):
        """
        The signature comes last.
        """
        deltas = [{"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": signature}]
        blocks = [
            ({"type": "thinking", "thinking": "", "signature": ""}, deltas),
            ({"type": "text", "text": "Hello."}, []),
        ]
        return stream_events(blocks, None, "stop")

    def signed_tool_calls(self, calls, signature):
        """
        A call by code, whose caller the API requires back.
        """
        blocks = self.tool_calls(calls)["content"]
        blocks[0]["caller"] = {"type": "code_execution_20250825", "tool_id": signature}
        return message(blocks, None, "tool_calls")

    def signed_tool_calls_stream(self, calls, signature):
        """
        The same as a stream.
        """
        return stream_events(
            [(block, []) for block in self.signed_tool_calls(calls, signature)["content"]], None, "tool_calls"
        )

    def unsupported_parameter(self, parameter):
        """
        The error of a model that reasons.
        """
        return WireReply(status=400, body=self.error(400, f"`{parameter}` is not supported for this model."))

    def ignored_events(self):
        """
        A ping, and an unknown event.
        """
        return [*server_sent({"type": "ping"}, name="ping"), *server_sent({"type": "of_a_later_kind"}, name="later")]

    def models(self, names):
        """
        A page of the list.
        """
        return {"data": [{"type": "model", "id": name} for name in names], "has_more": False}

    def token_count(self, tokens):
        """
        The count of input tokens.
        """
        return {"input_tokens": tokens}

    def files(self, method, files):
        """
        Files; the list has a page for each.
        """
        rows = [file_row(file) for file in files]
        match method:
            case "list_files":
                return [{"data": [row], "next_page": None if row is rows[-1] else row["id"]} for row in rows]
            case "delete_file":
                return [{"id": files[0].id, "type": "file_deleted"}]
            case "download_file":
                return [WireReply(body=b"content")]
            case _:
                return rows[:1]

    def job(self, method, state):
        """
        A batch, which never fails as a whole.
        """
        if state.status == "failed":
            return None
        counts = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        if state.status in ("succeeded", "cancelled"):
            counts[{"cancelled": "canceled"}.get(state.status, state.status)] = 2
        ended = "ended" if state.status in ("succeeded", "cancelled") else "in_progress"
        body = {"id": state.id, "type": "message_batch", "processing_status": ended, "request_counts": counts}
        return [body]

    def job_result(self, method, job, content):
        """
        The lines of a batch.
        """
        return [WireReply(body=content, headers={"content-type": "application/binary"})]

    def batch_line(self, line_id, body):
        """
        A line with a message, or of a request that expired.
        """
        result = {"type": "expired"} if body is None else {"type": "succeeded", "message": body}
        return json.dumps({"custom_id": line_id, "result": result}).encode()


def message(content, usage, finish):
    """
    Create a complete message.
    """
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content}
    body |= {"stop_reason": STOP_REASONS.get(finish, finish), "stop_sequence": None}
    return body if usage is None else {**body, "usage": {**create_input_counts(usage), **create_output_counts(usage)}}


def create_input_counts(usage):
    """
    Create input counts, in which cached tokens are separate.
    """
    read, encoded = usage.cache_read_tokens, usage.cache_write_tokens
    cached = {"cache_read_input_tokens": read, "cache_creation_input_tokens": encoded}
    return {"input_tokens": usage.input_tokens - (read or 0) - (encoded or 0)} | drop_unknown_counts(cached)


def file_row(file):
    """
    Create what Anthropic knows of a file.
    """
    row = {"id": file.id, "type": "file", "filename": file.name, "size_bytes": file.size, "mime_type": file.media_type}
    return row | {"created_at": "2026-03-04T05:06:07Z"}


def create_output_counts(usage):
    """
    Create output counts, which include thinking.
    """
    thought = drop_unknown_counts({"thinking_tokens": usage.reasoning_tokens})
    return {"output_tokens": usage.output_tokens} | ({"output_tokens_details": thought} if thought else {})


def drop_unknown_counts(counts):
    """
    Remove unknown counts.
    """
    return {name: count for name, count in counts.items() if count is not None}


def server_tool(name):
    """
    Create the blocks of a tool that runs at the vendor.
    """
    return [
        {"type": "server_tool_use", "id": f"srvtoolu_{name}", "name": "web_search", "input": {"query": "weather"}},
        {"type": "web_search_tool_result", "tool_use_id": f"srvtoolu_{name}", "content": [{"type": name}]},
    ]


def stream_events(blocks, usage, finish):
    """
    Create the events of a message, each named after its type.
    """
    started = {**message([], None, finish), "stop_reason": None}
    if usage is not None:
        started["usage"] = {**create_input_counts(usage), "output_tokens": 1}
    events = [{"type": "message_start", "message": started}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    final_delta = {"type": "message_delta", "delta": {"stop_reason": STOP_REASONS.get(finish, finish)}}
    if usage is not None:
        final_delta["usage"] = create_output_counts(usage)
    events += [final_delta, {"type": "message_stop"}]
    return [frame for event in events for frame in server_sent(event, name=event["type"])]


class TestAnthropic(ProviderSuite):
    plugin = "anthropic"
    strict = True
    examples = AnthropicExamples()


class TestAnthropicGateway(ProviderSuite):
    plugin = "anthropic"
    strict = True
    examples = AnthropicExamples()

    def settings(self, folder):
        """
        A gateway that takes the key as a bearer token.
        """
        return {"base_url": "https://gateway.example/anthropic", "authentication": "bearer"}
