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


def made(name, **settings):
    """Make a modifier as a run does: by its name, with settings that are checked."""
    instances = Instances(Settings.load(), clock=FakeClock())
    return instances.build(PROMPT_MODIFIER, name, settings).implementation


def cell(passage=None, **material) -> Cell:
    """Make a cell."""
    return Cell(id="c", index=0, turns=1, passage=passage, material=material)


def said(messages) -> list[tuple[str, str]]:
    """List roles and texts."""
    return [(message.role, message.text) for message in messages]


def test_the_passage_stands_in_the_system_message():
    """
    Before it stands what is asked of the model.
    """
    messages = made("document-context", request="Use this.").modify(QUESTION, cell(PASSAGE))

    assert said(messages) == [("system", "Use this.\n\n<passage>\nTea is green.\n</passage>"), ("user", "Is it?")]


def test_a_system_message_that_is_there_is_added_to():
    """
    There is one system message in the end, since many models take no more.
    """
    for message in (Message.system("Be brief."), Message(role="developer", parts=Message.system("Be brief.").parts)):
        first, last = made("persona").modify((message, *QUESTION), cell(persona="a nurse"))

        assert first.role == message.role
        assert first.text.startswith("Be brief.\n\nYou speak with a nurse.")
        assert last == QUESTION[0]


def test_the_persona_stands_where_the_request_says():
    """
    Every `{persona}` is replaced, and no other brace means anything.
    """
    messages = made("persona", request="{persona} {x} {persona}").modify(QUESTION, cell(persona="a {nurse}"))

    assert messages[0].text == "a {nurse} {x} a {nurse}"


@pytest.mark.parametrize("name", ["document-context", "persona"])
def test_a_cell_that_lacks_the_thing_is_left_alone(name):
    """
    Without a passage or a persona nothing is added.
    """
    assert made(name).modify(QUESTION, cell(seed="x")) == QUESTION


def test_an_unknown_setting_is_refused():
    """
    The error names it.
    """
    with pytest.raises(ConfigurationError, match="requst"):
        made("persona", requst="x")


def test_modifiers_work_in_their_order_and_for_the_answerer_alone(tmp_path):
    """
    What they add is seen by the model that answers, in the order in which they are named; it stands in no row.
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
