"""A server that holds its replies until a test opens them, so that calls are certainly under way."""

from __future__ import annotations

import functools
import json
import threading
import time

from tests.chat_server import NOW, ChatServer, completion


class HeldServer(ChatServer):
    """
    A server that holds its replies until `opened` is set. Streams send a first chunk before.
    """

    def __init__(self, status: int = 200):
        super().__init__(fault=lambda number, body: functools.partial(self.reply, number, body))
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.lost = threading.Semaphore(0)
        self.status = status

    def reply(self, number, body, handler):
        self.arrived.release()
        if body.get("stream"):
            self.stream(handler, body)
            return
        self.opened.wait(300)
        if self.status == 200:
            handler.send(200, completion(body["model"], f"Reply {number}"))
        else:
            handler.send(self.status, {"error": {"message": "no"}}, **NOW)

    def stream(self, handler, body):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        for text in ("Rep", "ly"):
            chunk = {"id": "c", "model": body["model"], "choices": [{"index": 0, "delta": {"content": text}}]}
            handler.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            handler.wfile.flush()
            while not self.opened.wait(0.01):
                try:
                    handler.wfile.write(b": waiting\n\n")
                    handler.wfile.flush()
                except OSError:
                    self.lost.release()
                    raise
        end = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        handler.wfile.write(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
        handler.close_connection = True

    def __exit__(self, *error):
        self.opened.set()
        super().__exit__(*error)


def wait_for_members(client, count: int) -> None:
    """
    Wait until a number of calls share requests of a client.
    """
    flights = client._engine.cache.flights._flights
    while sum(len(flight._members) for flight in tuple(flights.values())) != count:
        time.sleep(0.001)
