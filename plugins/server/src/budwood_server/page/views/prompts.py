"""``/admin/prompts``: prompts with their versions and labels."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationError
from starlette.responses import Response

from budwood.errors import BudwoodError
from budwood_prompts import LABEL_PATTERN, Prompt
from budwood_server.api import prompts
from budwood_server.api.paging import Paging
from budwood_server.api_models.prompts import LabelBody, PromptReply, VersionReply
from budwood_server.page.confirmations import ask
from budwood_server.page.forms import FormErrors
from budwood_server.page.navigation import Link
from budwood_server.page.prompts.editor import REQUIRED, ROLES, TYPES, Editor
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit
from budwood_server.people.roles import PROMPTS_READ, PROMPTS_WRITE
from budwood_server.web.problems import reject

PATH: Final = "/admin/prompts"
LINK: Final = Link("Prompts", PATH, "prompt", "Build", PROMPTS_READ)

NEW: Final = f"{PATH}/_new"
"""No prompt has this name."""

_PROMPT: Final = f"{PATH}/{{name}}"
_EMPTY: Final = Editor("", "", [{"role": "system", "content": ""}, {"role": "user", "content": ""}], [])
_VERSIONS: Final = 30


async def show_prompts(visit: Visit) -> Response:
    """List the prompts by name."""
    page = await prompts.list_prompts(visit.request, visit.paging(), visit.principal)
    return visit.render("prompts.html", {"page": page, "may_write": visit.may(PROMPTS_WRITE)})


async def show_prompt(visit: Visit) -> Response:
    """Show a version of a prompt, and its other versions."""
    found = await find_prompt(visit)
    paging = Paging(visit.query.get("cursor") or None, _VERSIONS)
    versions = await prompts.list_versions(visit.request, found.prompt.name, paging, visit.principal)
    newest = await prompts.get_prompt(visit.request, found.prompt.name, visit.principal)
    values = {"found": found, "page": versions, "newest": newest.version, "may_write": visit.may(PROMPTS_WRITE)}
    return visit.render("prompt.html", values)


async def show_new(visit: Visit) -> Response:
    """Show the form of a new prompt."""
    return _show_editor(visit, _EMPTY, FormErrors())


async def show_edit(visit: Visit) -> Response:
    """Show the form with a version of a prompt."""
    found = await find_prompt(visit)
    return _show_editor(visit, Editor.of_prompt(found.prompt), FormErrors(), found.version)


async def save_new(visit: Visit) -> Response:
    """Save a new prompt. It must have another name than those that exist."""
    editor = Editor.of_form(visit.form)
    if editor.name and await _exists(visit, editor.name):
        errors = FormErrors({"name": "There is a prompt of this name. Choose another one, or edit that prompt."})
        return _show_editor(visit, editor, errors, status=409)
    return await _save(visit, editor)


async def save_edit(visit: Visit) -> Response:
    """Save a new version of a prompt."""
    name = visit.request.path_params["name"]
    return await _save(visit, Editor(name, *_fields_of(Editor.of_form(visit.form))), name)


async def show_difference(visit: Visit) -> Response:
    """Show how two versions differ."""
    found = await find_prompt(visit, visit.query.get("new"))
    old = visit.query.get("old") or str(max(found.version - 1, 1))
    reply = await prompts.diff_versions(visit.request, found.prompt.name, visit.principal, old, str(found.version))
    versions = await prompts.list_versions(visit.request, found.prompt.name, Paging(None, 200), visit.principal)
    numbers = [(str(each.version), f"Version {each.version}") for each in versions.items]
    numbers += [] if old in dict(numbers) else [(old, old)]
    values = {"found": found, "old": old, "lines": _read_difference(reply.diff), "numbers": numbers}
    return visit.render("prompt_diff.html", values)


async def set_label(visit: Visit) -> Response:
    """Give a label to a version."""
    name, label = visit.request.path_params["name"], visit.form.text("label")
    if not re.fullmatch(LABEL_PATTERN, label):
        raise reject(
            f"{label[:80]!r} cannot be a label.",
            param="label",
            hint="Labels have lower-case letters, digits, - and _, and begin with a letter: production.",
        )
    await prompts.set_label(visit.request, name, label, _read_version(visit), visit.principal)
    return visit.redirect(f"{PATH}/{name}", "prompt-labelled")


async def remove_label(visit: Visit) -> Response:
    """Remove a label."""
    name = visit.request.path_params["name"]
    await prompts.remove_label(visit.request, name, visit.form.text("label"), visit.principal)
    return visit.redirect(f"{PATH}/{name}", "prompt-unlabelled")


async def ask_rollback(visit: Visit) -> Response:
    """Ask whether a version is to become the newest."""
    found = await find_prompt(visit)
    return ask(
        visit,
        title=f"Roll back to version {found.version}?",
        text="Its content is saved as a new version, which becomes the newest. Labels stay where they are.",
        button="Roll back",
        tone="primary",
        cancel=f"{PATH}/{found.prompt.name}",
        fields=[{"name": "version", "label": "", "type": "hidden", "value": str(found.version)}],
    )


async def roll_back(visit: Visit) -> Response:
    """Save the content of an earlier version again."""
    name = visit.request.path_params["name"]
    await prompts.roll_back(visit.request, name, _read_version(visit), visit.principal)
    return visit.redirect(f"{PATH}/{name}", "prompt-rolled-back")


async def ask_deletion(visit: Visit) -> Response:
    """Ask whether a prompt is to be deleted."""
    found = await find_prompt(visit)
    return ask(
        visit,
        title=f"Delete the prompt {found.prompt.name}?",
        text="All versions and labels are deleted. Programs that use the prompt by its name get an error.",
        button="Delete prompt",
        cancel=f"{PATH}/{found.prompt.name}",
    )


async def delete(visit: Visit) -> Response:
    """Delete a prompt."""
    await prompts.delete_prompt(visit.request, visit.request.path_params["name"], visit.principal)
    return visit.redirect(PATH, "prompt-deleted")


async def find_prompt(visit: Visit, at: str | None = None) -> PromptReply:
    """Return the prompt of the path, in the version that the address names in ``at``."""
    version = at or visit.query.get("at") or None
    return await prompts.get_prompt(visit.request, visit.request.path_params["name"], visit.principal, version)


def _fields_of(editor: Editor) -> tuple[Any, ...]:
    return editor.description, editor.messages, editor.variables


async def _exists(visit: Visit, name: str) -> bool:
    try:
        await prompts.get_prompt(visit.request, name, visit.principal)
    except BudwoodError:
        return False
    return True


async def _save(visit: Visit, editor: Editor, name: str | None = None) -> Response:
    """Save a prompt, or show the form again: with another row, or with what is wrong."""
    if (kind := visit.form.text("add")) in ("message", "variable"):
        return _show_editor(visit, editor.with_row(kind), FormErrors(), name)
    if errors := editor.find_repetitions():
        return _show_editor(visit, editor, errors, name, status=400)
    try:
        prompt = Prompt.model_validate(editor.to_fields())
    except ValidationError as error:
        return _show_editor(visit, editor, editor.find_errors(error), name, status=400)
    reply = await prompts.save_prompt(visit.request, prompt, visit.principal)
    saved = VersionReply.model_validate_json(bytes(reply.body))
    return visit.redirect(f"{PATH}/{saved.prompt.name}", "prompt-saved")


def _show_editor(
    visit: Visit, editor: Editor, errors: FormErrors, edited: object = None, status: int = 200
) -> Response:
    values = {"editor": editor, "errors": errors, "is_new": edited is None}
    choices = {"types": TYPES, "roles": ROLES, "required": REQUIRED}
    return visit.render("prompt_form.html", values | choices, status=status)


def _read_version(visit: Visit) -> LabelBody:
    try:
        return LabelBody.model_validate({"version": visit.form.text("version")})
    except ValidationError:
        raise reject("The version must be a number.", param="version") from None


def _read_difference(text: str) -> list[tuple[str, str]]:
    """Return the lines of a unified diff with their classes."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    lines = text.splitlines()[2:]
    return [(kinds.get(line[:1], ""), line) for line in lines]


ROUTES: Final = [
    get(PATH, show_prompts, PROMPTS_READ),
    get(NEW, show_new, PROMPTS_WRITE),
    post(NEW, save_new, PROMPTS_WRITE),
    get(_PROMPT, show_prompt, PROMPTS_READ),
    get(f"{_PROMPT}/edit", show_edit, PROMPTS_WRITE),
    post(f"{_PROMPT}/edit", save_edit, PROMPTS_WRITE),
    get(f"{_PROMPT}/diff", show_difference, PROMPTS_READ),
    post(f"{_PROMPT}/labels", set_label, PROMPTS_WRITE),
    post(f"{_PROMPT}/labels/remove", remove_label, PROMPTS_WRITE),
    get(f"{_PROMPT}/rollback", ask_rollback, PROMPTS_WRITE),
    post(f"{_PROMPT}/rollback", roll_back, PROMPTS_WRITE),
    get(f"{_PROMPT}/delete", ask_deletion, PROMPTS_WRITE),
    post(f"{_PROMPT}/delete", delete, PROMPTS_WRITE),
]
