"""Check what a client submits, and prepare the folder of its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budwood_server.gateway.plan import resolve_allowed
from budwood_server.runs.document_folder import refuse
from budwood_server.runs.documents import find_documents
from budwood_server.runs.inputs import list_document_ids
from budwood_server.runs.outputs import RunOutputs, load_storages
from budwood_server.runs.payers import to_payer
from budwood_server.runs.preparation import check_installed, prepare_folder
from budwood_server.runs.specifications import check_specification, list_models, list_options, parse_specification
from budwood_server.runs.work_limits import WorkLimit, run_limited
from budwood_server.web.problems import ProblemError

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.people.principals import Principal
    from budwood_server.runs.folders import RunFolders
    from budwood_server.runs.inputs import Uploads
    from budwood_server.worker import Worker


async def prepare_run(
    worker: Worker,
    principal: Principal,
    given: Mapping[str, Any] | str,
    *,
    run_id: str,
    part: Path,
    folders: RunFolders,
) -> dict[str, Any]:
    """
    Check a specification, and copy what it reads.

    Args:
        worker: Knows the models and settings.
        principal: Who submits it.
        given: The specification: an object, or the text of a file.
        run_id: The id of the run.
        part: The folder for the run, which must exist.
        folders: Have the uploaded documents.

    Returns:
        The specification as it was submitted, for those who look at the run.

    Raises:
        ProblemError: 400: it is not valid, or asks for what a client may not have; 404: runs are not installed.
    """
    check_installed()
    configuration = worker.configuration
    settings = configuration.server.runs
    submitted = parse_specification(given)
    storages = load_storages(configuration.settings, settings.storages)
    outputs = RunOutputs(storages, principal.owner, run_id)
    table = check_specification(submitted, settings, outputs)
    _check_models(configuration, to_payer(principal), table)
    uploads = await _find_uploads(worker, principal.owner, table, folders)
    await run_limited(WorkLimit(), prepare_folder, table, part, settings, uploads)
    return submitted


async def _find_uploads(worker: Worker, owner: str, table: Mapping[str, Any], folders: RunFolders) -> Uploads:
    ids = list_document_ids(table)
    if not ids or worker.database is None:
        return {}
    async with worker.database.read() as connection:
        found = await find_documents(connection, owner, ids)
    return {each.id: (each.name, folders.documents.path(each.id)) for each in found}


def _check_models(configuration: Configuration, key: ApiKey, table: Mapping[str, Any]) -> None:
    """Check that the key may use the models and the options of the calls."""
    for field, name in list_models(table):
        try:
            resolve_allowed(configuration, key, name)
        except ProblemError as error:
            raise refuse(field, error.problem.message.rstrip("."), hint=error.problem.hint) from None
    allowed = key.request_options if key.request_options is not None else configuration.server.request_options
    for field, options in list_options(table):
        if "timeout" in options and "timeout" not in allowed:
            raise refuse(f"{field}.timeout", "requests to this server may not set it", hint="Remove it.")
