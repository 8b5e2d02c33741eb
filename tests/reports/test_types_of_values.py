"""The type that type checkers derive for `parsed`."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from pydantic import BaseModel

from budwood import ChatResponse, Message

PROGRAM = """
import budwood
from typing import assert_type
from pydantic import BaseModel

class Person(BaseModel):
    name: str

client = budwood.Client()
assert_type(client.ask("?", schema=Person).parsed, Person)
assert_type(client.ask("?", schema=list[Person], temperature=0).parsed, list[Person])
assert_type(client.chat().ask("?", schema=int).parsed, int)
assert_type(budwood.ask("?", schema=Person).parsed, Person)
print(client.ask("?", schema=Person | None).parsed.name, client.ask("?").parsed)
reply: budwood.ChatResponse = client.ask("?")

async def main() -> None:
    async with budwood.AsyncClient() as client:
        assert_type((await client.ask("?", schema=Person)).parsed, Person)
        assert_type((await client.chat().ask("?", schema=Person)).parsed, Person)
    assert_type((await budwood.ask_async("?", schema=Person)).parsed, Person)
"""


class Person(BaseModel):
    name: str


def test_the_value_has_the_type_of_the_schema(tmp_path):
    """
    A strict type checker derives the type of `parsed` from the schema.
    """
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(PROGRAM)

    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout


def test_typed_responses_are_ordinary_responses():
    """
    Responses with a type parameter support pickling and JSON like others.
    """
    response = ChatResponse(message=Message.assistant("a"), parsed=Person(name="Ada"))

    assert type(response).__name__ == "ChatResponse"
    assert pickle.loads(pickle.dumps(response)).parsed == Person(name="Ada")
    assert ChatResponse.model_validate_json(response.model_dump_json()).parsed == {"name": "Ada"}
