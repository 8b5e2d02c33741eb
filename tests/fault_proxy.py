"""A proxy on loopback that passes requests to a server, and fails where a test says so."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Fault:
    """
    What happens to requests whose method and path contain a text.

    Attributes:
        match: A part of the method and the path, such as ``"PUT /bucket/key"``.
        action: Gets the handler; see the functions below.
        times: How many requests it meets.
        skip: How many requests pass before.
    """

    match: str
    action: object
    times: float = 1
    skip: int = 0


@dataclass
class FaultProxy:
    """
    The proxy.

    Attributes:
        upstream: The address of the server.
        requests: The methods, paths and headers of all requests.
        faults: The faults; the first that matches is used up.
    """

    upstream: str
    requests: list = field(default_factory=list)
    faults: list = field(default_factory=list)

    def fail(self, match, action, **options):
        """
        Add a fault.
        """
        self.faults.append(Fault(match, action, **options))

    def count(self, match, header=None):
        """
        Return how many requests contained a text, and a header.
        """
        return sum(match in line and (header is None or header in headers) for line, headers in self.requests)

    def take(self, line):
        """
        Return the action for a request; None if it is only passed on.
        """
        for fault in self.faults:
            if fault.match in line:
                if fault.skip > 0:
                    fault.skip -= 1
                elif fault.times > 0:
                    fault.times -= 1
                    return fault.action
        return None

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"proxy": self, "lock": threading.Lock()})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def serve(self):
        line = f"{self.command} {self.path}"
        with self.lock:
            self.proxy.requests.append((line, {name.lower(): value for name, value in self.headers.items()}))
            action = self.proxy.take(line)
        if action is None:
            self.reply(*self.forward())
        else:
            action(self)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = serve  # noqa: N815 - the names of the base class

    def read_body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def forward(self, *, without=()):
        connection = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("expect", *without)}
        connection.request(self.command, self.path, self.read_body(), headers)
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, reply.getheaders(), body

    def reply(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), len(body))
        self.send_header("content-length", str(length if self.command == "HEAD" else len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        """
        Write no log.
        """


def lose_reply(handler):
    """
    Pass the request on, and close the connection instead of a reply.
    """
    handler.forward()
    handler.close_connection = True


def cut_request(handler):
    """
    Close the connection in the middle of the request.
    """
    handler.rfile.read(int(handler.headers["content-length"]) // 2)
    handler.close_connection = True


def cut_reply(handler):
    """
    Close the connection in the middle of the reply.
    """
    status, headers, body = handler.forward()
    handler.send_response_only(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def without_header(name):
    """
    Return an action that passes the request on without a header, as a server that ignores it would read it.
    """

    def strip(handler):
        handler.reply(*handler.forward(without=(name,)))

    return strip


def error_reply(status, code, message=""):
    """
    Return an action that replies with an error of S3.
    """

    def reply(handler):
        handler.read_body()
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        handler.reply(status, [("content-type", "application/xml")], body)

    return reply


def call_before(function):
    """
    Return an action that calls a function instead of passing the request on.
    """

    def act(handler):
        handler.read_body()
        function()
        handler.close_connection = True

    return act


def call_after(function):
    """
    Return an action that passes the request on, and calls a function instead of replying.
    """

    def act(handler):
        handler.forward()
        function()
        handler.close_connection = True

    return act
