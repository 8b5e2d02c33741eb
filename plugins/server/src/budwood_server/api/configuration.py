"""``/api/config``: which configuration each worker uses, and loading the settings again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from budwood_server.api.access import Admin, get_worker
from budwood_server.api.errors import list_responses
from budwood_server.api_models.moments import Moment
from budwood_server.worker import Worker

router = APIRouter(prefix="/api/config", tags=["configuration"])


class WorkerConfiguration(BaseModel):
    """
    The configuration of a worker.

    Attributes:
        pid: The number of the process.
        version: Identifies the settings that it uses: a hash of them.
        loaded_at: When it loaded them.
        error: Why it rejected newer settings, or null.
        is_draining: Whether it finishes its requests, and then ends.
    """

    pid: int
    version: str
    loaded_at: Moment
    error: str | None
    is_draining: bool


class ConfigurationReply(BaseModel):
    """
    The configuration of the worker that answers, and of all workers on its machine.

    Attributes:
        version: Identifies the settings that it uses: a hash of them.
        error: Why it rejected newer settings, or null.
        workers: All workers of the machine.
    """

    version: str
    error: str | None
    workers: list[WorkerConfiguration]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def get_configuration(request: Request, _: Admin) -> ConfigurationReply:
    """Return which configuration each worker uses."""
    return _describe(get_worker(request))


@router.post("/reload", responses=list_responses(400, 401, 403, 503))
async def reload_configuration(request: Request, admin: Admin) -> ConfigurationReply:
    """
    Load the settings again, in this worker at once and in all others of the database within a second.

    Settings that are not valid are an error, and the present ones remain in use.
    """
    worker = get_worker(request)
    await worker.reload_everywhere(admin)
    return _describe(worker)


def _describe(worker: Worker) -> ConfigurationReply:
    states = [worker.state, *worker.others()]
    workers = [
        WorkerConfiguration.model_validate(state.to_json()) for state in sorted(states, key=lambda state: state.pid)
    ]
    return ConfigurationReply(version=worker.state.version, error=worker.state.error, workers=workers)
