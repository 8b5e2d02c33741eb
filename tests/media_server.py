"""A vendor on loopback with OpenAI's form of videos, files, images by URL, and replies in the background."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from budwood_testing.forms import parse_form
from tests.background_server import BackgroundServer

Body = dict[str, Any]
Fault = Callable[["Handler"], None]

BLOCK = (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"budwood!" * 8192)[: 64 * 1024]
"""64 KiB, of which large videos consist, with the beginning of an MP4 file."""


@dataclass
class Received:
    """
    A request that the server received.

    Attributes:
        body: The body, without the content of bodies that are larger than a MiB.
        size: The size of the whole body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    size: int

    @property
    def json(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)

    @property
    def line(self) -> str:
        """Method and path without the query."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass
class MediaServer(BackgroundServer):
    """
    Handles requests concurrently.

    Args:
        states: The states that polls of each job see, one after the other; the last one stays.
        error: The error of jobs that have failed.
        video_size: The size of a video in bytes.
        poll_headers: Headers of the replies to submissions of videos and to polls.
        fault: Called with the number of a request, from 1, and the request; returns a fault that replaces the reply.
        redirects: Addresses to which paths are redirected.
        lost_status: The status of the error about a file that does not exist.

    Attributes:
        requests: The requests, in order.
        jobs: The videos and responses that were created, by their id.
        files: The files that are stored, by their id: their record and content.
    """

    states: tuple[str, ...] = ("queued", "in_progress", "completed")
    error: Body | None = None
    video_size: int = len(BLOCK)
    poll_headers: dict[str, str] = field(default_factory=dict)
    fault: Callable[[int, Received], Fault | None] = lambda _number, _request: None
    redirects: dict[str, str] = field(default_factory=dict)
    lost_status: int = 404
    requests: list[Received] = field(default_factory=list)
    jobs: dict[str, Body] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    files: dict[str, tuple[Body, bytes]] = field(default_factory=dict)

    def __post_init__(self):
        self._lock = threading.Lock()
        self.listen(Handler)

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"{self.origin}/v1"

    def received(self, request: Received) -> Fault | None:
        """Record a request, and return the fault that replaces its reply."""
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        return self.fault(number, request)

    def lines(self) -> list[str]:
        """List method and path of all requests."""
        return [request.line for request in self.requests]

    def count(self, line: str) -> int:
        """Count the requests with a method and a path."""
        return self.lines().count(line)

    def create(self, kind: str, **fields: Any) -> Body:
        """Create a job, as the request for it does."""
        with self._lock:
            job_id = f"{kind}_{len(self.jobs) + 1}"
            self.jobs[job_id] = {"id": job_id, "object": kind, "status": self.states[0], "progress": 0, **fields}
            return self.jobs[job_id]

    def poll(self, job_id: str) -> Body | None:
        """Return a job in its next state; None if it does not exist."""
        with self._lock:
            job = self.jobs.get(job_id)
            if job is None:
                return None
            if job["status"] != "cancelled":
                count = self.polls[job_id] = self.polls.get(job_id, 0) + 1
                place = min(count, len(self.states) - 1)
                job["status"], job["progress"] = self.states[place], 100 * place // max(1, len(self.states) - 1)
                job["error"] = self.error if job["status"] == "failed" else None
            return dict(job)

    def store(self, name: str, data: bytes, media_type: str | None, purpose: str) -> Body:
        """Store a file."""
        with self._lock:
            number = len(self.files) + 1
            while f"file-{number}" in self.files:
                number += 1
            record = {"id": f"file-{number}", "object": "file", "filename": name, "bytes": len(data)}
            record |= {"purpose": purpose, "created_at": 1_700_000_000, "status": "processed", "media_type": media_type}
            self.files[record["id"]] = (record, data)
            return record


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body are sent together

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def do_DELETE(self):
        self._answer()

    def _answer(self):
        request = self._read()
        fault = self.server.owner.received(request)
        if fault is not None:
            fault(self)
            return
        path = request.path.partition("?")[0]
        if path in self.server.owner.redirects:
            self.send(302, b"", location=self.server.owner.redirects[path])
            return
        resource, _, rest = path.removeprefix("/v1/").partition("/")
        answer = getattr(self, f"_answer_{resource}", None)
        if answer is None:
            self.send_error_body(404, f"Invalid URL ({request.line})")
        else:
            answer(request, rest)

    def _read(self) -> Received:
        size, kept = int(self.headers.get("content-length", 0)), []
        left = size
        while left > 0 and (block := self.rfile.read(min(left, len(BLOCK)))):
            left -= len(block)
            if size <= 1024 * 1024:
                kept.append(block)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Received(self.command, self.path, headers, b"".join(kept), size)

    def _answer_videos(self, request: Received, rest: str):
        vendor, (job_id, _, action) = self.server.owner, rest.partition("/")
        if request.method == "POST" and not rest:
            self.send(200, vendor.create("video", model="clips"), **vendor.poll_headers)
        elif job_id not in vendor.jobs:
            self.send_error_body(404, f"Video with id '{job_id}' not found.")
        elif action == "content":
            self.send_video(vendor.video_size)
        elif request.method == "DELETE":
            self.send(200, {"id": job_id, "deleted": vendor.jobs.pop(job_id) is not None})
        else:
            self.send(200, vendor.poll(job_id), **vendor.poll_headers)

    def _answer_responses(self, request: Received, rest: str):
        vendor, (job_id, _, action) = self.server.owner, rest.partition("/")
        if request.method == "POST" and not rest and not request.json.get("background"):
            self.send(200, response_body({"id": "resp_0", "status": "completed", "model": request.json["model"]}))
        elif request.method == "POST" and not rest:
            self.send(200, response_body(vendor.create("resp", model=request.json["model"])))
        elif job_id not in vendor.jobs:
            self.send_error_body(404, f"Response with id '{job_id}' not found.")
        elif action == "cancel":
            vendor.jobs[job_id]["status"] = "cancelled"
            self.send(200, response_body(vendor.jobs[job_id]))
        else:
            self.send(200, response_body(vendor.poll(job_id)), **vendor.poll_headers)

    def _answer_files(self, request: Received, rest: str):
        vendor, (file_id, _, action) = self.server.owner, rest.partition("/")
        if request.method == "POST" and not rest:
            fields = {part.name: part for part in parse_form(request.headers, request.body)} if request.body else {}
            file, purpose = fields.get("file"), fields.get("purpose")
            name, content, kind = (file.filename, file.content, file.content_type) if file else ("large", b"", None)
            self.send(200, vendor.store(name, content, kind, purpose.content.decode() if purpose else "user_data"))
        elif not rest:
            self.send(200, {"object": "list", "data": [record for record, _ in vendor.files.values()]})
        elif file_id not in vendor.files:
            self.send_error_body(404, f"No such File object: {file_id}")
        elif action == "content":
            self.send(200, vendor.files[file_id][1])
        elif request.method == "DELETE":
            self.send(200, {"id": file_id, "deleted": vendor.files.pop(file_id) is not None})
        else:
            self.send(200, vendor.files[file_id][0])

    def _answer_chat(self, request: Received, rest: str):
        vendor = self.server.owner
        named = [part["file"] for part in request.json["parts"] if isinstance(part, dict) and "file" in part]
        lost = [file_id for file_id in named if file_id not in vendor.files]
        if lost:
            self.send_error_body(vendor.lost_status, f"No such File object: {lost[0]}")
        else:
            self.send(200, response_body({"id": "chat_1", "status": "completed", "model": "clips"}))

    def _answer_images(self, request: Received, rest: str):
        self.send(200, {"created": 1_700_000_000, "data": [{"url": f"{self.server.owner.origin}/v1/content/1.png"}]})

    def _answer_content(self, request: Received, rest: str):
        self.send(200, PNG, **{"content-type": "image/png"})

    def send(self, status: int, body: object, **headers: str):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_head(status, len(data), headers)
        self.wfile.write(data)

    def send_error_body(self, status: int, message: str):
        self.send(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}})

    def send_video(self, size: int):
        """Send a video in blocks, each of which arrives on its own."""
        self.send_head(200, size, {"content-type": "video/mp4"})
        while size > 0:
            self.wfile.write(BLOCK[:size])
            self.wfile.flush()
            size -= len(BLOCK)

    def send_head(self, status: int, length: int, headers: Mapping[str, str]):
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments):
        pass


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c"
    "49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
"""A PNG of one pixel."""


def response_body(job: Body) -> Body:
    """Return a job as a response of the Responses API, with a text once it has completed."""
    if job["status"] != "completed":
        return {**job, "object": "response", "output": []}
    text = {"type": "output_text", "text": "It is done.", "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    usage = {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16}
    return {**job, "object": "response", "output": [message], "usage": usage}


def failure(status: int, message: str = "No.", **headers: str) -> Fault:
    """Return a fault that sends an error."""
    return lambda handler: handler.send(status, {"error": {"message": message}}, **headers)


def disconnect(handler: Handler) -> None:
    """Close the connection without a reply."""
    handler.close_connection = True
