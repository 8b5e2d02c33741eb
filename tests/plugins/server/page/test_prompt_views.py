"""The views of prompts: versions, labels, the form, and the test panel."""

from __future__ import annotations

import re
from html import unescape

import pytest

from budwood_prompts import Prompt, Variable
from budwood_server.page.prompts.editor import Editor, format_value, parse_value
from tests.plugins.server.page.conftest import read

VARIABLE = {"name": "name", "type": "text", "required": "", "default": "", "description": "Who is greeted."}
HOSTILE = "</pre><script>alert(1)</script>{{ name }}"


def fill(name="greeting", content="Hello {{ name }}", **fields):
    """
    Return the fields of the form for a prompt with one variable.
    """
    sent = {f"variable-0-{key}": value for key, value in VARIABLE.items()}
    return {"name": name, "message-0-role": "user", "message-0-content": content, "add": ""} | sent | fields


@pytest.fixture
def greeting(visit, request):
    """
    The name of a prompt with two versions, of which the label ``production`` names the first.
    """
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower())[:80].strip("-")
    assert visit("oli").post("/admin/prompts/_new", fill(name)).status == 303
    visit("oli").post(f"/admin/prompts/{name}/labels", {"label": "production", "version": "1"})
    visit("oli").post(f"/admin/prompts/{name}/edit", fill(name, "Good day {{ name }}"))
    return name


def test_prompt_is_created_and_edited(visit, greeting):
    """
    Each time it is saved there is a version more; labels stay.
    """
    page = read(visit("vera").get(f"/admin/prompts/{greeting}"))
    old = read(visit("vera").get(f"/admin/prompts/{greeting}?at=production"))

    assert "Good day {{ name }}" in page
    assert "production version 1" in page
    assert "Hello {{ name }}" in old
    assert "This is version 1. The newest one is 2." in old
    assert greeting in read(visit("vera").get("/admin/prompts"))


def test_versions_are_compared(visit, greeting):
    """
    By default with the version before.
    """
    text = unescape(visit("vera").get(f"/admin/prompts/{greeting}/diff").body.decode())

    assert '<span class="removed">-content = "Hello {{ name }}"</span>' in text
    assert '<span class="added">+content = "Good day {{ name }}"</span>' in text
    assert "The versions are equal." in text or visit("vera").get(
        f"/admin/prompts/{greeting}/diff?old=production&new=1"
    ).body.decode().count("equal")


def test_earlier_version_is_restored(visit, greeting):
    """
    As a new version, after a question.
    """
    question = read(visit("oli").get(f"/admin/prompts/{greeting}/rollback?at=1"))
    visit("oli").post(f"/admin/prompts/{greeting}/rollback", {"version": "1"})

    page = read(visit("oli").get(f"/admin/prompts/{greeting}"))
    assert "Roll back to version 1?" in question
    assert "Version 3" in page
    assert "Hello {{ name }}" in page


def test_labels_are_moved_and_removed(visit, greeting):
    """
    A label that is none is refused.
    """
    visit("oli").post(f"/admin/prompts/{greeting}/labels", {"label": "production", "version": "2"})
    assert "production version 2" in read(visit("oli").get(f"/admin/prompts/{greeting}"))
    visit("oli").post(f"/admin/prompts/{greeting}/labels/remove", {"label": "production"})
    assert "No label names a version." in read(visit("oli").get(f"/admin/prompts/{greeting}"))
    assert visit("oli").post(f"/admin/prompts/{greeting}/labels", {"label": "Big One", "version": "1"}).status == 400
    assert visit("oli").post(f"/admin/prompts/{greeting}/labels", {"label": "x", "version": "x"}).status == 400


def test_prompt_is_deleted(visit, greeting):
    """
    After a question; then it is not found.
    """
    assert "Delete the prompt" in read(visit("oli").get(f"/admin/prompts/{greeting}/delete"))
    assert visit("oli").post(f"/admin/prompts/{greeting}/delete").status == 303
    assert visit("oli").get(f"/admin/prompts/{greeting}").status == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "Big Name"}, "name"),
        ({"message-0-content": "Hello {{ nobody }}"}, "message-0-content"),
        ({"message-0-content": "{{ ('a' * 1000000000) | length }}"}, "message-0-content"),
        ({"variable-0-name": "for", "message-0-content": "x"}, "variable-0-name"),
        ({f"variable-1-{key}": value for key, value in VARIABLE.items()}, "variable-1-name"),
        ({"variable-0-type": "number", "variable-0-default": "many"}, "variable-0-default"),
        ({"variable-0-required": "yes", "variable-0-default": "Ada"}, "variable-0-default"),
        ({"message-0-content": " "}, None),
    ],
)
def test_errors_are_shown_at_their_fields(visit, fields, field):
    """
    What was entered stays.
    """
    sent = fill("broken-prompt") | fields
    answer = visit("oli").post("/admin/prompts/_new", sent)

    text = answer.body.decode()
    assert answer.status == 400
    assert f'id="{field}-error"' in text if field else 'class="notice bad"' in text or 'class="error"' in text
    assert "Who is greeted." in text


