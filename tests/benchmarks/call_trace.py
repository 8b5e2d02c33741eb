"""
Print the functions of ours that one ``client.ask`` passes through, in the order of their first call.

``python -m tests.benchmarks.call_trace`` asks a server on loopback twice to warm up, and follows the third call. With
``--async`` it follows an async client over httptools. A coroutine or a generator that continues counts as called again.
``--json`` prints the functions alone, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from budwood import AsyncClient, Client
from budwood_testing import chat_reply
from budwood_testing.loopback import LoopbackServer

SOURCES: Final = ("/budwood/", "/budwood_")
REQUESTS: Final = 3


class Step(NamedTuple):
    """
    A function that was called: its file, its name, its length in lines.
    """

    file: str
    name: str
    lines: int


def trace_calls(call: Any) -> Counter[Step]:
    """
    Count the calls of functions of ours that a function makes, in the order of their first call.
    """
    steps: Counter[Step] = Counter()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        path = Path(code.co_filename).as_posix()
        if event == "call" and any(source in path for source in SOURCES) and "budwood_testing" not in path:
            last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
            steps[Step(path.partition("/src/")[2], code.co_qualname, last - code.co_firstlineno + 1)] += 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return steps


def play_replies(server: LoopbackServer) -> None:
    """
    Have a server answer the calls on one connection.
    """
    body = json.dumps(chat_reply("Hello.")).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    server.play(head + body, keep_alive=True, times=REQUESTS)


def trace_ask() -> Counter[Step]:
    """
    Follow one ``client.ask`` with the provider openai-compatible over the default transport.
    """
    with LoopbackServer() as server, Client("openai-compatible/model", base_url=server.url, cache=False) as client:
        play_replies(server)
        for _ in range(REQUESTS - 1):
            client.ask("Hi")
        return trace_calls(lambda: client.ask("Hi"))


def trace_async_ask() -> Counter[Step]:
    """
    Follow one ``await client.ask`` with the provider openai-compatible over httptools.
    """
    with LoopbackServer() as server, asyncio.Runner() as runner:
        play_replies(server)
        client = AsyncClient("openai-compatible/model", base_url=server.url, cache=False, transport="httptools")
        for _ in range(REQUESTS - 1):
            runner.run(client.ask("Hi"))
        steps = trace_calls(lambda: runner.run(client.ask("Hi")))
        runner.run(client.close())
        return steps


def main() -> None:
    """
    Print each function with its file and how often it was called, and the sums.
    """
    parser = argparse.ArgumentParser(description="Print the functions that one client.ask passes through.")
    parser.add_argument("--async", action="store_true", dest="is_async", help="follow an async client over httptools")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the functions alone, as JSON")
    arguments = parser.parse_args()
    steps = trace_async_ask() if arguments.is_async else trace_ask()
    if arguments.as_json:
        print(json.dumps([step._asdict() for step in steps]))
        return
    for step, count in steps.items():
        print(f"{count:4} × {step.file}  {step.name}  ({step.lines} lines)")
    files = {step.file for step in steps}
    print(f"{sum(steps.values())} calls of {len(steps)} functions in {len(files)} files")


if __name__ == "__main__":
    main()
