"""Anthropic's plugin, proved by the kit."""

from typing import ClassVar

from budwood_testing import ProviderSuite, WireExamples, server_sent

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}


class AnthropicExamples(WireExamples):
    request_id_header = "request-id"
    rate_limit_headers: ClassVar = {"anthropic-ratelimit-requests-remaining": "9"}

    def reply(self, text, usage, finish="stop"):
        """
        A message of one text.
        """
        return message([{"type": "text", "text": text}], usage, finish)

    def stream(self, pieces, usage, finish="stop"):
        """
        A text that grows.
        """
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
        return streamed([({"type": "text", "text": ""}, deltas)], usage, finish)

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
        Blocks of tools that are used.
        """
        blocks = [{"type": "tool_use", "id": one.id, "name": one.name, "input": one.parse_arguments()} for one in calls]
        return message(blocks, None, "tool_calls")

    def tool_call_stream(self, calls):
        """
        Blocks whose input grows.
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
        return streamed(blocks, None, "tool_calls")

    def reasoning(self, thought, text):
        """
        A block of thinking before the text.
        """
        thinking = {"type": "thinking", "thinking": thought, "signature": "signed"}
        return message([thinking, {"type": "text", "text": text}], None, "stop")

    def reasoning_stream(self, thought, text):
        """
        Both, growing.
        """
        thinking = [{"type": "thinking_delta", "thinking": thought}, {"type": "signature_delta", "signature": "signed"}]
        blocks = [
            ({"type": "thinking", "thinking": "", "signature": ""}, thinking),
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]),
        ]
        return streamed(blocks, None, "stop")

    def refusal(self, text):
        """
        A text that the model broke off.
        """
        return message([{"type": "text", "text": text}], None, "refusal")

    def error_in_reply(self, message):
        """
        Gateways send one with 200.
        """
        return self.error(500, message)

    def error_in_stream(self, pieces, message):
        """
        An event of its own name.
        """
        return [*self.stream(pieces, None)[: 2 + len(pieces)], *server_sent(self.error(529, message), name="error")]

    def noise(self):
        """
        A ping, and an event that nobody knows.
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


def message(content, usage, finish):
    """
    Make a whole message.
    """
    made = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content}
    made |= {"stop_reason": STOP_REASONS[finish], "stop_sequence": None}
    return made if usage is None else {**made, "usage": counts(usage)}


def counts(usage):
    """
    Write the two counts.
    """
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


def streamed(blocks, usage, finish):
    """
    Make the events of a message, each named after its type.
    """
    begun = {**message([], None, finish), "stop_reason": None}
    if usage is not None:
        begun["usage"] = {"input_tokens": usage.input_tokens, "output_tokens": 1}
    events = [{"type": "message_start", "message": begun}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"type": "message_delta", "delta": {"stop_reason": STOP_REASONS[finish], "stop_sequence": None}}
    if usage is not None:
        ended["usage"] = {"output_tokens": usage.output_tokens}
    events += [ended, {"type": "message_stop"}]
    return [frame for event in events for frame in server_sent(event, name=event["type"])]


class TestAnthropic(ProviderSuite):
    plugin = "anthropic"
    examples = AnthropicExamples()


class TestAnthropicGateway(ProviderSuite):
    plugin = "anthropic"
    examples = AnthropicExamples()

    def settings(self, folder):
        """
        A gateway that wants the key as a bearer's.
        """
        return {"base_url": "https://gateway.example/anthropic", "authentication": "bearer"}
