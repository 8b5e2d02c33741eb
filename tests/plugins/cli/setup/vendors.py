"""Servers on loopback that pretend to be OpenAI and Ollama, and a keyring in a file."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD_KEY = "sk-good-key-1234567890"
BAD_KEY = "sk-bad-key-0987654321"
REASON = "Incorrect API key provided."
OPENAI_MODELS = ("text-embedding-3-small", "gpt-6.1-terra", "gpt-6.1-sol", "brand-new-model")


class Vendor:
    """
    A server with the lists of models of OpenAI and of Ollama.

    Attributes:
        keys: The keys that it accepts; None to accept requests without one.
        models: The names of its models.
        owner: The ``owned_by`` of its models.
        status: The status of every reply, if it is not 200.
        requests: The paths and keys of the requests.
    """

    def __init__(self, *, keys=(GOOD_KEY,), models=OPENAI_MODELS, owner="system"):
        self.keys = keys
        self.models = models
        self.owner = owner
        self.status = 200
        self.requests = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.vendor = self

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()

    @property
    def root(self):
        """The address without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        """The address of the API of OpenAI."""
        return f"{self.root}/v1"

    def reply(self, method, path, key):
        """Return the status and the body of a reply."""
        self.requests.append((method, path, key))
        if self.keys is not None and key not in self.keys:
            return 401, {"error": {"message": REASON, "code": "invalid_api_key"}}
        if self.status != 200:
            return self.status, {"error": {"message": "Out of order."}}
        if path.endswith("/v1/models"):
            return 200, {"data": [{"id": name, "owned_by": self.owner, "created": 1} for name in self.models]}
        if path == "/api/tags":
            return 200, {"models": [{"name": name, "model": name} for name in self.models]}
        if path == "/api/show":
            return 200, {"capabilities": ["completion"], "model_info": {}}
        return 404, {"error": {"message": "Not found."}}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        key = self.headers.get("authorization", "").removeprefix("Bearer ") or self.headers.get("api-key")
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, body = self.server.vendor.reply(self.command, self.path, key)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass
