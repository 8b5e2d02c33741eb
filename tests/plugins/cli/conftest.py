"""The real command in a separate process, a server with the Chat Completions API, and a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from budwood_cli import questions
from tests.media_server import MediaServer
from tests.plugins.cli.fork_server import ForkServer

COMMAND = (sys.executable, "-m", "budwood_cli")
MAX_WAIT = 120.0
"""Seconds without output or exit after which a command is killed."""
INTERRUPT_INTERVAL = 3.0
"""Seconds between two interrupts."""


@pytest.fixture(autouse=True)
def buffered(monkeypatch):
    """
    Let Python buffer standard output, as for users, so that missing flushes show.
    """
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture(autouse=True)
def answers(monkeypatch):
    """
    Forget the switches of commands that run in the process of the tests.
    """
    for name in ("no_input", "no_input_flag", "yes"):
        monkeypatch.setattr(questions.ANSWERS, name, getattr(questions.Answers, name))


@pytest.fixture(scope="session")
def fork_server():
    """
    A process that runs commands in forks of itself. Windows has no forks.
    """
    server = ForkServer() if hasattr(os, "fork") else None
    yield server
    if server is not None:
        server.close()


@pytest.fixture
def budwood(fork_server):
    """
    Run the command. Keyword arguments are environment variables.
    """

    def run(*arguments, stdin="", **environment):
        arguments = [str(argument) for argument in arguments]
        environment = {**os.environ, **environment}
        if fork_server is not None and fork_server.can_run(environment):
            return fork_server.run(arguments, stdin, environment)
        return subprocess.run(
            [*COMMAND, *arguments], input=stdin, capture_output=True, encoding="utf-8", env=environment, check=False
        )

    return run


@pytest.fixture
def started():
    """
    Start the command with pipes. It is stopped after the test.
    """
    processes = []

    def start(*arguments):
        pipe = subprocess.PIPE
        flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], stdin=pipe, stdout=pipe, stderr=pipe, creationflags=flags
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):  # the command may not read the last input
                pipe.close()


@pytest.fixture
def interrupt():
    """
    Send SIGINT to a command until the stream has output, and return its first line.

    One signal may not be enough: if it arrives just before a blocking system call, Python handles it only after that
    call returns. A second signal interrupts the call.
    """

    def press(process, stream):
        deadline = time.monotonic() + MAX_WAIT
        process.send_signal(signal.SIGINT)
        while not select.select([stream], [], [], INTERRUPT_INTERVAL)[0]:
            if time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"an interrupt had no effect; the command wrote: {process.communicate()}")
            process.send_signal(signal.SIGINT)
        return stream.readline()

    return press


@pytest.fixture
def server(monkeypatch):
    """
    A vendor on loopback, which the commands use.
    """
    with MediaServer(poll_headers={"openai-poll-after-ms": "100"}) as running:
        settings = {
            "PLUGIN": "openai-compatible",
            "BASE_URL": running.url,
            "API": "responses",
            "OFFERS": '["videos", "files", "background"]',
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"BUDWOOD_PROVIDERS__LOCAL__{name}", value)
        yield running


class Vendor:
    """
    The replies of the server, and the requests that it received.

    Attributes:
        words: The reply, as it is streamed.
        status: The HTTP status. From 400 on, the body contains `error`.
        rejected_text: A request that contains this text gets status 400.
        interruptions: The number of streams that end after their first word.
        usage: The usage at the end of streams; None for none.
        gate: If not None, an event that replies wait for: streams after their first word, complete replies after
            `free` requests.
        arrived: A semaphore that is released for each request.
    """

    def __init__(self, url):
        self.url = url
        self.requests = []
        self.authorizations = []
        self.words = ["Hello", " there", "."]
        self.finish_reason = "stop"
        self.status = 200
        self.error = {"message": "No."}
        self.headers = {"x-request-id": "req-7"}
        self.rejected_text = None
        self.interruptions = 0
        self.usage = None
        self.gate = None
        self.free = 0
        self.arrived = threading.Semaphore(0)

    @property
    def prompts(self):
        """Return the last message of each request."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def chunks(self):
        """Return the events of a streamed reply."""
        for word in self.words:
            yield _chunk({"delta": {"content": word}, "finish_reason": None})
            if len(self.requests) <= self.interruptions:
                return
            if self.gate is not None:
                self.gate.wait()
        yield _chunk({"delta": {}, "finish_reason": self.finish_reason}, usage=self.usage)
        yield b"data: [DONE]\n\n"

    def body(self):
        """Return a complete reply."""
        message = {"role": "assistant", "content": "".join(self.words)}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        return {"id": "chat-1", "model": "tiny-1", "choices": [choice], "usage": usage}


