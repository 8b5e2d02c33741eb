from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood.hooks import PROMPT_MODIFIER
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import Cell, Message, SourcePassage
from budwood_generation import generate
from budwood_testing import FakeClock
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec

PASSAGE = SourcePassage(id="p", document="a.md", headings=("Tea",), text="Tea is green.")
QUESTION = (Message.user("Is it?"),)


def build(name, **settings):
    """Build a modifier as a run does: by name, with validated settings."""
    instances = Instances(Settings.load(), clock=FakeClock())
    return instances.build(PROMPT_MODIFIER, name, settings).implementation


def cell(passage=None, **material) -> Cell:
    """Return a cell."""
    return Cell(id="c", index=0, turns=1, passage=passage, material=material)


def roles_and_texts(messages) -> list[tuple[str, str]]:
    """Return roles and texts."""
    return [(message.role, message.text) for message in messages]


def test_the_passage_is_in_the_system_message():
    """
    The request comes before it.
    """
    messages = build("document-context", request="Use this.").modify(QUESTION, cell(PASSAGE))

    assert roles_and_texts(messages) == [
        ("system", "Use this.\n\n<passage>\nTea is green.\n</passage>"),
        ("user", "Is it?"),
    ]


def test_an_existing_system_message_is_extended():
    """
    There is only one, since many models accept only one.
    """
    for message in (Message.system("Be brief."), Message(role="developer", parts=Message.system("Be brief.").parts)):
        first, last = build("persona").modify((message, *QUESTION), cell(persona="a nurse"))

        assert first.role == message.role
        assert first.text.startswith("Be brief.\n\nYou speak with a nurse.")
        assert last == QUESTION[0]


def test_the_persona_replaces_the_placeholder():
    """
    Every `{persona}` is replaced. Braces in it have no meaning.
    """
    messages = build("persona", request="{persona} {{x}} {persona}").modify(QUESTION, cell(persona="a {nurse}"))

    assert messages[0].text == "a {nurse} {x} a {nurse}"


def test_fields_fill_the_request():
    """
    The request before a passage may have placeholders.
    """
    modifier = build("document-context", request="Answer for {who}.")

    first = modifier.modify(QUESTION, cell(PASSAGE, who="{cooks}"))[0]

    assert first.text.startswith("Answer for {cooks}.\n\n<passage>")


@pytest.mark.parametrize("name", ["document-context", "persona"])
def test_a_cell_without_passage_or_persona_is_unchanged(name):
    """
    Nothing is added.
    """
    assert build(name).modify(QUESTION, cell(seed="x")) == QUESTION


def test_an_unknown_setting_is_rejected():
    """
    The error names it.
    """
    with pytest.raises(ConfigurationError, match="requst"):
        build("persona", requst="x")


def test_modifiers_apply_in_order_to_the_answerer(tmp_path):
    """
    The asker and the rows do not contain what they add.
    """
    job = {
        "asker": "local/asker",
        "answerer": "local/answerer",
        "strategy": {"plugin": "persona", "personas": ["a nurse"]},
        "modifiers": ["document-context", {"plugin": "persona", "request": "Second: {persona}."}],
        "system": "First of all.",
        "turns": 1,
    }
    with ChatServer() as server:
        report = generate(conversation_spec(tmp_path, job=job, rows=1), settings=server.settings)

    systems = {body["model"]: body["messages"][0]["content"] for body in server.requests}
    assert [systems["answerer"].index(text) for text in ("First of all.", "<passage>", "Second: a nurse.")] == sorted(
        systems["answerer"].index(text) for text in ("First of all.", "<passage>", "Second: a nurse.")
    )
    assert "Second" not in systems["asker"]
    assert "Second" not in report.output.read_text("utf-8")
