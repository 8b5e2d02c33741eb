"""Conformance tests of Ollama's plugin."""

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
        A message with its finish reason.
        """
        return make_last_line({"content": text}, usage, finish)

    def stream(self, chunks, usage, finish="stop"):
        """
        One message per line; the last line has the counts.
        """
        return json_lines(
            *(make_line({"content": piece}) for piece in chunks), make_last_line({"content": ""}, usage, finish)
        )

    def error(self, status, message):
        """
        A text without an envelope.
        """
        return {"error": message}

    def tool_calls(self, calls):
        """
        Calls whose arguments are objects.
        """
        return make_last_line({"content": "", "tool_calls": [make_call(one) for one in calls]}, None, "stop")

    def tool_call_stream(self, calls):
        """
        A call is in one line.
        """
        lines = [make_line({"content": "", "tool_calls": [make_call(one)]}) for one in calls]
        return json_lines(*lines, make_last_line({"content": ""}, None, "stop"))

    def reasoning(self, thought, text):
        """
        Thinking is in a separate field.
        """
        return make_last_line({"content": text, "thinking": thought}, None, "stop")

    def reasoning_stream(self, thought, text):
        """
        Thinking comes first.
        """
        thinking = make_line({"content": "", "thinking": thought})
        return json_lines(thinking, make_line({"content": text}), make_last_line({"content": ""}, None, "stop"))

    def error_with_status_200(self, message):
        """
        Some errors have status 200.
        """
        return {"error": message}

    def stream_error(self, chunks, message):
        """
        A line with an error.
        """
        return json_lines(*(make_line({"content": piece}) for piece in chunks), {"error": message})

    def other_stream_errors(self, chunks, message):
        """
        An object in place of the text, in OpenAI's form.
        """
        lines = [make_line({"content": chunk}) for chunk in chunks]
        return [json_lines(*lines, {"error": {"message": message, "type": "api_error"}})]

    def reply_with_finish_reason(self, word):
        """
        A message with any reason.
        """
        return make_last_line({"content": "Hello."}, None, word)

    def stream_with_finish_reason(self, word):
        """
        The same as a stream.
        """
        return json_lines(make_line({"content": "Hello."}), make_last_line({"content": ""}, None, word))

    def vendor_content(self, text):
        """
        A field that Budwood does not model.
        """
        return make_last_line({"content": "Hello.", "tool_name": text}, None, "stop")

    def vendor_content_stream(self, text):
        """
        The same as a stream.
        """
        return json_lines(
            make_line({"content": "Hello.", "tool_name": text}), make_last_line({"content": ""}, None, "stop")
        )

    def signed_tool_calls(self, calls, signature):
        """
        The first call has a field of a later version.
        """
        return make_last_line({"content": "", "tool_calls": make_signed_calls(calls, signature)}, None, "stop")

    def signed_tool_calls_stream(self, calls, signature):
        """
        The same as a stream.
        """
        call_line = make_line({"content": "", "tool_calls": make_signed_calls(calls, signature)})
        return json_lines(call_line, make_last_line({"content": ""}, None, "stop"))

    def ignored_events(self):
        """
        An empty line, and one without content.
        """
        return [b"\n", *json_lines(make_line({"content": ""}))]

    def embeddings(self, vectors):
        """
        A list of vectors.
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


def make_call(call):
    """
    Create a call.
    """
    return {"function": {"name": call.name, "arguments": call.parse_arguments()}}


def make_signed_calls(calls, signature):
    """
    Create calls, the first with a field that Budwood does not model.
    """
    first, *others = (make_call(one) for one in calls)
    return [{**first, "signature": signature}, *others]


def make_line(message, **fields):
    """
    Create a line of a stream.
    """
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", **message}} | {
        "done": False,
        **fields,
    }


def make_last_line(message, usage, finish):
    """
    Create a complete reply, or the last line of a stream.
    """
    counts = {} if usage is None else {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
    return make_line(message, done=True, done_reason=finish, **counts)


class TestOllama(ProviderSuite):
    plugin = "ollama"
    strict = True
    examples = OllamaExamples()
