"""
A Chat Completions server in its own process: ``held_server.py NAME PORT answer|hold``.

It prints its port. With ``answer`` it replies with its name. With ``hold`` it stops each reply where the prompt says,
and prints the prompt, until the process is killed.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PORT, MODE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PRINTING = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"]
        if MODE == "hold":
            self.hold(prompt)
        elif body.get("stream"):
            self.send_head("text/event-stream")
            self.send_event({"role": "assistant", "content": ""})
            self.send_event({"content": NAME})
            self.send_event({}, finish_reason="stop")
            self.send_chunk(b"data: [DONE]\n\n")
            self.send_chunk(b"")
        else:
            message = {"role": "assistant", "content": NAME}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.send_head("application/json")
            self.send_chunk(json.dumps({"id": "1", "model": "tiny", "choices": [choice]}).encode())
            self.send_chunk(b"")

    def hold(self, prompt):
        if prompt != "before the head":
            self.send_head("text/event-stream")
            self.send_event({"role": "assistant", "content": ""})
        if prompt == "after content":
            self.send_event({"content": NAME})
        self.wfile.flush()
        report(prompt)
        threading.Event().wait()

    def send_head(self, media_type):
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def send_event(self, delta, finish_reason=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        event = {"id": "1", "object": "chat.completion.chunk", "model": "tiny", "choices": [choice]}
        self.send_chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def send_chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *arguments):
        pass


def report(text):
    """Print a line at once."""
    with PRINTING:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


with Server(("127.0.0.1", PORT), Handler) as server:
    report(server.server_port)
    server.serve_forever()
