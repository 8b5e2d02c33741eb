"""A vendor on loopback with Anthropic's form of batches."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


def succeed(row: dict[str, Any]) -> dict[str, Any]:
    """
    Return the result of a request that succeeds: its last text, in capitals.
    """
    content = row["params"]["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[-1]["text"]
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": row["params"]["model"],
        "content": [{"type": "text", "text": text.upper()}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1000, "output_tokens": 100},
    }
    return {"type": "succeeded", "message": message}


def fail(_row: dict[str, Any]) -> dict[str, Any]:
    """
    Return the result of a request that the model rejects.
    """
    error = {"type": "invalid_request_error", "message": "no such thing"}
    return {"type": "errored", "error": {"type": "error", "error": error}}


class AnthropicBatches:
    """
    The vendor inside a ``with`` block. Batches run until the test sets `has_ended` or they are cancelled.

    Attributes:
        rows: The requests of each batch, by its id.
        handle: Returns the result of a request.
        has_ended: Whether the batches have ended.
        received: How often each method and path was requested.
    """

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.handle = succeed
        self.has_ended = False
        self.received: Counter[str] = Counter()
        self._cancelled: set[str] = set()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """
        Return status and body of the reply.
        """
        self.received[f"{method} {path}"] += 1
        names = path.strip("/").split("/")[3:]
        if not names:
            batch_id = f"msgbatch_{len(self.rows) + 1}"
            self.rows[batch_id] = json.loads(body)["requests"]
            return 200, json.dumps(self.state(batch_id)).encode()
        batch_id, action = names[0], names[1] if len(names) > 1 else ""
        if action == "results":
            rows = [
                {"custom_id": row["custom_id"], "result": self.result(batch_id, row)} for row in self.rows[batch_id]
            ]
            return 200, b"\n".join(json.dumps(row).encode() for row in reversed(rows))
        if action == "cancel":
            self._cancelled.add(batch_id)
        return 200, json.dumps(self.state(batch_id)).encode()

    def result(self, batch_id: str, row: dict[str, Any]) -> dict[str, Any]:
        """
        Return the result of a request.
        """
        return {"type": "canceled"} if batch_id in self._cancelled else self.handle(row)

    def state(self, batch_id: str) -> dict[str, Any]:
        """
        Return the record of a batch.
        """
        counts = dict.fromkeys(("succeeded", "errored", "canceled", "expired", "processing"), 0)
        status = "ended" if self.has_ended else "canceling" if batch_id in self._cancelled else "in_progress"
        for row in self.rows[batch_id]:
            counts[self.result(batch_id, row)["type"] if self.has_ended else "processing"] += 1
        return {
            "id": batch_id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": counts,
            "expires_at": "2036-01-01T00:00:00Z",
        }

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, content = vendor.answer(self.command, self.path.partition("?")[0], body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815 - names of the base class

        return Handler
