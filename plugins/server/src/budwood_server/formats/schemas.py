"""JSON schemas of requests, by which the server validates replies."""

from __future__ import annotations

from typing import Any

from budwood.providing.json_patterns import find_slow_pattern
from budwood_server.web.problems import reject


def check_patterns(schema: dict[str, Any], where: str) -> dict[str, Any]:
    """
    Return a schema, if the time that its regular expressions take is bounded: others could stop a worker.

    Args:
        schema: The schema.
        where: The field of the request that has it.

    Raises:
        ProblemError: It has another regular expression, or a keyword for which that is not known.
    """
    if (slow := find_slow_pattern(schema)) is not None:
        raise reject(
            f"The field {where!r} has {slow[:100]!r}, by which this server does not validate replies.",
            param=where,
            code="unsupported_schema",
            hint="Use regular expressions without look-around and references to groups, and neither "
            "unevaluatedProperties beside patternProperties nor a $schema inside of the schema.",
        )
    return schema
