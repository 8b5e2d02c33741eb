"""The model of structured output, in a separate file because some contenders lack Pydantic."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel


class Person(BaseModel):
    """
    The content of the structured reply.
    """

    name: str
    age: int
    city: str


PERSON: Final = Person.model_json_schema()
