"""An endpoint that verifies events, and kills the process that sends one when a test wants that."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler

from standardwebhooks import Webhook, WebhookVerificationError

from tests.background_server import BackgroundServer

DURING, AFTER = "during a request", "after the answer to a request"
"""When the process is killed that sends a request: before it gets the answer, or after it, before that is stored."""


class VerifyingEndpoint(BackgroundServer):
    """
    Keeps verified events inside a ``with`` block.

    Args:
        kill: Kills the process that sends the event with an id, and returns its number.

    Attributes:
        secret: The secret of the endpoint.
        bodies: The bodies of the accepted requests by their ``webhook-id``.
        interrupted: The ids of the events whose senders were killed before they got an answer.
        invalid: The requests that could not be verified.
    """

    def __init__(self, kill=None):
        self.secret = None
        self.bodies, self.interrupted, self.invalid = {}, [], []
        self._kill = kill
        self._armed, self._killed = None, None
        self._changed = threading.Condition()
        self.listen(_Handler)

    @property
    def url(self):
        """
        Where events are sent.
        """
        return f"{self.origin}/events"

    def kill_at(self, moment):
        """
        Wait for a request, kill the process that sends it at a moment, and return the number of the process.
        """
        with self._changed:
            self._armed, self._killed = moment, None
            assert self._changed.wait_for(lambda: self._killed is not None, 120)
            return self._killed

    def wait_for(self, count):
        """
        Wait until so many different events were accepted.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.bodies) >= count, 120), len(self.bodies)

    def receive(self, handler):
        """
        Verify a request, and answer it.
        """
        body = handler.rfile.read(int(handler.headers["content-length"]))
        event = handler.headers["webhook-id"]
        try:
            is_valid = Webhook(self.secret).verify(body, dict(handler.headers)) == json.loads(body)
        except WebhookVerificationError:
            is_valid = False
        if not is_valid:
            self.invalid.append((dict(handler.headers), body))
        moment = self._disarm()
        if moment == DURING:
            self.interrupted.append(event)
            self._kill_sender(event)
            handler.close_connection = True
            return
        with self._changed:
            self.bodies.setdefault(event, []).append(body)
            self._changed.notify_all()
        handler.send_response(204)
        handler.end_headers()
        handler.wfile.flush()
        if moment == AFTER:
            self._kill_sender(event)

    def _disarm(self):
        with self._changed:
            moment, self._armed = self._armed, None
            return moment

    def _kill_sender(self, event):
        killed = self._kill(event)
        with self._changed:
            self._killed = killed
            self._changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.owner.receive(self)

    def log_message(self, *arguments):
        pass
