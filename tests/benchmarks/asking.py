"""What every contender asks, and what it must get. Nothing is imported here that a contender's environment lacks."""

from __future__ import annotations

MODEL = "bench"
QUESTION = "Hi"
MESSAGES = [{"role": "user", "content": QUESTION}]
BODY = {"model": MODEL, "messages": MESSAGES}
STREAMED = BODY | {"stream": True, "stream_options": {"include_usage": True}}
PERSON_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}
STRUCTURED = BODY | {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "Person", "schema": PERSON_SCHEMA, "strict": True},
    }
}
TOOLS = BODY | {
    "tools": [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": description,
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        }
        for name, description in (
            ("weather", "Tell the weather of a city."),
            ("population", "Count the people of a city."),
            ("twin_cities", "List the twins of a city."),
        )
    ]
}
MAX_PARALLEL_FLOWS = frozenset({"async_many"})
"""Operations that make many calls by themselves: they are given how many, and how many at once."""


class Unavailable(Exception):  # noqa: N818 - not an error: what is not there takes no part
    """
    A contender cannot do this here; says why, unless it never offered it.
    """


def check(found: object, wanted: object) -> None:
    """
    See that a reply is what the server sent: a client that is fast and wrong is no contender.
    """
    if found != wanted:
        raise AssertionError(f"expected {str(wanted)[:200]!r}, got {str(found)[:200]!r}")
