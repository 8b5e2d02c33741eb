"""Scripted replies of several endpoints, for tests of what happens when some of them fail."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from urllib.parse import urlsplit

import budwood
from budwood_testing import FakeClock, ScriptedReply, ScriptedTransport, chat_chunks, chat_reply, sse

MESSAGE = {"error": {"message": "scripted"}}
EVENT_STREAM = {"content-type": "text/event-stream"}


class Endpoints(ScriptedTransport):
    """
    Replies of several hosts, each in its own order. A host without further replies answers with its name.
    """

    def __init__(self, clock=None):
        super().__init__(clock=clock or FakeClock())
        self.scripts = {}

    def script(self, host, *replies):
        """
        Add replies of a host: a status, a pair of status and headers, an error, a text, or a `ScriptedReply`.
        """
        self.scripts.setdefault(host, deque()).extend(replies)
        return self

    def reply_json(self, host, body):
        """
        Add a reply with a JSON body.
        """
        return self.script(host, ScriptedReply(200, {}, (json.dumps(body).encode(),)))

    @property
    def hosts(self):
        """
        The hosts of all calls, in order.
        """
        return [urlsplit(call.url).hostname for call in self.calls]

    def next_reply(self, call, timing):
        self._script.append(self._reply)
        return super().next_reply(call, timing)

    def _reply(self, call):
        host = urlsplit(call.url).hostname
        script = self.scripts.get(host)
        reply = script.popleft() if script else f"from {host}"
        if isinstance(reply, ScriptedReply):
            return reply
        if isinstance(reply, BaseException):
            return ScriptedReply(0, {}, (), reply)
        if isinstance(reply, int | tuple):
            status, headers = reply if isinstance(reply, tuple) else (reply, {})
            return ScriptedReply(status, headers, (json.dumps(MESSAGE).encode(),))
        return text_reply(reply, streamed=b'"stream":true' in self.bodies[-1])


def text_reply(text, *, streamed=False, delay=0.0):
    """
    Return a reply with a text.
    """
    if streamed:
        return ScriptedReply(200, EVENT_STREAM, tuple(sse(*chat_chunks([text]))), delay=delay)
    return ScriptedReply(200, {}, (json.dumps(chat_reply(text)).encode(),), delay=delay)


def provider(host, **settings):
    """
    Return the settings of a provider at a host.
    """
    return {"plugin": "openai-compatible", "base_url": f"http://{host}/v1", **settings}


def make_settings(**providers):
    """
    Return settings with the provider ``one``, which has the backup ``two``, and the providers ``three`` and ``four``.
    """
    default = {
        "one": provider("one", backups=[{"base_url": "http://two/v1"}]),
        "three": provider("three"),
        "four": provider("four"),
    }
    return {"providers": default | providers}


class Asker:
    """
    A blocking or an async client with one interface, so that one test covers both.
    """

    def __init__(self, kind, transport, **arguments):
        self.runner = asyncio.Runner()
        arguments = {"settings": make_settings(), "clock": transport.clock, **arguments}
        model = arguments.pop("model", "one/m")
        if kind == "blocking":
            self.client = budwood.Client(model, transport=transport, **arguments)
        else:
            self.client = budwood.AsyncClient(model, transport=transport.asynchronous, **arguments)
        self.is_async = kind == "async"

    def ask(self, prompt="Hi", **options):
        asked = self.client.ask(prompt, **options)
        return self.runner.run(asked) if self.is_async else asked

    def stream(self, prompt="Hi", **options):
        """
        Return the events of a stream, and its response or the error that ended it.
        """
        return self.runner.run(self._stream_async(prompt, options)) if self.is_async else self._stream(prompt, options)

    def _stream(self, prompt, options):
        events = []
        try:
            with self.client.stream(prompt, **options) as stream:
                events.extend(stream)
                return events, stream.response
        except budwood.BudwoodError as error:
            return events, error

    async def _stream_async(self, prompt, options):
        events = []
        try:
            async with self.client.stream(prompt, **options) as stream:
                async for event in stream:
                    events.append(event)  # noqa: PERF401 - they are kept after an error
                return events, stream.response
        except budwood.BudwoodError as error:
            return events, error

    def close(self):
        closed = self.client.close()
        if self.is_async:
            self.runner.run(closed)
        self.runner.close()


def ledger(result):
    """
    Return endpoint and outcome of each attempt: its status, ``skipped``, or the class of its error.
    """
    return [
        (attempt.endpoint, "skipped" if attempt.skipped else attempt.status or attempt.error)
        for attempt in result.attempts
    ]
