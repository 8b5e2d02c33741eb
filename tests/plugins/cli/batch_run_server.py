"""A vendor that counts the requests of `budwood batch run`."""

from __future__ import annotations

import threading

from tests.chat_server import ChatServer, completion, failure


class CountingServer(ChatServer):
    """
    Answers each prompt with its text in upper case.

    Attributes:
        rejected: The prompts that get an error.
        status: The status of that error.
        gate: Prompts from `first_held` on, by their order of arrival, wait for it.
        first_held: The number of the first request that waits; None for none.
        arrived: Released for each request.
    """

    def __init__(self):
        super().__init__(say=lambda body: prompt_of(body).upper(), fault=self.find_fault)
        self.rejected = frozenset()
        self.status = 400
        self.gate = threading.Event()
        self.first_held = None
        self.arrived = threading.Semaphore(0)

    @property
    def prompts(self):
        """The prompts of the requests."""
        return [prompt_of(body) for body in self.requests]

    def find_fault(self, number, body):
        self.arrived.release()
        if self.first_held is not None and number >= self.first_held:
            self.gate.wait()
        return failure(self.status) if prompt_of(body) in self.rejected else None

    def __exit__(self, *error):
        self.gate.set()
        super().__exit__(*error)


class ShuffledServer(ChatServer):
    """
    Answers requests in the reverse order of their arrival, once all have arrived.

    Args:
        count: How many requests arrive.
    """

    def __init__(self, count):
        super().__init__(fault=self.wait_for_turn)
        self._count = count
        self._turns = [threading.Event() for _ in range(count + 1)]

    def wait_for_turn(self, number, body):
        if number == self._count:
            self._turns[number].set()
        self._turns[number].wait()

        def answer(handler):
            handler.send(200, completion(body["model"], prompt_of(body).upper()))
            self._turns[number - 1].set()

        return answer


def prompt_of(body):
    """Return the prompt of a request."""
    return body["messages"][-1]["content"]


def use(server, monkeypatch):
    """Let commands use a server as ``local/tiny``."""
    monkeypatch.setenv("BUDWOOD_PROVIDERS__LOCAL__PLUGIN", "openai-compatible")
    monkeypatch.setenv("BUDWOOD_PROVIDERS__LOCAL__BASE_URL", f"{server.origin}/v1")
    monkeypatch.setenv("BUDWOOD_MODEL", "local/tiny")
    monkeypatch.setenv("BUDWOOD_OPTIONS__RETRIES", "0")
