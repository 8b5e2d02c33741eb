"""``/admin/prompts/NAME/test``: the test panel, which renders a prompt and runs it with a model."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from budwood.errors import BudwoodError
from budwood_server.access.keys import INFER
from budwood_server.api import prompts
from budwood_server.api.errors import describe_error
from budwood_server.api_models.prompts import PromptReply
from budwood_server.page.inner_requests import post_json
from budwood_server.page.prompts.editor import format_value, parse_value
from budwood_server.page.routes import get, post
from budwood_server.page.views.prompts import find_prompt
from budwood_server.page.visits import Visit
from budwood_server.people.roles import PROMPTS_READ
from budwood_server.web.problems import ProblemError

EVENTS: Final = "text/event-stream"
_TEST: Final = "/admin/prompts/{name}/test"
_PREFIX: Final = "var-"


async def show_panel(visit: Visit) -> Response:
    """Show the fields of the variables."""
    found = await find_prompt(visit)
    texts = {name: format_value(variable.default) for name, variable in found.prompt.variables.items()}
    return _show(visit, found, texts, {})


async def render_prompt(visit: Visit) -> Response:
    """Show the messages with the values, without asking a model."""
    found = await find_prompt(visit, visit.form.text("at"))
    return _show(visit, found, _read_texts(visit), await _render(visit, found))


async def run_prompt(visit: Visit) -> Response:
    """Send the prompt to a model, and show its reply; as a stream of events if the request accepts only that."""
    found = await find_prompt(visit, visit.form.text("at"))
    body = {
        "model": visit.form.text("model"),
        "prompt": f"{found.prompt.name}@{found.version}",
        "variables": _read_values(visit, found),
    }
    is_stream = visit.request.headers.get("accept", "") == EVENTS
    reply = await post_json(visit, "/api/run", body | {"stream": is_stream})
    if is_stream and reply.status == 200:
        return StreamingResponse(reply.chunks, media_type=EVENTS, headers={"x-accel-buffering": "no"})
    content = await reply.read_json()
    values = await _render(visit, found)
    if reply.status == 200:
        return _show(visit, found, _read_texts(visit), values | {"reply": content})
    return _show(visit, found, _read_texts(visit), values | {"error": content["error"]}, reply.status)


async def _render(visit: Visit, found: PromptReply) -> dict[str, Any]:
    """Return the messages, or why there are none."""
    name, version = found.prompt.name, str(found.version)
    try:
        rendered = await prompts.render_prompt(
            visit.request, name, _read_values(visit, found), visit.principal, version
        )
    except (BudwoodError, ProblemError) as error:
        problem = describe_error(error)
        return {"error": {"message": problem.message, "hint": problem.hint}}
    return {"messages": rendered.messages}


def _read_texts(visit: Visit) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX): visit.form.secret(name) for name in visit.form.values if name.startswith(_PREFIX)
    }


def _read_values(visit: Visit, found: PromptReply) -> dict[str, Any]:
    """Return the values of variables. A field that is empty has none, so that its default is used."""
    texts = _read_texts(visit)
    return {
        name: parse_value(texts[name], variable.type)
        for name, variable in found.prompt.variables.items()
        if texts.get(name, "").strip()
    }


def _show(
    visit: Visit,
    found: PromptReply,
    texts: dict[str, str],
    result: dict[str, Any],
    status: int = 200,
) -> Response:
    models = sorted(visit.worker.configuration.server.models)
    values = {
        "found": found,
        "texts": texts,
        "models": models,
        "model": visit.form.text("model") or (models[0] if models else ""),
        "may_run": visit.may(INFER),
        "result": {"messages": None, "reply": None, "error": None} | result,
    }
    is_part = visit.is_fragment or visit.request.headers.get("accept", "") == EVENTS
    return visit.render("prompt_result.html" if is_part else "prompt_test.html", values, status=status)


ROUTES: Final = [
    get(_TEST, show_panel, PROMPTS_READ),
    post(_TEST, render_prompt, PROMPTS_READ),
    post(f"{_TEST}/run", run_prompt, INFER),
]
