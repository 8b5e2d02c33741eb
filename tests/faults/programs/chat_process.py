"""
Serve Chat Completions on loopback: PORT WHAT.

WHAT is "answer", or "hold" for replies that never end; a line is printed for each request that is held. A stream whose
prompt begins with "late" shows content before. The first line is the port, which is a free one if PORT is 0.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from budwood_testing import chat_chunks, chat_reply, sse

port, what = int(sys.argv[1]), sys.argv[2]


def report(what: object) -> None:
    """Print a line for the test."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if what == "hold":
            self.hold(body)
        elif body.get("stream"):
            self.send("text/event-stream", b"".join(sse(*chat_chunks(["Well", " done"]))))
        else:
            self.send("application/json", json.dumps(chat_reply("Well done")).encode())

    def hold(self, body: dict[str, object]) -> None:
        if body.get("stream"):
            start = sse(*chat_chunks(["Half"], finish_reason=None), done=False)
            is_late = str(body["messages"][-1]["content"]).startswith("late")
            self.send("text/event-stream", b"".join(start) if is_late else b": ready\n\n", length=1_000_000)
        report("held")
        threading.Event().wait()

    def send(self, content_type: str, data: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


server = Server(("127.0.0.1", port), Handler)
report(server.server_port)
server.serve_forever()
