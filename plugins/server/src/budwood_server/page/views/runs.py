"""``/admin/runs``: dataset runs with their progress and rows."""

from __future__ import annotations

import json
from typing import Final, get_args
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import Response

from budwood_server.api import runs
from budwood_server.api.paging import Page
from budwood_server.api_models.runs import ENDED, RunDetails, RunRow, RunState, SubmittedRun
from budwood_server.page.confirmations import ask
from budwood_server.page.formatting import format_bytes
from budwood_server.page.forms import Form, FormErrors, is_of_form
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get, post
from budwood_server.page.views.run_documents import list_documents
from budwood_server.page.visits import Visit
from budwood_server.people.roles import RUNS_READ, RUNS_WRITE
from budwood_server.runs.exporting import list_formats
from budwood_server.runs.specifications import add_documents
from budwood_server.web.problems import ProblemError, reject

PATH: Final = "/admin/runs"
LINK: Final = Link("Dataset runs", PATH, "runs", "Build", RUNS_READ)

NEW: Final = f"{PATH}/new"
"""No run has this id."""

_RUN: Final = f"{PATH}/{{run_id}}"
_STATES: Final = get_args(RunState)
_FIELDS: Final = ("name", "specification")
_ROWS: Final = 20
_EXAMPLE: Final = """\
rows = 10

[conversation]
answerer = {model}

[conversation.strategy]
plugin = "seed-list"
seeds = ["When do I graft an apple tree?", "How deep do its roots grow?"]
"""

_EXAMPLE_OF_DOCUMENTS: Final = """\
rows = 10

[conversation]
answerer = {model}
turns = [1, 2]
"""


async def show_runs(visit: Visit) -> Response:
    """List runs, the newest first. The list is asked for again every few seconds."""
    state: RunState | None = next((each for each in _STATES if each == visit.query.get("state")), None)
    page = await runs.list_all(visit.request, visit.principal, visit.paging(), state)
    values = {"page": page, "state": state, "states": _STATES, "may_write": visit.may(RUNS_WRITE)}
    return visit.render("runs_table.html" if visit.is_fragment else "runs.html", values)


async def show_form(visit: Visit) -> Response:
    """Show the form for a new run. The address may choose documents."""
    names = sorted(visit.worker.configuration.server.models)
    chosen = visit.query.getlist("document")
    example = (_EXAMPLE_OF_DOCUMENTS if chosen else _EXAMPLE).format(
        model=json.dumps(names[0] if names else "provider/model")
    )
    return await _show_form(visit, Form({"specification": [example], "document": chosen}), FormErrors(), 200)


async def submit(visit: Visit) -> Response:
    """Submit a run. A form that is sent twice submits one."""
    form = visit.form
    text = form.secret("specification").replace("\r\n", "\n")
    try:
        body = SubmittedRun(
            specification=add_documents(text, form.list("document")) or text, name=form.optional("name")
        )
        folders = runs.get_folders(visit.request)
        reply = await runs.submit(visit.request, visit.principal, folders, body, form.optional("once"))
    except ValidationError as error:
        return await _show_form(visit, form, FormErrors.of_validation(error, _FIELDS), 400)
    except ProblemError as error:
        problem = error.problem
        if problem.code == "invalid_specification":
            message = f"{problem.message} {problem.hint or ''}".strip()
            return await _show_form(visit, form, FormErrors({"specification": message}), problem.status)
        if not is_of_form(error):
            raise
        return await _show_form(visit, form, FormErrors.of_problem(problem, _FIELDS), problem.status)
    run = RunDetails.model_validate_json(bytes(reply.body))
    return visit.redirect(f"{PATH}/{run.id}", "run-submitted")


async def show_run(visit: Visit) -> Response:
    """Show a run. Its progress is asked for again every second; once it has ended, the page is loaded again."""
    run = await _find(visit)
    values = {
        "run": run,
        "rows": await _list_rows(visit, run),
        "has_ended": run.state in ENDED,
        "may_write": visit.may(RUNS_WRITE),
        "formats": list_formats(),
    }
    answer = visit.render("run_progress.html" if visit.is_fragment else "run.html", values)
    if visit.is_fragment and run.state in ENDED:
        answer.headers["hx-refresh"] = "true"  # its rows and buttons are others now
    return answer


