"""``/admin/runs/documents``: uploaded files that runs use, and the form that uploads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from budwood_server.api import run_documents, runs
from budwood_server.api.exchanges import to_exchange
from budwood_server.api_models.runs import DocumentDetails
from budwood_server.page.confirmations import ask
from budwood_server.page.forms import REFUSED, FormErrors, find_errors
from budwood_server.page.routes import get, post, upload
from budwood_server.page.visits import Visit
from budwood_server.people.roles import RUNS_READ, RUNS_WRITE
from budwood_server.runs.document_names import check_content, check_name
from budwood_server.runs.folders import RunFolders
from budwood_server.runs.received_files import ReceivedFile, hash_file, store_files
from budwood_server.web.forms import FormFile, read_form
from budwood_server.web.paths import PAGE_RUN_DOCUMENTS
from budwood_server.web.problems import reject, reject_size

FILES: Final = "files"
"""The field of the form that has the files."""

_DOCUMENT: Final = f"{PAGE_RUN_DOCUMENTS}/{{document_id}}"


async def show_documents(visit: Visit) -> Response:
    """List the documents of the account, the newest first."""
    return await _show(visit, FormErrors(), 200)


async def upload_documents(visit: Visit) -> Response:
    """Store the files of the form, all of them or none, within the limits of ``POST /api/runs/documents``."""
    try:
        await _receive(visit, runs.get_folders(visit.request))
    except REFUSED as error:
        return await _show(visit, *find_errors(error, (FILES,)))
    return visit.redirect(PAGE_RUN_DOCUMENTS, "documents-uploaded")


async def ask_deletion(visit: Visit) -> Response:
    """Ask whether a document is to be deleted."""
    return ask(
        visit,
        title="Delete the document?",
        text="Runs that were submitted with it have a copy. Specifications can no longer name it.",
        button="Delete document",
        cancel=PAGE_RUN_DOCUMENTS,
    )


async def delete(visit: Visit) -> Response:
    """Delete a document."""
    document_id = visit.request.path_params["document_id"]
    await run_documents.delete(visit.request, visit.principal, runs.get_folders(visit.request), document_id)
    return visit.redirect(PAGE_RUN_DOCUMENTS, "document-deleted")


async def list_documents(visit: Visit) -> Sequence[DocumentDetails]:
    """Return the newest documents of the account, from which a form chooses."""
    return (await run_documents.list_all(visit.request, visit.principal, visit.paging())).items


async def _receive(visit: Visit, folders: RunFolders) -> None:
    server = visit.worker.configuration.server
    exchange = to_exchange(visit.request)
    with folders.new_part() as part:
        limit, timeout = server.runs.max_uploads, server.body_timeout
        async with read_form(exchange, limit, timeout, setting="max_uploads", folder=part) as form:
            chosen = [file for file in form.find_files(FILES) if file.name or file.size]
            if not chosen:
                raise reject("Choose at least one file.", param=FILES, code="missing_file")
            files = [await _check(file, server.runs.max_documents) for file in chosen]
            await store_files(visit.database, folders, visit.principal, files, limit)


async def _check(file: FormFile, max_bytes: int) -> ReceivedFile:
    """
    Return a file of the form, if it can be a document.

    Raises:
        ProblemError: 400 or 413: its name is not valid, it is empty or too large.
    """
    check_name(file.name, FILES)
    check_content(file.name, file.size, FILES)
    if file.size > max_bytes:
        raise reject_size(f"file {file.name!r}", max_bytes, "max_documents")
    return ReceivedFile(file.name, file.path, file.size, await hash_file(file.path))


async def _show(visit: Visit, errors: FormErrors, status: int) -> Response:
    values = {
        "page": await run_documents.list_all(visit.request, visit.principal, visit.paging()),
        "errors": errors,
        "limits": visit.worker.configuration.server.runs,
        "may_write": visit.may(RUNS_WRITE),
        "action": f"{PAGE_RUN_DOCUMENTS}?token={visit.upload_token}",
    }
    return visit.render("run_documents.html", values, status=status)


ROUTES: Final = [
    get(PAGE_RUN_DOCUMENTS, show_documents, RUNS_READ),
    upload(PAGE_RUN_DOCUMENTS, upload_documents, RUNS_WRITE),
    get(f"{_DOCUMENT}/delete", ask_deletion, RUNS_WRITE),
    post(f"{_DOCUMENT}/delete", delete, RUNS_WRITE),
]
