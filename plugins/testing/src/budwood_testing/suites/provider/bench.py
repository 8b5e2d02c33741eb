"""Call a provider directly, and through both clients over a scripted transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import pytest

from budwood import AsyncClient, Client
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.hooks import ProviderSpec
from budwood.plugins import Instance, Registry, faults
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
from budwood_testing.examples.wire import WireBody, WireExamples, WireReply
from budwood_testing.scripted import ScriptedTransport
from budwood_testing.suites.untested import ReportUntested

T = TypeVar("T")

JSON_HEADERS: Final = {"content-type": "application/json"}


class Read(NamedTuple):
    """A decoded stream: its events, and the response that they add up to."""

    events: list[StreamEvent]
    response: ChatResponse


@dataclass(frozen=True, kw_only=True)
class Bench:
    """
    A provider, with everything that its tests need.

    Attributes:
        instance: The provider with its settings.
        settings: The settings of a program that configures it.
        registry: The registry of the clients.
        examples: Example replies of its vendor.
        model: The model of the requests.
        clock: The clock of the clients.
        untested: Ends a test that lacks an example.
    """

    instance: Instance[ProviderSpec[Any]]
    settings: Settings
    registry: Registry
    examples: WireExamples
    model: str
    clock: FakeClock
    untested: ReportUntested

    @property
    def provider(self) -> Any:  # noqa: ANN401 - a Provider with optional further protocols
        """The object that the plugin built."""
        return self.instance.implementation

    def claims(self, *capabilities: Capability) -> None:
        """Skip the test unless the provider has these capabilities."""
        missing = [capability.value for capability in capabilities if capability not in self.provider.capabilities]
        if missing:
            pytest.skip(f"{self.instance.name} does not have the capability {', '.join(missing)}")

    def body(self, example: WireBody | None, name: str, capability: Capability) -> WireBody:
        """Return a body example that a capability requires, or fail without it."""
        if example is None:
            self._fail_without(name, capability)
        return example

    def required(self, example: T | None, name: str, capability: Capability) -> T:
        """Return an example that a capability requires, or fail without it."""
        if example is None:
            self._fail_without(name, capability)
        return example

    def optional_body(self, example: WireBody | None, name: str) -> WireBody:
        """Return a body example; see `optional`."""
        if example is None:
            self._skip_without(name)
        return example

    def optional(self, example: T | None, name: str) -> T:
        """Return an example; without it, skip the test and, unless `absent` has its name, report it as not tested."""
        if example is None:
            self._skip_without(name)
        return example

    def needs(self, name: str) -> None:
        """Require that this attribute of the examples is set; see `optional`."""
        if not getattr(self.examples, name):
            self._skip_without(name)

    def request(self, *messages: Message, **fields: Any) -> ChatRequest:  # noqa: ANN401 - any parameter
        """Create a request."""
        return ChatRequest(model=self.model, messages=messages or (Message.user("Hello."),), **fields)

    def decode(self, reply: WireBody | WireReply, request: ChatRequest | None = None) -> ChatResponse:
        """Decode a complete reply with the provider."""
        wire_reply = as_reply(reply)
        head = ReplyHead(wire_reply.status, {**JSON_HEADERS, **wire_reply.headers})
        response: ChatResponse = self.provider.decode(
            request or self.request(), HTTPReply(head, as_bytes(wire_reply.body))
        )
        return response

    def read(self, chunks: Iterable[bytes], request: ChatRequest | None = None) -> Read:
        """Decode a stream that arrives in these chunks with the provider."""
        decoder = self.provider.decoder(request or self.request(), ReplyHead(200, {}))
        events = [event for chunk in chunks for event in decoder.feed(chunk)]
        events.extend(decoder.close())
        return Read(events, build_response(events))

    def decoding(self, method: str) -> faults.Boundary:
        """Return the boundary within which the engine decodes: it converts what parsing raises."""
        return faults.decoding_boundary(self.instance.source, method)

    def client(self, script: ScriptedTransport, **options: Any) -> Client:  # noqa: ANN401 - any option of clients
        """Create a client for a script; it does not retry by default."""
        return Client(self._address, transport=script, **self._client_options(options))

    def async_client(self, script: ScriptedTransport, **options: Any) -> AsyncClient:  # noqa: ANN401 - see `client`
        """Create an async client for a script."""
        return AsyncClient(self._address, transport=script.asynchronous, **self._client_options(options))

    def ask(self, *replies: WireBody | WireReply, **options: Any) -> ChatResponse:  # noqa: ANN401 - any option of a call
        """Call `Client.ask`, with these replies."""
        with self.client(script_of(*replies)) as client:
            return client.ask("Hello.", **options)

    def ask_async(self, *replies: WireBody | WireReply, **options: Any) -> ChatResponse:  # noqa: ANN401 - any option of a call
        """Call `AsyncClient.ask`, with these replies."""

        async def ask() -> ChatResponse:
            async with self.async_client(script_of(*replies)) as client:
                return await client.ask("Hello.", **options)

        return asyncio.run(ask())

    def stream(
        self,
        chunks: Iterable[bytes],
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - any option of a call
    ) -> Read:
        """Read a stream with `Client.stream`."""
        script = ScriptedTransport().reply(200, chunks=chunks, headers=headers)
        with self.client(script) as client, client.stream("Hello.", **options) as stream:
            return Read(list(stream), stream.response)

    def stream_async(self, chunks: Iterable[bytes], **options: Any) -> Read:  # noqa: ANN401 - any option of a call
        """Read a stream with `AsyncClient.stream`."""

        async def read() -> Read:
            script = ScriptedTransport().reply(200, chunks=chunks)
            async with self.async_client(script) as client, client.stream("Hello.", **options) as stream:
                return Read([event async for event in stream], stream.response)

        return asyncio.run(read())

    def _fail_without(self, name: str, capability: Capability) -> NoReturn:
        claim = f"{self.instance.name} has the capability {capability.value}"
        pytest.fail(f"{claim}, but its examples do not implement {name}(): add it, so that the capability is tested")

    def _skip_without(self, name: str) -> NoReturn:
        if name in self.examples.absent:
            pytest.skip(f"the examples list {name} in `absent`")
        self.untested(
            f"{self.instance.name}: the examples have no {name}. Add it, or list it in `absent` if the vendor has none."
        )

    @property
    def _address(self) -> str:
        return f"{self.instance.name}/{self.model}"

    def _client_options(self, options: dict[str, Any]) -> dict[str, Any]:
        defaults = {"settings": self.settings, "registry": self.registry, "clock": self.clock, "cache": False}
        return {**defaults, "retries": 0, **options}


def script_of(*replies: WireBody | WireReply) -> ScriptedTransport:
    """Create a scripted transport with these replies."""
    script = ScriptedTransport()
    for reply in map(as_reply, replies):
        script.reply(reply.status, as_bytes(reply.body), headers={**JSON_HEADERS, **reply.headers})
    return script


def as_reply(reply: WireBody | WireReply) -> WireReply:
    """Return a reply; a body alone becomes one with status 200."""
    return reply if isinstance(reply, WireReply) else WireReply(body=reply)


def as_bytes(body: WireBody) -> bytes:
    """Encode a body as bytes."""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def build_response(events: Sequence[StreamEvent]) -> ChatResponse:
    """Build the response that the events add up to."""
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()
