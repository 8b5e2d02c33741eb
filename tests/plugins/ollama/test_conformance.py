"""Ollama's plugin, proved by the kit."""

from typing import ClassVar

from budwood_testing import ProviderSuite, WireExamples, json_lines


class OllamaExamples(WireExamples):
    has_call_ids = False
    request_id_header = None
    absent = frozenset(
        {"content_filter_error", "rate_limit_headers", "unsupported_parameter", "refusal", "signed_reasoning"}
    )
    reply_model = "m"
    finish_reasons: ClassVar = {"stop": "stop", "length": "length", "load": "other"}

    def reply(self, text, usage, finish="stop"):
        """
        A message and how it ended.
        """
        return ended({"content": text}, usage, finish)

    def stream(self, chunks, usage, finish="stop"):
        """
        A message a line; the last line has the counts.
        """
        return json_lines(*(line({"content": piece}) for piece in chunks), ended({"content": ""}, usage, finish))

    def error(self, status, message):
        """
        A text alone.
        """
        return {"error": message}

    def tool_calls(self, calls):
        """
        Calls whose arguments are objects.
        """
        return ended({"content": "", "tool_calls": [called(one) for one in calls]}, None, "stop")

    def tool_call_stream(self, calls):
        """
        A call is in one line.
        """
        lines = [line({"content": "", "tool_calls": [called(one)]}) for one in calls]
        return json_lines(*lines, ended({"content": ""}, None, "stop"))

    def reasoning(self, thought, text):
        """
        A field of its own.
        """
        return ended({"content": text, "thinking": thought}, None, "stop")

    def reasoning_stream(self, thought, text):
        """
        Thinking comes first.
        """
        thinking = line({"content": "", "thinking": thought})
        return json_lines(thinking, line({"content": text}), ended({"content": ""}, None, "stop"))

    def error_with_status_200(self, message):
        """
        Some errors have status 200.
        """
        return {"error": message}

    def stream_error(self, chunks, message):
        """
        A line with an error.
        """
        return json_lines(*(line({"content": piece}) for piece in chunks), {"error": message})

    def other_stream_errors(self, chunks, message):
        """
        An object in place of the text, as OpenAI has it.
        """
        lines = [line({"content": chunk}) for chunk in chunks]
        return [json_lines(*lines, {"error": {"message": message, "type": "api_error"}})]

    def reply_with_finish_reason(self, word):
        """
        A message with any reason.
        """
        return ended({"content": "Hello."}, None, word)

    def stream_with_finish_reason(self, word):
        """
        The same as a stream.
        """
        return json_lines(line({"content": "Hello."}), ended({"content": ""}, None, word))

    def vendor_content(self, text):
        """
        A field that Budwood does not model.
        """
        return ended({"content": "Hello.", "tool_name": text}, None, "stop")

    def vendor_content_stream(self, text):
        """
        The same as a stream.
        """
        return json_lines(line({"content": "Hello.", "tool_name": text}), ended({"content": ""}, None, "stop"))

    def signed_tool_calls(self, calls, signature):
        """
        The first call has a field of a later version.
        """
        return ended({"content": "", "tool_calls": signed(calls, signature)}, None, "stop")

    def signed_tool_calls_stream(self, calls, signature):
        """
        The same as a stream.
        """
        calling = line({"content": "", "tool_calls": signed(calls, signature)})
        return json_lines(calling, ended({"content": ""}, None, "stop"))

    def ignored_events(self):
        """
        An empty line, and one without content.
        """
        return [b"\n", *json_lines(line({"content": ""}))]

    def embeddings(self, vectors):
        """
        One after the other.
        """
        return {"model": "m", "embeddings": [list(vector) for vector in vectors]}

    def models(self, names):
        """
        The list, without details.
        """
        return {"models": [{"name": name, "model": name} for name in names]}

    def model(self, name):
        """
        The details of a model.
        """
        return {"model_info": {"llama.context_length": 4096}, "capabilities": ["completion"]}


def called(call):
    """
    Create a call.
    """
    return {"function": {"name": call.name, "arguments": call.parse_arguments()}}


def signed(calls, signature):
    """
    Create calls, the first with a field that Budwood does not model.
    """
    first, *others = (called(one) for one in calls)
    return [{**first, "signature": signature}, *others]


def line(message, **fields):
    """
    Create a line of a stream.
    """
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", **message}} | {
        "done": False,
        **fields,
    }


def ended(message, usage, finish):
    """
    Create a complete reply, or the last line of a stream.
    """
    counts = {} if usage is None else {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
    return line(message, done=True, done_reason=finish, **counts)


class TestOllama(ProviderSuite):
    plugin = "ollama"
    strict = True
    examples = OllamaExamples()
