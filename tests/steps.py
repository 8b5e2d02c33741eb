"""Run the generators of calls that providers return, without an engine."""

from __future__ import annotations


def run_steps(steps, replies):
    """
    Answer each call with the next reply; an error is raised in the generator.

    Returns:
        The calls, and the result.
    """
    calls, reply = [], None
    remaining = iter(replies)
    while True:
        try:
            call = steps.throw(reply) if isinstance(reply, Exception) else steps.send(reply)
        except StopIteration as end:
            assert list(remaining) == []
            return calls, end.value
        calls.append(call)
        reply = next(remaining)
