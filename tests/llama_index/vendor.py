"""A vendor on loopback with Chat Completions, completions and embeddings, for LLMs that are compared."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.background_server import BackgroundServer

Body = dict[str, Any]

KEY = "the-key"
PERSON = '{"name": "Ada", "age": 36}'
WORDS = ("plants", "joins", "price", "budget")
"""The words whose counts are the vector of a text."""


class Vendor(BackgroundServer):
    """
    Answers by the last message: it calls a tool if there are any, gives a person if there is a schema, and echoes else.

    These words in the last message change the reply: ``twice`` calls the tool twice, ``think`` sends reasoning,
    ``endless`` sends a stream until the client leaves, and ``torn`` one without an end. The model ``broken`` fails with
    status 500, and another key than `KEY` with 401.

    Attributes:
        requests: The bodies of the requests.
        paths: Their paths.
        left: Set when a client has left an endless stream.
    """

    def __init__(self):
        self.requests: list[Body] = []
        self.paths: list[str] = []
        self.left = threading.Event()
        self.listen(Handler)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.origin}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.owner.requests.append(body)
        self.server.owner.paths.append(self.path)
        if self.headers.get("authorization") != f"Bearer {KEY}":
            self.send(401, {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}})
        elif body["model"] == "broken":
            self.send(500, {"error": {"message": "Out of order."}}, **{"retry-after-ms": "0"})
        elif self.path.endswith("/embeddings"):
            self.send(200, embed(body))
        elif body.get("stream"):
            self.stream(body)
        else:
            self.send(200, reply_to(body))

    def send(self, status: int, body: Body, **headers: str):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, body: Body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for chunk in chunks(body):
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.owner.left.set()

    def log_message(self, *arguments):
        pass


def read_text(body: Body) -> str:
    """Return the text of the last message, or the prompt."""
    if "prompt" in body:
        return body["prompt"]
    content = body["messages"][-1].get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def answer(body: Body) -> tuple[Body, str]:
    """Return the message of a reply, and its finish reason."""
    text = read_text(body)
    if body.get("tools") and body["messages"][-1]["role"] == "user" and body.get("tool_choice") != "none":
        calls = [make_call(body, number, text) for number in range(2 if "twice" in text else 1)]
        return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
    if "response_format" in body:
        return {"role": "assistant", "content": PERSON}, "stop"
    thinking = {"reasoning_content": "Let me see."} if "think" in text else {}
    return {"role": "assistant", "content": f"You said: {text}", **thinking}, "stop"


def make_call(body: Body, number: int, text: str) -> Body:
    """Return a call of the first tool. Each of its arguments is a word of the message, or what a person has."""
    function = body["tools"][0]["function"]
    person = json.loads(PERSON)
    names = function["parameters"].get("properties", {})
    word = re.findall(r"\w+", text)[-1]
    arguments = json.dumps({name: person.get(name, word) for name in names})
    return {"id": f"call_{number}", "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def head(body: Body, kind: str) -> Body:
    """Return the first fields of a reply."""
    return {"id": "reply-1", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def usage() -> Body:
    """Return the usage of every reply."""
    return {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def reply_to(body: Body) -> Body:
    """Return a complete reply."""
    if "prompt" in body:
        choice = {"index": 0, "text": f"You said: {body['prompt']}", "finish_reason": "stop", "logprobs": None}
        return head(body, "text_completion") | {"choices": [choice], "usage": usage()}
    message, reason = answer(body)
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return head(body, "chat.completion") | {"choices": [choice], "usage": usage()}


def chunks(body: Body) -> Iterator[Body]:
    """Yield the chunks of a streamed reply."""
    if "endless" in read_text(body):
        while True:
            yield chunk(body, {"content": "again "})
    if "prompt" in body:
        for word in f"You said: {body['prompt']}".split(" "):
            choice = {"index": 0, "text": f"{word} ", "finish_reason": None, "logprobs": None}
            yield head(body, "text_completion") | {"choices": [choice]}
        yield head(body, "text_completion") | {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}
        return
    message, reason = answer(body)
    yield chunk(body, {"role": "assistant", "content": ""})
    if "reasoning_content" in message:
        yield chunk(body, {"reasoning_content": message["reasoning_content"]})
    for piece in re.findall(r"(?s).{1,6}", message["content"] or ""):
        yield chunk(body, {"content": piece})
    if "torn" in (message["content"] or ""):
        raise OSError
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        first = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": arguments[:5]}}
        yield chunk(body, {"tool_calls": [first]})
        yield chunk(body, {"tool_calls": [{"index": index, "function": {"arguments": arguments[5:]}}]})
    yield chunk(body, {}, reason)
    if body.get("stream_options"):
        yield head(body, "chat.completion.chunk") | {"choices": [], "usage": usage()}


def chunk(body: Body, delta: Body, reason: str | None = None) -> Body:
    """Return a chunk."""
    return head(body, "chat.completion.chunk") | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def embed(body: Body) -> Body:
    """Return the counts of `WORDS` as the vector of each text."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    rows = [
        {"object": "embedding", "index": place, "embedding": [0.1 + text.lower().count(word) for word in WORDS]}
        for place, text in enumerate(texts)
    ]
    return {"object": "list", "model": body["model"], "data": rows, "usage": {"prompt_tokens": 2, "total_tokens": 2}}
