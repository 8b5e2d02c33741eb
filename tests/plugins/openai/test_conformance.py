"""OpenAI's plugin, proved by the kit, with each of its APIs."""

from budwood_testing import OpenAIChatExamples, ProviderSuite, server_sent
from tests import responses

COUNTED = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}


class ResponsesExamples(OpenAIChatExamples):
    """
    Chat by Responses; all else is as it is beside Chat Completions.
    """

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

    def error_in_reply(self, message):
        """
        A response that failed.
        """
        return {**whole(), "status": "failed", "error": {"code": "server_error", "message": message}}

    def error_in_stream(self, pieces, message):
        """
        An event that ends the stream.
        """
        grown = self.stream(pieces, None)[: 2 + len(pieces)]
        return [*grown, *server_sent({"type": "error", "code": "server_error", "message": message})]

    def noise(self):
        """
        A comment, and an event that nobody knows.
        """
        return [b": keep-alive\n\n", *server_sent({"type": "response.of_a_later_kind", "output_index": 0})]


def whole(*items, usage=None, finish="stop"):
    """
    Make a reply of these items.
    """
    body = responses.response(*items, usage=None if usage is None else COUNTED)
    if finish == "length":
        body |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return body


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
    examples = OpenAIChatExamples()


class TestOpenAIResponses(ProviderSuite):
    plugin = "openai"
    examples = ResponsesExamples()

    def settings(self, folder):
        """
        All chat by Responses.
        """
        return {"api": "responses"}
