"""The state of endpoints, which the clients of a process share."""

from __future__ import annotations

from budwood.engine.endpoints.shared_state import reset_all


def reset_endpoints() -> None:
    """
    Forget the state of all endpoints: circuit breakers, budgets of retries, latencies, keys, limits.

    Clients with a transport or a clock of their own share no state with others. Call this before tests with other
    clients, so that failures in one test do not change the outcome of the next.
    """
    reset_all()
