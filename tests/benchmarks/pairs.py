"""
Compare the CPU time of calls in two environments, in pairs of new processes.

``python -m tests.benchmarks.pairs OLD_PYTHON NEW_PYTHON [--pairs 12]`` prints, for each way of calling, the median of
the ratios new to old with its 95 % interval. Each process asks a server on loopback, which runs in this one.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

BODY: Final = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
    b'"completion_tokens":2,"total_tokens":11}}'
)
CHUNK: Final = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"content":"word "},"finish_reason":null}]}\n\n'
)
END: Final = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)

PREPARE: Final = """
import asyncio, sys, time
import budwood
url = sys.argv[1]
settings = {"providers": {"openai-compatible": {"base_url": url}}}
options = {"settings": settings, "cache": False, "transport": "default"}
"""
PROGRAMS: Final = {
    "sync": """
with budwood.Client("openai-compatible/m", **options) as client:
    for _ in range(50): client.ask("Hi")
    start = time.process_time()
    for _ in range(600): client.ask("Hi")
    print(time.process_time() - start)
""",
    "async, 32 in flight": """
async def main():
    async with budwood.AsyncClient("openai-compatible/m", **options) as client:
        await client.ask_many(["Hi"] * 64, concurrency=32).in_order()
        start = time.process_time()
        await client.ask_many(["Hi"] * 960, concurrency=32).in_order()
        print(time.process_time() - start)
asyncio.run(main())
""",
    "stream of 200 chunks": """
with budwood.Client("openai-compatible/m", **options) as client:
    def read():
        with client.stream("stream") as stream:
            for _ in stream.text_deltas(): pass
    for _ in range(5): read()
    start = time.process_time()
    for _ in range(300): read()
    print(time.process_time() - start)
""",
}


class Handler(BaseHTTPRequestHandler):
    """
    Answers each request immediately, or with 200 chunks if the body asks for a stream.
    """

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if b'"stream":true' in body.replace(b" ", b""):
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for piece in [CHUNK] * 200 + [END]:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
            self.wfile.write(head.encode() + BODY)

    def log_message(self, *arguments: object) -> None:
        """
        Log nothing.
        """


@contextmanager
def run_server() -> Iterator[str]:
    """
    Run the server, and return its address.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()


def measure_seconds(python: str, program: str, url: str) -> float:
    """
    Run a program in a new process, and return the CPU seconds that it reports.
    """
    run = subprocess.run([python, "-c", PREPARE + program, url], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    return float(run.stdout)


def compute_interval(ratios: Sequence[float], *, draws: int = 10_000) -> tuple[float, float]:
    """
    Return the 95 % bootstrap interval of the median.
    """
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(draws))
    return medians[int(draws * 0.025)], medians[int(draws * 0.975)]


def main() -> None:
    """
    Print one line per kind of call.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--pairs", type=int, default=12)
    arguments = parser.parse_args()
    with run_server() as url:
        for name, program in PROGRAMS.items():
            ratios = []
            for number in range(arguments.pairs):
                order = [arguments.old, arguments.new] if number % 2 else [arguments.new, arguments.old]
                measured = {python: measure_seconds(python, program, url) for python in order}
                ratios.append(measured[arguments.new] / measured[arguments.old])
            low, high = compute_interval(ratios)
            print(f"{name}: {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f}), {len(ratios)} pairs")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
