"""A fake Hub on loopback for the real client library: one model, and several errors."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c" * 40
TOKEN = "hf_test_secret"
ERRORS = {
    "gated": (403, "GatedRepo"),
    "none": (401, "RepoNotFound"),
    "locked": (401, None),
}
"""Replies for the other models: status and error code."""


class Hub:
    """
    Serves the files of a folder as the model ``acme/tiny``, and as ``acme/private`` to clients with the token.

    Attributes:
        url: The URL.
        paths: The requested paths.
    """

    def __init__(self, folder: Path) -> None:
        self.paths: list[str] = []
        handler = type("Handler", (_Handler,), {"folder": folder, "paths": self.paths})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    folder: Path
    paths: list[str]

    def do_GET(self):
        self._answer(body=True)

    def do_HEAD(self):
        self._answer(body=False)

    def log_message(self, *_):
        pass

    def _answer(self, *, body):
        self.paths.append(self.path)
        match = re.match(r"/(?:api/models/)?acme/(\w+)(?:/resolve/([^/]+)/(.+))?", self.path)
        if match is None:
            return self._send_error(404, "RepoNotFound")
        model, revision, name = match.groups()
        if model in ERRORS:
            return self._send_error(*ERRORS[model])
        if model == "private" and self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._send_error(401, "RepoNotFound")
        if revision not in (None, "main", COMMIT):
            return self._send_error(404, "RevisionNotFound")
        if name is None or not (self.folder / name).is_file():
            return self._send_error(404, "EntryNotFound")
        return self._send(200, (self.folder / name).read_bytes(), body=body)

    def _send(self, status, content, *, body):
        self.send_response(status)
        self.send_header("etag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("x-repo-commit", COMMIT)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _send_error(self, status, code):
        self.send_response(status)
        if code is not None:
            self.send_header("x-error-code", code)
        self.send_header("content-length", "0")
        self.end_headers()
