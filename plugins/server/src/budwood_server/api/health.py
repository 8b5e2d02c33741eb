"""``/livez`` and ``/readyz``, for those who start processes and balance load. They need no key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from budwood_server.api.access import get_worker

router = APIRouter(tags=["health"])


class Readiness(BaseModel):
    """
    Whether requests can be answered.

    Attributes:
        status: ``"ready"`` or ``"not ready"``.
        checks: What is needed for it, each with ``ok`` and the reason if it is not.
    """

    status: str
    checks: dict[str, dict[str, Any]]


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Tell that the process answers. It touches nothing else."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Requests cannot be answered; the checks say why."}},
)
async def readyz(request: Request) -> JSONResponse:
    """Tell whether requests can be answered: the database, Redis if it is configured, and the configuration."""
    checks = await get_worker(request).check()
    is_ready = all(check["ok"] for check in checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JSONResponse(body, 200 if is_ready else 503, headers={"cache-control": "no-store"})
