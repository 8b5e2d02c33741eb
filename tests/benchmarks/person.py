"""The model into which structured output is read. Apart, since not every contender brings Pydantic."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel


class Person(BaseModel):
    """
    What the structured reply holds.
    """

    name: str
    age: int
    city: str


PERSON: Final = Person.model_json_schema()
