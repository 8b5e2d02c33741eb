"""The output of `print` and reprs in notebooks."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from budwood import Image, Message
from budwood.types import (
    Adaptation,
    Attempt,
    ChatRequest,
    ChatResponse,
    EmbeddingResponse,
    ModelInfo,
    RateLimits,
    ReasoningPart,
    TextPart,
    TokenCount,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    Usage,
    VendorPart,
)
from budwood_testing import chat_chunks, chat_reply, sse

README = Path(__file__).parents[2] / "README.md"


class Person(BaseModel):
    name: str


def test_print_shows_the_text_of_a_reply(client, scripted):
    """
    A reply converts to its text; its repr is short.
    """
    scripted.reply(body=chat_reply("Hello there."))

    reply = client.ask("Hi")

    assert str(reply) == f"{reply}" == "Hello there."
    assert repr(reply).startswith("ChatResponse(text='Hello there.', usage=Usage(input_tokens=")
    assert "provider='openai', model=" in repr(reply)
    assert len(repr(reply)) < 300


@pytest.mark.parametrize(
    "record",
    [
        TextPart(text="a"),
        ReasoningPart(text="a"),
        Image(url="https://x"),
        Image(data=b"a" * 10_000, media_type="image/png"),
        ToolCallPart(id="c", name="f"),
        ToolResultPart(call_id="c", name="f", content="x"),
        VendorPart(provider="v", kind="k", data=1),
        Message.user("a"),
        Usage(),
        Usage(input_tokens=3, raw={"a": [1] * 1000}),
        RateLimits(remaining_tokens=5),
        ToolDefinition(name="f", parameters={}),
        ChatRequest(model="m", messages=(Message.user("a"),)),
        ChatResponse(message=Message.assistant("a")),
        ChatResponse(message=Message.assistant("long " * 1000), raw={"a": [1] * 1000}),
        EmbeddingResponse(vectors=((0.5,) * 1536,) * 10),
        ModelInfo(id="m"),
        TokenCount(input_tokens=1, exact=True, low=1, high=1, source="vendor"),
        Attempt(provider="p", model="m", key=None, status=200, duration=0.1),
        Adaptation(parameter="seed", action="dropped", reason="it is not taken"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_reprs_are_short(record):
    """
    The repr of a record leaves out empty and long fields.
    """
    shown = repr(record)

    assert "None" not in shown
    assert "(type=" not in shown
    assert len(shown) < 320
    assert shown.startswith(type(record).__name__)


def test_reprs_show_all_values_that_differ_from_defaults():
    """
    Values that differ from the default are shown, even if they are falsy.
    """
    assert repr(Usage(input_tokens=0, output_tokens=5)) == str(Usage(input_tokens=0, output_tokens=5))
    assert str(Usage(input_tokens=0, output_tokens=5)) == "Usage(input_tokens=0, output_tokens=5)"
    assert repr(Message.user("a")) == "Message(role='user', parts=(TextPart(text='a'),))"
    response = ChatResponse(
        message=Message(role="assistant", parts=(ToolCallPart(id="c", name="f"),)),
        finish_reason="tool_calls",
        cost=Decimal("0.1"),
        cached=True,
        partial=True,
        parsed=0,
    )
    shown = repr(response)
    for part in (
        "tool_calls=(ToolCallPart(",
        "finish_reason='tool_calls'",
        "cost=",
        "cached=True",
        "partial=True",
        "parsed=0",
    ):
        assert part in shown


def test_clients_chats_and_streams_have_a_short_repr(client, scripted):
    """
    The reprs have the model and the progress, and never a key.
    """
    scripted.reply(chunks=sse(*chat_chunks(["ab", "cd"])))
    chat = client.chat()

    with chat.stream("Hi") as stream:
        unread = repr(stream)
        next(stream.text_deltas())
        during = repr(stream)
        list(stream)

    assert repr(client) == "Client('openai/gpt-4o')"
    assert repr(chat) == "ChatSession(model='openai/gpt-4o', messages=2)"
    assert unread == "ChatStream(nothing has arrived)"
    assert during == "ChatStream(2 characters have arrived)"
    assert repr(stream) == "ChatStream(complete)"


def test_the_first_example_of_the_readme_prints_readable_lines():
    """
    The example prints sentences, a number, a finish reason and a short usage.
    """
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[:1]

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "None" not in run.stdout
    assert run.stderr == ""
    first, second = run.stdout.splitlines()
    assert re.fullmatch(r"The shoot gives fruit after two years\. \d+ stop", first)
    assert re.fullmatch(r"A shoot is grafted onto a rootstock\. Usage\(input_tokens=\d+, output_tokens=\d+\)", second)