async def export(visit: Visit) -> Response:
    """Return the rows of a run as a file. Errors are pages, as everywhere in the page."""
    asked = visit.query.get("format")
    chosen = next((name for name in list_formats() if name == asked), None)
    if chosen is None:
        hint = f"Choose one of {', '.join(list_formats())}."
        raise reject("This server cannot write this format.", param="format", hint=hint)
    folders = runs.get_folders(visit.request)
    return await runs.export_rows(visit.request, visit.principal, folders, visit.request.path_params["run_id"], chosen)


async def ask_cancellation(visit: Visit) -> Response:
    """Ask whether a run is to be cancelled."""
    run = await _find(visit)
    return ask(
        visit,
        title=f"Cancel the run {run.name}?",
        text="Calls that are on their way are given up. Finished rows stay, and the run can be resumed.",
        button="Cancel run",
        cancel=f"{PATH}/{run.id}",
        dismiss="Keep running",
    )


async def cancel(visit: Visit) -> Response:
    """Cancel a run."""
    run_id = visit.request.path_params["run_id"]
    await runs.cancel(visit.request, visit.principal, run_id)
    return visit.redirect(f"{PATH}/{run_id}", "run-cancelled")


async def resume(visit: Visit) -> Response:
    """Continue a run that has ended."""
    folders = runs.get_folders(visit.request)
    run_id = visit.request.path_params["run_id"]
    await runs.resume(visit.request, visit.principal, folders, run_id)
    return visit.redirect(f"{PATH}/{run_id}", "run-resumed")


async def ask_deletion(visit: Visit) -> Response:
    """Ask whether a run is to be deleted."""
    run = await _find(visit)
    location = run.progress.location
    return ask(
        visit,
        title=f"Delete the run {run.name}?",
        text=f"Its rows at {location} stay. Those that the server keeps are deleted."
        if location
        else "Its rows are deleted, too. Export them first if they are still needed.",
        button="Delete run",
        cancel=f"{PATH}/{run.id}",
    )


async def delete(visit: Visit) -> Response:
    """Delete a run with its rows."""
    folders = runs.get_folders(visit.request)
    await runs.delete(visit.request, visit.principal, folders, visit.request.path_params["run_id"])
    return visit.redirect(PATH, "run-deleted")


async def _find(visit: Visit) -> RunDetails:
    return await runs.show(visit.request, visit.principal, visit.request.path_params["run_id"])


async def _list_rows(visit: Visit, run: RunDetails) -> Page[RunRow]:
    if not run.progress.rows_done:
        return Page[RunRow](items=[], next_cursor=None)
    folders = runs.get_folders(visit.request)
    return await runs.list_rows(visit.request, visit.principal, folders, run.id, visit.paging(_ROWS))


async def _show_form(visit: Visit, form: Form, errors: FormErrors, status: int) -> Response:
    found = await list_documents(visit)
    documents = [(each.id, each.name, f"{format_bytes(each.bytes)}, {each.id}") for each in found]
    values = {"form": form, "errors": errors, "documents": documents, "once": uuid4().hex}
    return visit.render("run_form.html", values, status=status)


ROUTES: Final = [
    get(PATH, show_runs, RUNS_READ),
    get(NEW, show_form, RUNS_WRITE),
    post(PATH, submit, RUNS_WRITE),
    get(_RUN, show_run, RUNS_READ),
    get(f"{_RUN}/export", export, RUNS_READ),
    get(f"{_RUN}/cancel", ask_cancellation, RUNS_WRITE),
    post(f"{_RUN}/cancel", cancel, RUNS_WRITE),
    post(f"{_RUN}/resume", resume, RUNS_WRITE),
    get(f"{_RUN}/delete", ask_deletion, RUNS_WRITE),
    post(f"{_RUN}/delete", delete, RUNS_WRITE),
]
