"""The conformance suite for OpenAI's plugin, with each of its APIs."""

from typing import ClassVar

from budwood_testing import OpenAIChatExamples, ProviderSuite, server_sent
from tests import responses


class ResponsesExamples(OpenAIChatExamples):
    """
    Examples of chat by Responses; other services are as with Chat Completions.
    """

    absent = frozenset({"signed_tool_calls"})
    reply_id = "resp_1"
    reply_model = "scripted"
    finish_reasons: ClassVar = {
        "completed": "stop",
        "max_output_tokens": "length",
        "content_filter": "content_filter",
    }

    def reply(self, text, usage, finish="stop"):
        """
        Return a reply of one message.
        """
        return make_reply(responses.message(text), usage=usage, finish=finish)

    def stream(self, pieces, usage, finish="stop"):
        """
        Return a stream of one message.
        """
        item = responses.message("".join(pieces))
        deltas = [{"type": "response.output_text.delta", "output_index": 0, "delta": piece} for piece in pieces]
        return make_stream([item], deltas, make_reply(item, usage=usage, finish=finish))

    def tool_calls(self, calls):
        """
        Return a reply with calls.
        """
        return make_reply(*map(make_call, calls))

    def tool_call_stream(self, calls):
        """
        Return a stream of calls.
        """
        items = list(map(make_call, calls))
        kind = "response.function_call_arguments.delta"
        deltas = [
            {"type": kind, "output_index": index, "delta": one.arguments[place : place + 9]}
            for index, one in enumerate(calls)
            for place in range(0, len(one.arguments), 9)
        ]
        return make_stream(items, deltas, make_reply(*items))

    def reasoning(self, thought, text):
        """
        Return a reply with a summary and an answer.
        """
        return make_reply(responses.reasoning(thought), responses.message(text))

    def reasoning_stream(self, thought, text):
        """
        Return a stream of a summary and an answer.
        """
        items = [responses.reasoning(thought), responses.message(text)]
        deltas = [
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": thought},
            {"type": "response.output_text.delta", "output_index": 1, "delta": text},
        ]
        return make_stream(items, deltas, make_reply(*items))

    def refusal(self, text):
        """
        Return a reply with a refusal.
        """
        return make_reply(responses.refusal(text))

    def error_with_status_200(self, message):
        """
        Return a failed response.
        """
        return {**make_reply(), "status": "failed", "error": {"code": "server_error", "message": message}}

    def stream_error(self, pieces, message):
        """
        Return an event that ends the stream with an error.
        """
        beginning = self.stream(pieces, None)[: 2 + len(pieces)]
        return [*beginning, *server_sent({"type": "error", "code": "server_error", "message": message})]

    def other_stream_errors(self, pieces, message):
        """
        Return a failed response, and an envelope without a type.
        """
        beginning = self.stream(pieces, None)[: 2 + len(pieces)]
        failed = {"type": "response.failed", "response": self.error_with_status_200(message)}
        return [[*beginning, *server_sent(failed)], [*beginning, *server_sent(self.error(500, message))]]

    def reply_with_finish_reason(self, word):
        """
        Return a reply with a status, or with the reason why it is incomplete.
        """
        return make_reply(responses.message("Hello."), finish=word)

    def stream_with_finish_reason(self, word):
        """
        Return a stream with such an end.
        """
        item = responses.message("Hello.")
        return make_stream([item], [], make_reply(item, finish=word))

    def vendor_content(self, text):
        """
        Return a reply with an item of a server-side tool.
        """
        return make_reply({"type": "web_search_call", "id": text, "status": "completed"}, responses.message("Hello."))

    def vendor_content_stream(self, text):
        """
        Return a stream with such an item.
        """
        items = self.vendor_content(text)["output"]
        return make_stream(items, [], make_reply(*items))

    def signed_reasoning(self, signature):
        """
        Return a reply with encrypted reasoning.
        """
        return make_reply(responses.reasoning("Hm.", encrypted_content=signature), responses.message("Hello."))

    def signed_reasoning_stream(self, signature):
        """
        Return a stream with encrypted reasoning.
        """
        items = self.signed_reasoning(signature)["output"]
        return make_stream(items, [], make_reply(*items))

    def ignored_events(self):
        """
        Return a comment and an unknown event.
        """
        return [b": keep-alive\n\n", *server_sent({"type": "response.of_a_later_kind", "output_index": 0})]


def make_reply(*items, usage=None, finish="stop"):
    """
    Return a reply with these items.
    """
    body = responses.response(*items, usage=None if usage is None else make_usage(usage))
    word = {"stop": "completed", "length": "max_output_tokens"}.get(finish, finish)
    if word != "completed":
        body |= {"status": "incomplete", "incomplete_details": {"reason": word}}
    return body


def make_usage(usage):
    """
    Return the usage of these counts.
    """
    details = {"cached_tokens": usage.cache_read_tokens}, {"reasoning_tokens": usage.reasoning_tokens}
    known = [{name: count for name, count in one.items() if count is not None} for one in details]
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": known[0],
        "output_tokens": usage.output_tokens,
        "output_tokens_details": known[1],
        "total_tokens": usage.total_tokens,
    }


def make_call(part):
    """
    Return an item of a function call.
    """
    return {**responses.call(part.name, part.arguments), "id": f"fc_{part.id}", "call_id": part.id}


def make_stream(items, deltas, body):
    """
    Return the events of a stream, in which each item is added, extended and completed in turn.
    """
    events = [{"type": "response.created", "response": {**body, "status": "in_progress", "output": [], "usage": None}}]
    for index, item in enumerate(items):
        added = {**item, "content": [], "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": index, "item": added})
        events += [delta for delta in deltas if delta["output_index"] == index]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    kind = "response.incomplete" if body["status"] == "incomplete" else "response.completed"
    return server_sent(*events, {"type": kind, "response": body})


class TestOpenAI(ProviderSuite):
    plugin = "openai"
    strict = True
    examples = OpenAIChatExamples()


class TestOpenAIResponses(ProviderSuite):
    plugin = "openai"
    strict = True
    examples = ResponsesExamples()

    def settings(self, folder):
        """
        Return settings that use Responses for all chats.
        """
        return {"api": "responses"}
