"""Two real server processes: the first is killed with 64 calls in flight, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from budwood import AsyncClient, Client
from budwood.engine.endpoints.health import FIRST_REST, JITTER
from budwood.errors import BudwoodError, StreamInterruptedError
from budwood_testing import FakeClock
from tests.faults.matrix.cells import BACKUP, FIRST
from tests.ports import find_port

PROGRAM = Path(__file__).parent / "programs" / "chat_process.py"
PROMPTS = [
    f"{kind} {number}" for kind, count in (("plain", 32), ("early", 16), ("late", 16)) for number in range(count)
]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


class ServerProcess:
    """A server in a process of its own."""

    def __init__(self, what: str, port: int | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, str(port or find_port()), what], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def kill_when_held(self, count: int) -> None:
        """Kill the process once it holds a number of requests."""
        for _ in range(count):
            assert self.process.stdout.readline() == "held\n"
        self.kill()

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.kill()
            assert self.process.returncode == -signal.SIGKILL


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """
    Reach loopback servers without the proxies of the environment.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def call_all(options, prompts, at_start) -> list[object]:
    """Send each prompt in a thread; return replies and errors."""

    def call(prompt):
        try:
            if prompt.startswith("plain"):
                return client.ask(prompt)
            with client.stream(prompt) as stream:
                list(stream)
            return stream.response
        except BudwoodError as error:
            return error

    with Client("first/tiny", **options) as client, ThreadPoolExecutor(len(prompts)) as threads:
        results = threads.map(call, prompts)
        at_start()
        return list(results)


def call_all_async(options, prompts, at_start) -> list[object]:
    """Send each prompt in a task; return replies and errors."""

    async def call(client, prompt):
        try:
            if prompt.startswith("plain"):
                return await client.ask(prompt)
            async with client.stream(prompt) as stream:
                async for _ in stream:
                    pass
            return stream.response
        except BudwoodError as error:
            return error

    async def run():
        async with AsyncClient("first/tiny", **options) as client:
            calls = asyncio.gather(*(call(client, prompt) for prompt in prompts))
            await asyncio.to_thread(at_start)
            return await calls

    return asyncio.run(run())


@pytest.mark.parametrize("on_stream_failure", ["raise", "restart"])
@pytest.mark.parametrize("run", [call_all, call_all_async])
def test_killed_server_is_replaced_and_used_again(run, on_stream_failure):
    """
    No plain call and no stream before its first content fails; later streams are interrupted or start again.

    When the server is back, it is used again.
    """
    clock = FakeClock()
    with contextlib.ExitStack() as stack:
        first, backup = (stack.enter_context(ServerProcess(what)) for what in ("hold", "answer"))
        provider = {"plugin": "openai-compatible", "base_url": first.url, "backups": [{"base_url": backup.url}]}
        options = {"settings": {"providers": {"first": provider}}, "clock": clock, "cache": False}

        stream_options = options | {"on_stream_failure": on_stream_failure}
        results = run(stream_options, PROMPTS, lambda: first.kill_when_held(len(PROMPTS)))

        for prompt, result in zip(PROMPTS, results, strict=True):
            if prompt.startswith("late") and on_stream_failure == "raise":
                assert type(result) is StreamInterruptedError
                assert result.response.text == "Half"
                assert [attempt.endpoint for attempt in result.attempts] == [FIRST]
            else:
                assert result.text == "Well done"
                assert [attempt.endpoint for attempt in result.attempts] == [FIRST, BACKUP]
        stack.enter_context(ServerProcess("answer", first.port))
        check_fail_back(options, clock)


def check_fail_back(options, clock) -> None:
    """Check that a server that is back is used again when its circuit breaker lets a call through."""
    with Client("first/tiny", **options) as client:
        before = client.ask("plain")
        state, _ = client.endpoints()
        clock.sleep(state.next_probe)
        after = client.ask("plain")

        assert state.state == "open"
        assert state.next_probe <= FIRST_REST * (1 + JITTER)
        assert [(attempt.endpoint, attempt.skipped is None) for attempt in before.attempts] == [
            (FIRST, False),
            (BACKUP, True),
        ]
        assert [attempt.endpoint for attempt in after.attempts] == [FIRST]
        assert client.endpoints()[0].state == "closed"
