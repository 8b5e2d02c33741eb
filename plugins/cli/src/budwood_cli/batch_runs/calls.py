"""Send the requests of a file side by side, and keep each result as soon as it is there."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

from budwood import Client
from budwood.errors import (
    AuthenticationError,
    BudgetExceededError,
    BudwoodError,
    CredentialError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    QuotaExhaustedError,
)
from budwood.types import ChatResponse
from budwood_cli import terminal
from budwood_cli.batch_files import result_as_json
from budwood_cli.batch_runs.requests import NumberedRequest, RequestFile
from budwood_cli.batch_runs.rows import ResultRows

_FATAL: Final = (AuthenticationError, CredentialError, PluginError, QuotaExhaustedError)
"""Errors that other requests of the same model would have, too."""

_FATAL_AT_FIRST: Final = (NotFoundError, PermissionDeniedError)
"""Errors that other requests would have, too, unless one has succeeded."""

BUDGET: Final = "--budget"
"""The name of the budget of a command."""


class BatchCalls:
    """
    The calls of a batch.

    Args:
        client: Sends the requests.
        requests: The requests.
        rows: Their results.
        options: The options of all calls.
        concurrency: How many calls run at once.
        limit: How many requests of the file are sent at most.
        retry_failed: Whether to send failed requests again.

    Attributes:
        total: How many requests had a result, or had to be sent, at the start. Failed ones are counted once.
        is_stopping: Whether no more requests are sent.
        error: The error that ends the batch.
    """

    def __init__(
        self,
        client: Client,
        requests: RequestFile,
        rows: ResultRows,
        options: Mapping[str, Any],
        *,
        concurrency: int,
        limit: int | None = None,
        retry_failed: bool = False,
    ) -> None:
        self._client = client
        self._requests = requests
        self._rows = rows
        self._options = options
        self._concurrency = concurrency
        self._limit = len(requests) if limit is None else limit
        self._due = bytearray(
            index < self._limit and rows.is_due(index, retry_failed=retry_failed) for index in range(len(requests))
        )
        self.total = sum(due or rows.has(index) for index, due in enumerate(self._due))
        self._succeeded = rows.done - rows.failed
        self._running: set[int] = set()
        self.is_stopping = False
        self.error: BudwoodError | None = None

    @property
    def remaining(self) -> int:
        """How many requests have to be sent, those that run included."""
        return self._due.count(1)

    def send(self, finished: Callable[[int], None]) -> None:
        """
        Send the requests.

        Args:
            finished: Called with the index of each request whose result is there.

        Raises:
            BudwoodError: All requests would fail in the same way. The results are kept.
        """
        with self._stop_at_interrupt():
            before = self.remaining + 1
            while 0 < self.remaining < before and not self.is_stopping:
                before = self.remaining
                self._send_all(finished)
                if not isinstance(self.error, BudgetExceededError):
                    break  # requests reserve more of a budget than they cost, so that refused ones may fit later
        if self.error is not None and not self.is_stopping:
            raise self.error

    def _send_all(self, finished: Callable[[int], None]) -> None:
        """Send all requests that are due, until one has an error that others would have, too."""
        self.error = None
        options = cast("Any", self._options)
        with self._client.ask_many(self._read_due(), concurrency=self._concurrency, **options) as replies:
            for done in replies:
                request = cast("NumberedRequest", done.prompt)
                self._running.discard(request.index)
                if self._is_fatal(request, done.reply):
                    self.error = cast("BudwoodError", done.reply)
                    continue
                self._succeeded += isinstance(done.reply, ChatResponse)
                self._rows.add(request, result_as_json(done.reply))
                self._due[request.index] = False
                finished(request.index)

    def _read_due(self) -> Iterator[NumberedRequest]:
        for request in self._requests.read():
            if self.is_stopping or self.error is not None or request.index >= self._limit:
                return
            if self._due[request.index]:
                self._running.add(request.index)
                yield request

    def _is_fatal(self, request: NumberedRequest, reply: ChatResponse | BudwoodError) -> bool:
        if isinstance(reply, BudgetExceededError):
            return reply.budget == BUDGET
        if "model" in request.options:
            return False
        return isinstance(reply, _FATAL) or (not self._succeeded and isinstance(reply, _FATAL_AT_FIRST))

    @contextmanager
    def _stop_at_interrupt(self) -> Iterator[None]:
        """Stop after the requests that run at the first Ctrl-C, and at once at the second."""

        def press(*_: object) -> None:
            if self.is_stopping:
                raise KeyboardInterrupt
            self.is_stopping = True
            running = terminal.format_count(len(self._running), "request")
            terminal.note(f"Stopping after {running} in flight. Press Ctrl-C again to stop at once.")

        previous = signal.signal(signal.SIGINT, press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
