"""``/metrics`` for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from budwood_server.access.authentication import authenticate
from budwood_server.access.keys import TELEMETRY
from budwood_server.api.access import get_worker
from budwood_server.api.errors import list_responses
from budwood_server.web.problems import reject

router = APIRouter(tags=["health"])

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}, "description": "The metrics."}}


@router.get("/metrics", response_class=Response, responses=_TEXT | list_responses(401, 403, 404, 503))
async def metrics(request: Request) -> Response:
    """Return the metrics of all workers. It needs a key for telemetry, unless [server] metrics is "open"."""
    worker = get_worker(request)
    if worker.configuration.server.metrics != "open":
        await authenticate(worker, request.headers.get, TELEMETRY)
    if worker.metrics is None:
        raise reject(
            "This server has no metrics.",
            status=404,
            code="no_metrics",
            hint="Install them: pip install 'budwood-server[prometheus]', and restart.",
        )
    text, content_type = await worker.collect_metrics()
    return Response(text, media_type=content_type)
