"""The requests of every contender, and the expected replies. Imports nothing that an environment may lack."""

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
            ("weather", "Return the weather of a city."),
            ("population", "Return the population of a city."),
            ("twin_cities", "Return the twin cities of a city."),
        )
    ]
}
MAX_PARALLEL_FLOWS = frozenset({"async_many"})
"""Operations that make many calls themselves; their arguments are the total number and the concurrency."""


class Unavailable(Exception):  # noqa: N818 - not an error
    """
    A contender does not support an operation; the message is the reason, if the library lacks it only here.
    """


def check(found: object, expected: object) -> None:
    """
    Check that a reply is what the server sent.
    """
    if found != expected:
        raise AssertionError(f"expected {str(expected)[:200]!r}, got {str(found)[:200]!r}")
