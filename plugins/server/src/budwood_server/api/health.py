"""``/livez`` and ``/readyz``, for those who start processes and balance load. They need no key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Tell that the process answers. It touches nothing else."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "The server cannot answer requests, and the reply says why."}})
async def readyz(request: Request) -> JSONResponse:
    """Tell whether requests can be answered: the database, Redis if it is configured, and the configuration."""
    checks: dict[str, Any] = await request.app.state.worker.check()
    is_ready = all(check["ok"] for check in checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JSONResponse(body, 200 if is_ready else 503, headers={"cache-control": "no-store"})
