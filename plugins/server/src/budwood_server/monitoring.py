"""``/livez``, ``/readyz`` and ``/metrics``: for those who start processes, balance load and watch servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING, Final

from budwood_server.access.authentication import authenticate
from budwood_server.access.keys import TELEMETRY
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from budwood_server.web.exchange import Exchange
    from budwood_server.worker import Worker


async def answer_monitoring(exchange: Exchange, worker: Worker) -> None:
    """
    Answer a request to one of `HANDLERS`.

    Raises:
        ProblemError: Another method, or see the handlers.
    """
    if exchange.method not in (HTTPMethod.GET, HTTPMethod.HEAD):
        message = f"{exchange.path} does not have the method {exchange.method}."
        raise ProblemError(Problem(status=405, message=message, code="method_not_allowed", headers={"allow": "GET"}))
    await HANDLERS[exchange.path](exchange, worker)


async def answer_livez(exchange: Exchange, _: Worker) -> None:
    """Tell that the process answers. It touches nothing else."""
    await exchange.send_json({"status": "alive"})


async def answer_readyz(exchange: Exchange, worker: Worker) -> None:
    """Tell whether requests can be answered: the database, Redis if it is configured, and the configuration."""
    checks = await worker.check()
    is_ready = all(check["ok"] for check in checks.values())
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    await exchange.send_json(body, status.value, ((b"cache-control", b"no-store"),))


async def answer_metrics(exchange: Exchange, worker: Worker) -> None:
    """
    Return the metrics of all workers for Prometheus.

    Raises:
        ProblemError: 401 or 403 without a key for telemetry, unless ``[server] metrics`` is ``"open"``; 404 if metrics
            are not installed.
    """
    if worker.configuration.server.metrics != "open":
        await authenticate(worker, exchange.find_header, TELEMETRY)
    if worker.metrics is None:
        from budwood.plugins.first_party import install_hint  # only for this error

        raise reject(
            "This server has no metrics.",
            status=404,
            code="no_metrics",
            hint=f"{install_hint('budwood-prometheus')}. Then restart.",
        )
    text, content_type = await worker.collect_metrics()
    await exchange.send(200, text, ((b"content-type", content_type.encode()),))


Handler = Callable[["Exchange", "Worker"], Awaitable[None]]

HANDLERS: Final[Mapping[str, Handler]] = {
    "/livez": answer_livez,
    "/readyz": answer_readyz,
    "/metrics": answer_metrics,
}
"""The handlers by path."""
