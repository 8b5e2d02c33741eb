"""A server that bills each request as it arrives, up to the most that it could cost."""

from __future__ import annotations

import json
import random
import threading
from typing import Any, Self

from budwood.engine.budgets.worst_case import HIDDEN_TOKENS
from tests.servers import KEEP_ALIVE, MAX_WAIT, LoopbackServer, ReceivedRequest, reply


class BillingServer:
    """
    Replies with a random usage, up to the most input tokens of the request and its ``max_tokens``.

    Args:
        seed: The seed of the usages and of the faults.
        faults: Whether some replies fail: an error status, which is not billed, or a connection that breaks.

    Attributes:
        billed: The tokens of all requests so far.
        arrived: The number of requests.
        refused: The number of calls that were refused by a budget; the test counts them.
        expected: The number of calls that must have arrived or been refused before any reply is sent.
    """

    def __init__(self, seed: int = 0, *, faults: bool = False) -> None:
        self.billed = 0
        self.arrived = 0
        self.refused = 0
        self.expected = 0
        self._random = random.Random(seed)
        self._faults = faults
        self._changed = threading.Condition()
        self._server = LoopbackServer()
        self._server.answer = self._answer

    @property
    def settings(self) -> dict[str, Any]:
        """Settings with which ``bills/m`` uses this server, at a dollar per million tokens."""
        provider = {"plugin": "openai-compatible", "base_url": f"{self._server.url}/v1"}
        prices = {"input": "1", "output": "1"}
        return {"providers": {"bills": provider}, "models": {"bills/*": {"prices": prices}}}

    def observe(self, event: object) -> None:
        """Count the calls that a budget refuses, as an observer of a client."""
        if type(getattr(event, "error", None)).__name__ == "BudgetExceededError":
            with self._changed:
                self.refused += 1
                self._changed.notify_all()

    def wait_for_arrivals(self, number: int) -> bool:
        """Wait until this number of requests has arrived."""
        with self._changed:
            return self._changed.wait_for(lambda: self.arrived >= number, MAX_WAIT)

    def release(self) -> None:
        """Send all replies, also those of later requests."""
        with self._changed:
            self.expected = 0
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.__exit__()

    def _answer(self, request: ReceivedRequest) -> bytes:
        with self._changed:
            fault = self._random.choice(["", "", "status", "broken"]) if self._faults else ""
            usage = self._bill(request) if fault != "status" else {}
            self.arrived += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.arrived + self.refused >= self.expected, MAX_WAIT)
        if fault == "status":
            return reply(self._random.choice([400, 429, 500]), {"error": {"message": "no"}}, **KEEP_ALIVE)
        if fault == "broken":
            raise ConnectionAbortedError  # the connection is closed without a reply
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
        return reply(200, body, **KEEP_ALIVE)

    def _bill(self, request: ReceivedRequest) -> dict[str, int]:
        most_in, most_out = len(request.body) + HIDDEN_TOKENS, json.loads(request.body)["max_tokens"]
        share = self._random.choice([0.1, 1.0])
        tokens_in, tokens_out = round(most_in * share), round(most_out * share)
        self.billed += tokens_in + tokens_out
        return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
