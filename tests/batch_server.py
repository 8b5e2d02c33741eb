"""A vendor on loopback with OpenAI's form of files, batches and chat."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from budwood_testing.forms import parse_form

Row = dict[str, Any]


def answer(body: Mapping[str, Any]) -> Row:
    """
    Return the reply to a chat request: its last message, in capitals.
    """
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": body["messages"][-1]["content"].upper()},
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def succeed(line: Row) -> tuple[str, Row]:
    """
    Return the line of the output file for a request that succeeds.
    """
    response = {"status_code": 200, "request_id": f"req-{line['custom_id']}", "body": answer(line["body"])}
    return "output", {"id": "batch_req", "custom_id": line["custom_id"], "response": response, "error": None}


def fail(line: Row, *, status: int = 400, message: str = "no such thing") -> tuple[str, Row]:
    """
    Return the line of the error file for a request that the model rejects.
    """
    body = {"error": {"message": message, "type": "invalid_request_error", "code": None}}
    response = {"status_code": status, "request_id": "req", "body": body}
    return "error", {"id": "batch_req", "custom_id": line["custom_id"], "response": response, "error": None}


def expire(line: Row) -> tuple[str, Row]:
    """
    Return the line of the error file for a request that was not answered in time.
    """
    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
    return "error", {"id": "batch_req", "custom_id": line["custom_id"], "response": None, "error": error}


@dataclass
class BatchServer:
    """
    Handles requests concurrently.

    Args:
        handle: Returns the file and the line for a request of a batch; None if it gets lost.
        states: The states that polls of each batch see, one after the other; the last one stays.
        arrange: Orders the lines of the output.
        hook: Called with method and path of each request and ``is_done``: before it is carried out, and again
            before the reply is sent. If it returns True, the connection is closed instead.
        faults: A status with which the next requests to a path are answered, by path.
    """

    handle: Callable[[Row], tuple[str, Row] | None] = succeed
    states: tuple[str, ...] = ("validating", "in_progress", "completed")
    arrange: Callable[[list[Row]], list[Row]] = list
    hook: Callable[..., object] = lambda _line, **_is_done: None
    faults: dict[str, list[int]] = field(default_factory=dict)
    errors: Row | None = None
    received: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Row] = field(default_factory=dict)
    largest: int = 0

    def __enter__(self) -> Self:
        handler = type("BoundHandler", (_Handler,), {"vendor": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """
        The address of the API.
        """
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def count(self, line: str) -> int:
        """
        Return how many requests with a method and a path arrived.
        """
        return self.received.count(line)

    def lines(self, number: int = 0) -> list[Row]:
        """
        Return the lines of a batch.
        """
        batch = list(self.batches.values())[number]
        return [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]

    def create(self, body: Row) -> Row:
        """
        Create a batch.
        """
        batch_id = f"batch_{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "polls": 0,
            "status": self.states[0],
            "output_file_id": None,
            "error_file_id": None,
            "errors": self.errors if self.states[0] == "failed" else None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "expires_at": 2_000_000_000,
            **body,
        }
        return self.batches[batch_id]

    def lose_batches(self, line: str, *, is_done: bool) -> bool:
        """
        Lose the reply to each creation, and do not list the batch: a hook.
        """
        is_lost = is_done and line == "POST /batches"
        if is_lost:
            self.batches.clear()
        return is_lost

    def advance(self, batch: Row) -> Row:
        """
        Move a batch to its next state.
        """
        batch["polls"] += 1
        if batch["status"] != "cancelling":
            batch["status"] = self.states[min(batch["polls"], len(self.states) - 1)]
        else:
            batch["status"] = "cancelled"
        if batch["status"] in ("completed", "expired", "cancelled") and batch["output_file_id"] is None:
            self._finish(batch)
        batch["errors"] = self.errors if batch["status"] == "failed" else None
        return batch

    def _finish(self, batch: Row) -> None:
        rows: dict[str, list[Row]] = {"output": [], "error": []}
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        for line in lines:
            if (result := self.handle(line)) is not None:
                rows[result[0]].append(result[1])
        for kind, found in rows.items():
            name = f"file-{batch['id']}-{kind}"
            self.files[name] = b"".join(json.dumps(row).encode() + b"\n" for row in self.arrange(found))
            batch[f"{kind}_file_id"] = name if found else (None if kind == "output" else "")
        counts = {"total": len(lines), "completed": len(rows["output"]), "failed": len(rows["error"])}
        batch["request_counts"] = counts


class _Handler(BaseHTTPRequestHandler):
    vendor: BatchServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def _respond(self, body: bytes) -> None:
        vendor, path = self.vendor, self.path.removeprefix("/v1").partition("?")[0]
        with vendor._lock:
            vendor.received.append(f"{self.command} {path}")
            vendor.largest = max(vendor.largest, len(body))
            faults = vendor.faults.get(path)
            if faults:
                self._send({"error": {"message": "fault", "type": "server_error"}}, faults.pop(0))
                return
            line = f"{self.command} {path}"
            if vendor.hook(line, is_done=False):
                self.close_connection = True
                return
            answer = self._find(path, body)
            if vendor.hook(line, is_done=True):
                self.close_connection = True
            else:
                self._send(*answer)

    def _find(self, path: str, body: bytes) -> tuple[object, int]:
        vendor = self.vendor
        match path.strip("/").split("/"):
            case ["files"] if body:
                form = {field.name: field.content for field in parse_form(dict(self.headers), body)}
                file_id = f"file-{len(vendor.files) + 1}"
                vendor.files[file_id] = form["file"]
                return {"id": file_id, "object": "file", "status": "processed"}, 200
            case ["files", file_id, "content"] if file_id in vendor.files:
                return vendor.files[file_id], 200
            case ["files", file_id] if file_id in vendor.files:
                size = len(vendor.files[file_id])
                return {"id": file_id, "object": "file", "filename": f"{file_id}.jsonl", "bytes": size}, 200
            case ["batches"] if body:
                return vendor.create(json.loads(body)), 200
            case ["batches"]:
                return {"object": "list", "data": list(vendor.batches.values()), "has_more": False}, 200
            case ["batches", batch_id] if batch_id in vendor.batches:
                return vendor.advance(vendor.batches[batch_id]), 200
            case ["batches", batch_id, "cancel"] if batch_id in vendor.batches:
                vendor.batches[batch_id]["status"] = "cancelling"
                return vendor.batches[batch_id], 200
            case ["chat", "completions"] if body:
                return answer(json.loads(body)), 200
        return {"error": {"message": "not found", "type": "invalid_request_error"}}, 404

    def _send(self, content: object, status: int) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("retry-after", "0.1")
        self.end_headers()
        self.wfile.write(data)
