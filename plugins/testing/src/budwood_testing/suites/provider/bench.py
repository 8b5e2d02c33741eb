"""Where a provider is tried: directly, and through both clients over a scripted transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import pytest

from budwood.client import AsyncClient, Client
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.hooks import ProviderSpec
from budwood.plugins import Instance, Registry
from budwood.settings import Settings
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    HTTPReply,
    Message,
    ReplyHead,
    StreamEvent,
)
from budwood_testing.clock import FakeClock
from budwood_testing.examples.wire import Frames, WireBody, WireExamples, WireReply
from budwood_testing.scripted import ScriptedTransport
from budwood_testing.suites.proving import Unproved

T = TypeVar("T")

JSON_HEADERS: Final = {"content-type": "application/json"}


class Read(NamedTuple):
    """A streamed reply: its events, and the response that they make."""

    events: list[StreamEvent]
    response: ChatResponse


@dataclass(frozen=True, kw_only=True)
class Bench:
    """
    One provider, and what is needed to try it.

    Attributes:
        instance: The provider with its settings.
        settings: The same, as those of a program.
        registry: Where clients find it.
        examples: What its vendor writes.
        model: What is asked.
        clock: The time.
        unproved: Ends a test that cannot prove its claim.
    """

    instance: Instance[ProviderSpec[Any]]
    settings: Settings
    registry: Registry
    examples: WireExamples
    model: str
    clock: FakeClock
    unproved: Unproved

    @property
    def provider(self) -> Any:  # noqa: ANN401 - a Provider, and whatever else it claims to be
        """The object of the plugin."""
        return self.instance.thing

    def claims(self, *capabilities: Capability) -> None:
        """Skip the test where the provider does not claim to be able to do this."""
        missing = [capability.value for capability in capabilities if capability not in self.provider.capabilities]
        if missing:
            pytest.skip(f"{self.instance.name} does not claim {', '.join(missing)}")

    def frames(self, example: Frames | None, name: str, capability: Capability) -> Frames:
        """Return a stream that a claim needs, or fail without it."""
        if example is None:
            self._fail_without(name, capability)
        return example

    def body(self, example: WireBody | None, name: str, capability: Capability) -> WireBody:
        """Return a body that a claim needs, or fail without it."""
        if example is None:
            self._fail_without(name, capability)
        return example

    def optional_body(self, example: WireBody | None, name: str) -> WireBody:
        """Return a body, as `optional` does."""
        if example is None:
            self._skip_without(name)
        return example

    def optional(self, example: T | None, name: str) -> T:
        """Return an example; without it the test is skipped where the author says that the vendor has none."""
        if example is None:
            self._skip_without(name)
        return example

    def needs(self, name: str) -> None:
        """Skip the test where this attribute of the examples is empty, as without an example."""
        if not getattr(self.examples, name):
            self._skip_without(name)

    def request(self, *messages: Message, **fields: Any) -> ChatRequest:  # noqa: ANN401 - of any parameter
        """Make a request."""
        return ChatRequest(model=self.model, messages=messages or (Message.user("Hello."),), **fields)

    def decode(self, reply: WireBody | WireReply, request: ChatRequest | None = None) -> ChatResponse:
        """Have the provider read a whole reply."""
        sent = whole(reply)
        head = ReplyHead(sent.status, {**JSON_HEADERS, **sent.headers})
        response: ChatResponse = self.provider.decode(request or self.request(), HTTPReply(head, as_bytes(sent.body)))
        return response

    def read(self, chunks: Iterable[bytes], request: ChatRequest | None = None) -> Read:
        """Have the provider read a stream that comes in these pieces."""
        decoder = self.provider.decoder(request or self.request(), ReplyHead(200, {}))
        events = [event for chunk in chunks for event in decoder.feed(chunk)]
        events.extend(decoder.close())
        return Read(events, built(events))

    def client(self, script: ScriptedTransport, **options: Any) -> Client:  # noqa: ANN401 - of any client
        """Make a client that plays a script. No try is repeated where nothing else is said."""
        return Client(self._address, transport=script, **self._usual(options))

    def async_client(self, script: ScriptedTransport, **options: Any) -> AsyncClient:  # noqa: ANN401 - of any client
        """Make the same, with async I/O."""
        return AsyncClient(self._address, transport=script.asynchronous, **self._usual(options))

    def ask(self, *replies: WireBody | WireReply, **options: Any) -> ChatResponse:  # noqa: ANN401 - of any call
        """Ask through a blocking client, which gets these replies."""
        with self.client(scripted(*replies)) as client:
            return client.ask("Hello.", **options)

    def ask_async(self, *replies: WireBody | WireReply, **options: Any) -> ChatResponse:  # noqa: ANN401 - of any call
        """Ask through an async client, which gets these replies."""

        async def asked() -> ChatResponse:
            async with self.async_client(scripted(*replies)) as client:
                return await client.ask("Hello.", **options)

        return asyncio.run(asked())

    def stream(
        self,
        chunks: Iterable[bytes],
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - of any call
    ) -> Read:
        """Read a stream through a blocking client."""
        script = ScriptedTransport().reply(200, chunks=chunks, headers=headers)
        with self.client(script) as client, client.stream("Hello.", **options) as stream:
            return Read(list(stream), stream.response)

    def stream_async(self, chunks: Iterable[bytes], **options: Any) -> Read:  # noqa: ANN401 - of any call
        """Read a stream through an async client."""

        async def streamed() -> Read:
            script = ScriptedTransport().reply(200, chunks=chunks)
            async with self.async_client(script) as client, client.stream("Hello.", **options) as stream:
                return Read([event async for event in stream], stream.response)

        return asyncio.run(streamed())

    def _fail_without(self, name: str, capability: Capability) -> NoReturn:
        claim = f"{self.instance.name} claims {capability.value}"
        pytest.fail(f"{claim}, but its examples hold no {name}(…) to prove it")

    def _skip_without(self, name: str) -> NoReturn:
        if name in self.examples.absent:
            pytest.skip(f"the examples say that the vendor has no {name}")
        self.unproved(f"{self.instance.name}: the examples hold no {name}; write it, or name it in `absent`")

    @property
    def _address(self) -> str:
        return f"{self.instance.name}/{self.model}"

    def _usual(self, options: dict[str, Any]) -> dict[str, Any]:
        usual = {"settings": self.settings, "registry": self.registry, "clock": self.clock, "cache": False}
        return {**usual, "retries": 0, **options}


def scripted(*replies: WireBody | WireReply) -> ScriptedTransport:
    """Write a script of these replies."""
    script = ScriptedTransport()
    for reply in map(whole, replies):
        script.reply(reply.status, as_bytes(reply.body), headers={**JSON_HEADERS, **reply.headers})
    return script


def whole(reply: WireBody | WireReply) -> WireReply:
    """Make a reply with the status 200 of a body."""
    return reply if isinstance(reply, WireReply) else WireReply(body=reply)


def as_bytes(body: WireBody) -> bytes:
    """Write a body."""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def built(events: Sequence[StreamEvent]) -> ChatResponse:
    """Put the response together that events make."""
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()