def _chunk(choice, **fields):
    body = {"id": "chat-1", "model": "tiny-1", "choices": [{"index": 0, **choice}], **fields}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(200, {"data": [{"id": "tiny", "object": "model"}, {"id": "large", "object": "model"}]})

    def do_POST(self):
        vendor = self.server.vendor
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        vendor.requests.append(request)
        vendor.authorizations.append(self.headers["authorization"])
        vendor.arrived.release()
        if vendor.status >= 400:
            self.reply(vendor.status, {"error": vendor.error})
        elif vendor.rejected_text is not None and vendor.rejected_text in json.dumps(request):
            self.reply(400, {"error": vendor.error})
        elif request.get("stream"):
            self.stream()
        else:
            if vendor.gate is not None and len(vendor.requests) > vendor.free:
                vendor.gate.wait()
            self.reply(200, vendor.body())

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.begin(status, {"content-type": "application/json", "content-length": str(len(data))})
        self.wfile.write(data)

    def stream(self):
        self.begin(200, {"content-type": "text/event-stream", "connection": "close"})
        with contextlib.suppress(OSError):  # some tests stop the command during a stream
            for chunk in self.server.vendor.chunks():
                self.wfile.write(chunk)

    def begin(self, status, headers):
        self.send_response(status)
        for name, value in {**self.server.vendor.headers, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@pytest.fixture
def vendor(monkeypatch):
    """
    A server on loopback that serves the model ``local/tiny``.
    """
    with Server(("127.0.0.1", 0), Handler) as server:
        vendor = server.vendor = Vendor(f"http://127.0.0.1:{server.server_port}/v1")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("BUDWOOD_PROVIDERS__LOCAL__PLUGIN", "openai-compatible")
        monkeypatch.setenv("BUDWOOD_PROVIDERS__LOCAL__BASE_URL", vendor.url)
        monkeypatch.setenv("BUDWOOD_MODEL", "local/tiny")
        monkeypatch.setenv("BUDWOOD_OPTIONS__RETRIES", "0")
        yield vendor
        if vendor.gate is not None:
            vendor.gate.set()
        server.shutdown()


@pytest.fixture
def spec(tmp_path):
    """
    A specification of four conversations with the vendor, created one at a time.
    """
    path = tmp_path / "spec.toml"
    path.write_text(
        'rows = 4\noutput = "talks.jsonl"\nconcurrency = 1\n'
        '[conversation]\nanswerer = "local/tiny"\n'
        'strategy = { plugin = "seed-list", seeds = ["red?", "green?", "blue?", "black?"] }\n'
    )
    return path


class Terminal:
    """
    The command at a pseudo-terminal.

    Attributes:
        shown: The output of the terminal so far.
    """

    def __init__(self, arguments, environment):
        import pty

        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm", "NO_COLOR": "1", "INPUTRC": os.devnull} | environment,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""
        self._passed = 0

    def type(self, text):
        """Type text."""
        os.write(self._master, text.encode())

    def wait_for(self, text):
        """Read until a text is printed."""
        while (found := self.shown.find(text, self._passed)) < 0:
            if not self._readable(MAX_WAIT):
                self._fail(f"{text!r} was not shown")
            if not self._read():
                self._fail(f"the command ended before {text!r} was shown")
        self._passed = found + len(text)

    def interrupt(self):
        """Press Ctrl-C until the command reacts; see the fixture `interrupt`."""
        deadline = time.monotonic() + MAX_WAIT
        self.process.send_signal(signal.SIGINT)
        while not self._readable(INTERRUPT_INTERVAL):
            if time.monotonic() > deadline:
                self._fail("Ctrl-C had no effect")
            self.process.send_signal(signal.SIGINT)

    def end(self):
        """Read to the end, and return the exit status."""
        reading = True
        while reading:
            if not self._readable(MAX_WAIT):
                self._fail("the command did not end")
            reading = bool(self._read())
        return self.process.wait()

    def close(self):
        """Stop the command."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _readable(self, seconds):
        return bool(select.select([self._master], [], [], seconds)[0])

    def _fail(self, reason):
        """Fail with all output; `close` stops the command."""
        pytest.fail(f"{reason}, but: {self.shown[self._passed :]!r}; the exit status is {self.process.poll()}")

    def _read(self):
        try:
            data = os.read(self._master, 65536)
        except OSError:  # on Linux, after the command has ended
            return ""
        self.shown += data.decode("utf-8", "replace")
        return data


@pytest.fixture
def terminal():
    """
    Start the command at a pseudo-terminal.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo terminals of this kind")
    terminals = []

    def start(*arguments, **environment):
        terminals.append(Terminal(arguments, environment))
        return terminals[-1]

    yield start
    for item in terminals:
        item.close()


@pytest.fixture
def emulator():
    """
    Start the command at an emulated terminal.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo terminals of this kind")
    from tests.plugins.cli.emulator import Emulator

    emulators = []

    def start(*arguments, **options):
        emulators.append(Emulator(*arguments, **options))
        return emulators[-1]

    yield start
    for item in emulators:
        item.close()
