"""OpenAI's plugin, proved by the kit, with each of its APIs."""

from typing import ClassVar

from budwood_testing import OpenAIChatExamples, ProviderSuite, server_sent
from tests import responses


class ResponsesExamples(OpenAIChatExamples):
    """
    Chat by Responses; all else is as it is beside Chat Completions.
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
        A reply of one message.
        """
        return whole(responses.message(text), usage=usage, finish=finish)

    def stream(self, pieces, usage, finish="stop"):
        """
        A message that grows.
        """
        item = responses.message("".join(pieces))
        deltas = [{"type": "response.output_text.delta", "output_index": 0, "delta": piece} for piece in pieces]
        return streamed([item], deltas, whole(item, usage=usage, finish=finish))

    def tool_calls(self, calls):
        """
        A reply of calls.
        """
        return whole(*map(call, calls))

    def tool_call_stream(self, calls):
        """
        Calls whose arguments grow.
        """
        items = list(map(call, calls))
        kind = "response.function_call_arguments.delta"
        deltas = [
            {"type": kind, "output_index": index, "delta": one.arguments[place : place + 9]}
            for index, one in enumerate(calls)
            for place in range(0, len(one.arguments), 9)
        ]
        return streamed(items, deltas, whole(*items))

    def reasoning(self, thought, text):
        """
        A summary, then the answer.
        """
        return whole(responses.reasoning(thought), responses.message(text))

    def reasoning_stream(self, thought, text):
        """
        Both, growing.
        """
        items = [responses.reasoning(thought), responses.message(text)]
        deltas = [
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": thought},
            {"type": "response.output_text.delta", "output_index": 1, "delta": text},
        ]
        return streamed(items, deltas, whole(*items))

    def refusal(self, text):
        """
        A message that refuses.
        """
        return whole(responses.refusal(text))

    def error_with_status_200(self, message):
        """
        A response that failed.
        """
        return {**whole(), "status": "failed", "error": {"code": "server_error", "message": message}}

    def stream_error(self, pieces, message):
        """
        An event that ends the stream.
        """
        grown = self.stream(pieces, None)[: 2 + len(pieces)]
        return [*grown, *server_sent({"type": "error", "code": "server_error", "message": message})]

    def other_stream_errors(self, pieces, message):
        """
        A response that failed, and a bare envelope.
        """
        grown = self.stream(pieces, None)[: 2 + len(pieces)]
        failed = {"type": "response.failed", "response": self.error_with_status_200(message)}
        return [[*grown, *server_sent(failed)], [*grown, *server_sent(self.error(500, message))]]

    def reply_with_finish_reason(self, word):
        """
        A status, or why a response is incomplete.
        """
        return whole(responses.message("Hello."), finish=word)

    def stream_with_finish_reason(self, word):
        """
        The same at the end of a stream.
        """
        item = responses.message("Hello.")
        return streamed([item], [], whole(item, finish=word))

    def vendor_content(self, text):
        """
        An item of a tool that the vendor runs.
        """
        return whole({"type": "web_search_call", "id": text, "status": "completed"}, responses.message("Hello."))

    def vendor_content_stream(self, text):
        """
        The same as a stream.
        """
        items = self.vendor_content(text)["output"]
        return streamed(items, [], whole(*items))

    def signed_reasoning(self, signature):
        """
        Reasoning whose content only the vendor can read.
        """
        return whole(responses.reasoning("Hm.", encrypted_content=signature), responses.message("Hello."))

    def signed_reasoning_stream(self, signature):
        """
        The same as a stream.
        """
        items = self.signed_reasoning(signature)["output"]
        return streamed(items, [], whole(*items))

    def ignored_events(self):
        """
        A comment, and an event that nobody knows.
        """
        return [b": keep-alive\n\n", *server_sent({"type": "response.of_a_later_kind", "output_index": 0})]


def whole(*items, usage=None, finish="stop"):
    """
    Make a reply of these items.
    """
    body = responses.response(*items, usage=None if usage is None else counted(usage))
    word = {"stop": "completed", "length": "max_output_tokens"}.get(finish, finish)
    if word != "completed":
        body |= {"status": "incomplete", "incomplete_details": {"reason": word}}
    return body


def counted(usage):
    """
    Write the counts that are known.
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


def call(part):
    """
    Make a call of a function.
    """
    return {**responses.call(part.name, part.arguments), "id": f"fc_{part.id}", "call_id": part.id}


def streamed(items, deltas, body):
    """
    Make the events of a stream: each item begins, grows and is done before the next one.
    """
    events = [{"type": "response.created", "response": {**body, "status": "in_progress", "output": [], "usage": None}}]
    for index, item in enumerate(items):
        begun = {**item, "content": [], "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
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
        All chat by Responses.
        """
        return {"api": "responses"}
