"""A vendor on loopback with the API Chat Completions, whose replies repeat what the user wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.chat_server import Body, ChatServer, Handler

KEY = "sk-valid"
TEXT = "I repeat: "


class Vendor(ChatServer):
    """
    Answers chats, also streamed.

    With a schema the reply is JSON that satisfies it; with a tool that is required, or whose name the user wrote, it is
    a call. Texts in JSON and in arguments are those of the user. All other chats get `TEXT` and the user's text.

    Attributes:
        reply: Returns the message of the reply to a request.
    """

    def __init__(self, reply=None, fault=None):
        self.reply = reply or answer
        super().__init__(fault=fault)

    def listen(self, handler, port=0):
        super().listen(VendorHandler, port)

    @property
    def provider(self) -> Body:
        """
        The settings of a provider that uses this server.
        """
        offers = ["audio_input", "document_input"]
        return {"plugin": "openai-compatible", "base_url": f"{self.origin}/v1", "api_key": KEY, "offers": offers}


class VendorHandler(Handler):
    def do_POST(self):  # noqa: N802 - http.server calls it by this name
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        vendor = self.server.owner
        fault = vendor.fault(vendor.received(body), body)
        if fault is not None:
            fault(self)
        elif self.headers["authorization"] != f"Bearer {KEY}":
            self.send(401, {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}})
        elif body["model"] == "missing":
            self.send(404, {"error": {"message": "The model does not exist.", "code": "model_not_found"}})
        elif body.get("stream"):
            data = b"".join(encode_events(body["model"], vendor.reply(body)))
            self.send_head(200, len(data), {"content-type": "text/event-stream"})
            self.wfile.write(data)
        else:
            self.send(200, complete(body["model"], vendor.reply(body)))


def answer(body: Body) -> Body:
    """
    Return the message of a reply.
    """
    text = find_text(body)
    if "one JSON value" in str(body["messages"][0]["content"]):  # any object; the user names the keys
        return {"content": json.dumps(dict.fromkeys(re.findall(r"'(\w+)'", text), text))}
    if "response_format" in body:
        schema = body["response_format"]["json_schema"]["schema"]
        return {"content": json.dumps(make_value(schema, schema, text))}
    if (tool := choose_tool(body, text)) is not None:
        arguments = json.dumps(make_value(tool["parameters"], tool["parameters"], text), ensure_ascii=False)
        function = {"name": tool["name"], "arguments": arguments}
        return {"content": None, "tool_calls": [{"id": f"call_{len(text)}", "type": "function", "function": function}]}
    return {"content": TEXT + text}


def find_text(body: Body) -> str:
    """
    Return the text of the last message, which may be a tool's.
    """
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", part["type"]) for part in content or ())


def choose_tool(body: Body, text: str) -> Body | None:
    """
    Return the function to call, or None.
    """
    tools = {tool["function"]["name"]: tool["function"] for tool in body.get("tools", ())}
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        return tools[choice["function"]["name"]]
    if choice == "required":
        return next(iter(tools.values()))
    if choice == "none" or body["messages"][-1]["role"] != "user":
        return None
    named = (tool for name, tool in tools.items() if name in text or name.split("_")[-1] in text or "tool" in text)
    return next(named, None)


def make_value(schema: Body, root: Body, text: str) -> Any:
    """
    Return a value that satisfies a JSON schema, with the user's text as texts and its first number as numbers.
    """
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    for branch in schema.get("anyOf", ()):
        return make_value(branch, root, text)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            return {name: make_value(each, root, text) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [make_value(schema.get("items", {"type": "string"}), root, text)]
        case "integer" | "number":
            return int((re.findall(r"\d+", text) or ["1"])[0])
        case "boolean":
            return True
        case _:
            return text


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 10,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 2},
}


def finish_reason(message: Body) -> str:
    """
    Return why a reply ended.
    """
    return "tool_calls" if message.get("tool_calls") else "stop"


def complete(model: str, message: Body) -> Body:
    """
    Return the body of a reply.
    """
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason(message)}
    return {"id": "chat-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": USAGE}


def encode_events(model: str, message: Body) -> Iterator[bytes]:
    """
    Yield the events of a streamed reply: texts and arguments in pieces of four characters.
    """
    for delta in split_message(message):
        yield encode_event(model, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield encode_event(model, [{"index": 0, "delta": {}, "finish_reason": finish_reason(message)}])
    yield encode_event(model, [], usage=USAGE)
    yield b"data: [DONE]\n\n"


def split_message(message: Body) -> Iterator[Body]:
    """
    Yield the deltas of a message.
    """
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content", "refusal"):
        yield from ({name: piece} for piece in split(message.get(name) or ""))
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
        for piece in split(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def split(text: str) -> list[str]:
    """
    Return a text in pieces.
    """
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def encode_event(model: str, choices: list[Body], **fields: Any) -> bytes:
    """
    Return one event.
    """
    body = {"id": "chat-1", "object": "chat.completion.chunk", "model": model, "choices": choices, **fields}
    return b"data: " + json.dumps(body).encode() + b"\n\n"