def test_form_grows_by_a_row(visit):
    """
    Without scripts: the button sends the form, and nothing is saved.
    """
    answer = visit("oli").post("/admin/prompts/_new", fill("grows") | {"add": "variable"})
    text = visit("oli").post("/admin/prompts/_new", fill("grows") | {"add": "message"}).body.decode()

    assert 'id="variable-1-name"' in answer.body.decode()
    assert 'id="message-1-content"' in text
    assert visit("oli").get("/admin/prompts/grows").status == 404


def test_names_are_taken_once(visit, greeting):
    """
    A new prompt replaces none.
    """
    answer = visit("oli").post("/admin/prompts/_new", fill(greeting))

    assert answer.status == 409
    assert "There is a prompt of this name." in read(answer)


def test_viewers_change_nothing(visit, greeting):
    """
    They see no buttons for it, and are refused; models are not theirs to run.
    """
    vera = visit("vera")
    text = vera.get(f"/admin/prompts/{greeting}").body.decode() + vera.get("/admin/prompts").body.decode()
    panel = vera.get(f"/admin/prompts/{greeting}/test").body.decode()

    for button in ("Set label", "Roll back", ">Edit<", "New prompt", "Delete"):
        assert button not in text
    assert "data-run" not in panel
    for path in ("edit", "labels", "labels/remove", "rollback", "delete", "test/run"):
        assert vera.post(f"/admin/prompts/{greeting}/{path}", fill()).status == 403, path
    assert vera.post("/admin/prompts/_new", fill("mine")).status == 403
    assert vera.post(f"/admin/prompts/{greeting}/test", {"var-name": "Ada"}).status == 200


def test_prompt_is_rendered(visit, greeting):
    """
    With the values as text; a missing one is explained.
    """
    path = f"/admin/prompts/{greeting}/test"
    answer = visit("vera").post(path, {"var-name": HOSTILE})
    missing = visit("vera").post(path, {"var-name": ""})
    part = visit("vera").post(path, {"var-name": "Ada", "at": "1"}, hx_request="true")

    assert f"Good day {HOSTILE}" in unescape(answer.body.decode())
    assert b"<script>alert" not in answer.body
    assert "needs the variable" in read(missing)
    assert "Hello Ada" in read(part)
    assert b"<html" not in part.body


def test_prompt_is_run(visit, greeting):
    """
    With its reply, tokens and cost; the call is one of the account.
    """
    path = f"/admin/prompts/{greeting}/test/run"
    answer = visit("oli").post(path, {"var-name": "Ada", "model": "fast"})
    unknown = visit("oli").post(path, {"var-name": "Ada", "model": "nothing/at-all"})

    assert answer.status == 200
    assert "Reply offline/extractive" in read(answer)
    assert "Output tokens" in read(answer)
    assert unknown.status == 404
    assert b'class="notice bad"' in unknown.body


def test_prompt_is_run_as_a_stream(visit, greeting):
    """
    The events are those of /api/run.
    """
    sent = {"var-name": "Ada", "model": "fast"}
    answer = visit("oli").post(f"/admin/prompts/{greeting}/test/run", sent, accept="text/event-stream")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert b"event: text" in answer.body
    assert b"event: done" in answer.body
    assert f"{greeting}@2".encode() in answer.body


def test_running_needs_the_token_of_the_page(visit, greeting):
    """
    A page of another site can run nothing.
    """
    path = f"/admin/prompts/{greeting}/test/run"

    assert visit("oli").post(path, {"var-name": "Ada", "model": "fast"}, origin="http://evil.example").status == 403
    assert visit("oli").post(path, [("csrf_token", "x"), ("model", "fast")]).status == 403


@pytest.mark.parametrize(
    ("value", "kind"),
    [("a\nb", "text"), (3, "number"), (0.5, "number"), (True, "boolean"), (False, "boolean"), (["a", "b"], "list")],
)
def test_values_are_fields_and_back(value, kind):
    """
    Values that are no value of the type stay text, so that the check explains them.
    """
    assert parse_value(format_value(value), kind) == value
    assert parse_value("many", "number") == "many"


def test_prompts_are_forms_and_back():
    """
    A prompt that is edited without a change is the same, or accepts the same values.
    """
    prompt = Prompt(
        name="all",
        description="All kinds.",
        variables={
            "a": Variable(default="x"),
            "b": Variable(type="number", required=False),
            "c": Variable(type="list", default=["1", "2"], description="Several."),
            "d": Variable(type="boolean", default=False),
        },
        messages=({"role": "system", "content": "{{ a }}\n{{ b }}"}, {"role": "user", "content": "x"}),
    )

    assert Prompt.model_validate(Editor.of_prompt(prompt).to_fields()) == prompt
    empty = Prompt(name="all", variables={"a": Variable(type="list", default=[])}, messages=prompt.messages[1:])
    saved = Prompt.model_validate(Editor.of_prompt(empty).to_fields())
    assert not saved.variables["a"].is_required
