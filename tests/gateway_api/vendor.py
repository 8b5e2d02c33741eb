"""A server on loopback in place of OpenAI that answers each of its APIs, whatever the request."""

from __future__ import annotations

import base64
import itertools
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.background_server import BackgroundServer
from tests.docs.vendor_server import completion, embeddings, events

Body = dict[str, Any]
NUMBERS = itertools.count(1)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
USAGE = {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16}
FILE = {"object": "file", "bytes": 3, "created_at": 1_700_000_000, "filename": "a.txt", "purpose": "user_data"}


class CompleteVendor(BackgroundServer):
    """
    Answers chats, responses, embeddings, moderations, images, speech, transcripts, files and batches.

    No request is an error of the vendor, so any error of the gateway is its own.
    """

    def __init__(self):
        self.listen(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body are sent together

    def do_GET(self):
        self._answer({})

    def do_DELETE(self):
        self._answer({})

    def do_POST(self):
        content = self._read()
        try:
            body = json.loads(content)
        except ValueError:  # a form
            body = {}
        self._answer(body)

    def _read(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, body: Body) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1/")
        if path == "audio/speech":
            self._send("audio/mpeg", b"ID3" + bytes(64))
        elif path.startswith("files/") and path.endswith("/content"):
            self._send("application/octet-stream", b"abc")
        elif path == "chat/completions" and body.get("stream"):
            self._send("text/event-stream", b"".join(events(completion(body))))
        elif path == "responses" and body.get("stream"):
            self._send("text/event-stream", b"".join(_response_events(body)))
        else:
            self._send("application/json", json.dumps(self._make(path, body)).encode())

    def _make(self, path: str, body: Body) -> Body:
        kind, _, rest = path.partition("/")
        match kind:
            case "chat" | "completions":
                return completion(body)
            case "embeddings":
                return embeddings(body)
            case "moderations":
                result = {"flagged": False, "categories": {}, "category_scores": {}}
                return {"id": "modr-1", "model": "m", "results": [result] * _count(body.get("input"))}
            case "images":
                return {"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}]}
            case "audio":
                return {"text": "Grafting joins two plants.", "usage": {"type": "duration", "seconds": 1}}
            case "responses" if rest == "input_tokens":
                return {"object": "response.input_tokens", "input_tokens": 11}
            case "responses":
                return _response(body)
            case "files":
                return {"id": rest or f"file-{next(NUMBERS)}", **FILE, "deleted": True}
        raise AssertionError(path)

    def _send(self, media_type: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


def _count(texts: object) -> int:
    return len(texts) if isinstance(texts, list) else 1


def _response(body: Body) -> Body:
    part = {"type": "output_text", "text": "Grafting joins two plants.", "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": f"resp_{next(NUMBERS):032x}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": body.get("model", "gpt-4.1-mini"),
        "output": [item],
        "usage": USAGE,
    }


def _response_events(body: Body):
    complete = _response(body)
    started = {**complete, "status": "in_progress", "output": [], "usage": None}
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    text = complete["output"][0]["content"][0]["text"]
    sent = [
        {"type": "response.created", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": {**complete["output"][0], "content": []}},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **place, "delta": text},
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.output_item.done", "output_index": 0, "item": complete["output"][0]},
        {"type": "response.completed", "response": complete},
    ]
    for number, event in enumerate(sent):
        data = json.dumps(event | {"sequence_number": number})
        yield f"event: {event['type']}\ndata: {data}\n\n".encode()
