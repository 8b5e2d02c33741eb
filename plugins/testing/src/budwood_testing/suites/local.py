"""The suite for providers that run a model in the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

import pytest

from budwood import AsyncClient, Client
from budwood.contracts import LocalProvider
from budwood.errors import BudwoodError, NotFoundError
from budwood.hooks import PROVIDER, Kind, ProviderSpec
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    Finished,
    Message,
    ModelInfo,
    ResponseMetadata,
    StreamEvent,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood_testing.clock import FakeClock
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.local_media import LocalMediaTests
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, texts

_THREADS: Final = 2
_ALLOWED_AFTER_FINISHED: Final = (Finished, UsageReported, ResponseMetadata)


class LocalProviderSuite(LocalMediaTests):
    """
    Tests a provider that runs a model in the process: what it streams and generates, and that it releases what it uses.

    .. code-block:: python

        class TestParrot(LocalProviderSuite):
            plugin = "parrot"
            model = "grey"

    Attributes:
        model: The name of a model that the provider has.
        prompt: The prompt of most tests; the answer must have at least four characters of text.
        heeds: Which of the parameters ``max_tokens``, ``stop`` and ``seed`` the provider follows. It follows ``seed``
            if the same request with the same seed gives the same answer.
        extra: Parameters of its own that the provider accepts in ``extra``.
        max_tokens: The limit for every answer, so that tests of a slow model finish.
        media_models: The models for ``IMAGES``, ``SPEECH`` and ``TRANSCRIPTION``, if the provider has them.
        recording: A WAV file to write down; by default speech that the provider generates itself.
    """

    kind: ClassVar[Kind[Any]] = PROVIDER
    prompt: ClassVar[str] = "What is this?\n\n<passage>\nThis is a test. It asks for two sentences.\n</passage>"
    heeds: ClassVar[frozenset[str]] = frozenset({"max_tokens", "stop", "seed"})
    extra: ClassVar[Mapping[str, Any]] = MappingProxyType({"own": [1]})
    max_tokens: ClassVar[int] = 32

    @pytest.fixture
    def provider(self, build: Build) -> Any:  # noqa: ANN401 - any object that the plugin built
        """Build the provider."""
        return build().implementation

    @pytest.fixture
    def client(self, folder: Path, clock: FakeClock) -> Iterator[Client]:
        """Create a client for the model."""
        settings = self.as_settings(self.all_settings(folder))
        address = f"{self.plugin}/{self.model}"
        with Client(address, settings=settings, registry=self.found_in(), clock=clock, cache=False) as client:
            yield client

    def request(self, prompt: str | None = None, **fields: Any) -> ChatRequest:  # noqa: ANN401 - any parameter
        """Create a request that is as reproducible as the model allows."""
        usual = {"temperature": 0.0, "max_tokens": self.max_tokens, "seed": 7}
        return ChatRequest(model=self.model, messages=(Message.user(prompt or self.prompt),), **{**usual, **fields})

    def test_implements_local_provider(self, provider: Any, spec: ProviderSpec[Any]) -> None:  # noqa: ANN401 - see above
        """The object has the methods of LocalProvider, and no capabilities beyond its spec."""
        assert isinstance(provider, LocalProvider), (
            f"{type(provider).__name__} does not implement all methods of LocalProvider"
        )
        assert provider.capabilities <= spec.capabilities
        assert {Capability.CHAT, Capability.STREAM} <= provider.capabilities

    def test_models_are_listed(self, provider: LocalProvider) -> None:
        """`models` returns every model, under the name that requests use."""
        listed = provider.models()

        assert isinstance(listed, tuple)
        assert all(isinstance(model, ModelInfo) for model in listed)
        assert self.model in [model.id for model in listed]

    def test_stream_ends_with_finished(self, provider: LocalProvider) -> None:
        """The stream has text, then exactly one `Finished`, then only usage and metadata."""
        events = list(provider.stream(self.request()))
        kinds = [type(event) for event in events]

        assert text_of(events).strip(), "the answer to `prompt` has no text: set a prompt that the model answers"
        assert kinds.count(Finished) == 1
        assert set(kinds[kinds.index(Finished) :]) <= set(_ALLOWED_AFTER_FINISHED)

    def test_usage_is_counted_or_none(self, provider: LocalProvider) -> None:
        """Token counts are positive, or None if the provider does not count; never 0."""
        usage = usage_of(list(provider.stream(self.request())))

        assert usage.input_tokens is None or usage.input_tokens > 0
        assert usage.output_tokens is None or usage.output_tokens > 0

    def test_longer_prompt_has_more_input_tokens(self, provider: LocalProvider) -> None:
        """A longer prompt has a higher count of input tokens."""
        short = usage_of(list(provider.stream(self.request("Hello.")))).input_tokens
        longer = usage_of(list(provider.stream(self.request("Hello. " * 40)))).input_tokens
        if short is None or longer is None:
            pytest.skip(f"{self.plugin} does not count input tokens")

        assert longer > short

    def test_same_request_gives_the_same_answer(self, provider: LocalProvider) -> None:
        """With the same seed the answer is the same, even after another request in between."""
        self.need("seed")
        first = text_of(provider.stream(self.request()))
        list(provider.stream(self.request("Something else entirely.")))

        assert text_of(provider.stream(self.request())) == first

    def test_max_tokens_limits_the_answer(self, provider: LocalProvider) -> None:
        """With ``max_tokens=1`` the answer is shorter and its finish reason is ``length``."""
        self.need("max_tokens")
        complete = list(provider.stream(self.request()))
        events = list(provider.stream(self.request(max_tokens=1)))
        output = usage_of(events).output_tokens

        assert output is None or output <= 1
        assert len(text_of(events)) < len(text_of(complete)), "max_tokens has no effect"
        assert [event.reason for event in events if isinstance(event, Finished)] == ["length"]

    def test_stop_sequence_ends_the_answer(self, provider: LocalProvider) -> None:
        """The answer ends before the stop sequence, and does not contain it."""
        self.need("stop", "seed")
        complete = text_of(provider.stream(self.request()))
        assert len(complete) >= 4, (
            "the answer to `prompt` has fewer than four characters: set a prompt with a longer answer"
        )
        stop = complete[len(complete) // 2 : len(complete) // 2 + 2]
        events = list(provider.stream(self.request(stop=(stop,))))

        assert text_of(events) == complete[: complete.index(stop)]
        assert [event.reason for event in events if isinstance(event, Finished)] == ["stop"]

    def test_closed_stream_yields_nothing_more(self, provider: LocalProvider) -> None:
        """After `close` the stream yields nothing, and the next request is answered as usual."""
        complete = text_of(provider.stream(self.request()))
        events = provider.stream(self.request())
        next(iter(events))
        events.close()  # type: ignore[attr-defined]  # `stream` returns a generator; an object without `close` must fail here

        assert list(events) == [], "the stream yields events after close()"
        assert "seed" not in self.heeds or text_of(provider.stream(self.request())) == complete

    def test_caller_can_break_out_of_a_stream(self, client: Client) -> None:
        """`break` ends the stream, and the client can send the next request."""
        with client.stream(self.prompt, max_tokens=self.max_tokens) as stream:
            for _event in stream:
                break

        assert client.ask(self.prompt, max_tokens=self.max_tokens, temperature=0.0, seed=7).text

    def test_concurrent_requests_do_not_mix(self, provider: LocalProvider) -> None:
        """Two requests at the same time each get their own answer."""
        prompts = [self.prompt, "Say something else."]
        alone = [text_of(provider.stream(self.request(prompt))) for prompt in prompts]
        found: dict[int, str] = {}
        failures: list[BaseException] = []
        barrier = threading.Barrier(_THREADS)

        def answer(place: int) -> None:
            barrier.wait()
            try:
                found[place] = text_of(provider.stream(self.request(prompts[place])))
            except BaseException as error:  # noqa: BLE001 - a thread has no caller to raise it to
                failures.append(error)

        threads = [threading.Thread(target=answer, args=(place,)) for place in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert "seed" not in self.heeds or [found[place] for place in range(_THREADS)] == alone

    def test_request_is_not_modified(self, provider: LocalProvider) -> None:
        """The provider does not modify the request."""
        request = self.request(extra=dict(self.extra))
        before = request.model_dump_json()
        list(provider.stream(request))

        assert request.model_dump_json() == before

    def test_answering_uses_no_network(self, provider: LocalProvider) -> None:
        """Answering does not use the network; the model may read its own files."""
        with no_io(files=False):
            list(provider.stream(self.request()))

    def test_unknown_model_is_an_error(self, provider: LocalProvider) -> None:
        """An unknown model raises NotFoundError; no other model answers instead."""
        with pytest.raises(NotFoundError):
            list(provider.stream(self.request().model_copy(update={"model": "no-such-model-of-conformance"})))

    def test_any_prompt_gives_an_answer_or_a_budwood_error(self, provider: LocalProvider) -> None:
        """Any prompt gives an answer, or an error that derives from BudwoodError."""

        def check(prompt: str) -> None:
            try:
                events = list(provider.stream(self.request(f"{prompt}?", max_tokens=2)))
            except BudwoodError as error:
                check_error(error)
            else:
                assert any(isinstance(event, Finished) for event in events)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=5)

    def test_system_messages_and_earlier_turns_are_accepted(self, provider: LocalProvider) -> None:
        """A request may have system messages and earlier turns."""
        turns = (Message.system("Be brief."), Message.user("Hi."), Message.assistant("Yes?"), Message.user(self.prompt))
        request = self.request().model_copy(update={"messages": turns})

        assert any(isinstance(event, Finished) for event in provider.stream(request))

    def test_all_clients_give_the_same_answer(self, client: Client, folder: Path, clock: FakeClock) -> None:
        """Both clients, streaming or not, give the same answer."""
        options: dict[str, Any] = {"max_tokens": self.max_tokens, "temperature": 0.0, "seed": 7}
        asked = client.ask(self.prompt, **options)
        with client.stream(self.prompt, **options) as stream:
            list(stream)
            streamed = stream.response

        async def ask() -> ChatResponse:
            settings = self.as_settings(self.all_settings(folder))
            address = f"{self.plugin}/{self.model}"
            async with AsyncClient(
                address, settings=settings, registry=self.found_in(), clock=clock, cache=False
            ) as other:
                return await other.ask(self.prompt, **options)

        answers = [asked, streamed, asyncio.run(ask())]

        assert {answer.provider for answer in answers} == {self.plugin}
        assert "seed" not in self.heeds or len({(answer.text, answer.finish_reason) for answer in answers}) == 1

    def test_output_satisfies_the_schema(self, client: Client) -> None:
        """If the provider has the capability json_schema, its output matches the schema."""
        if Capability.JSON_SCHEMA not in client.capabilities():
            pytest.skip(f"{self.plugin} does not have the capability json_schema")
        schema = {
            "type": "object",
            "properties": {"title": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
            "required": ["title", "count"],
            "additionalProperties": False,
        }
        parsed = client.ask(self.prompt, schema=schema, repairs=0).parsed

        assert isinstance(parsed, dict)
        assert set(parsed) == {"title", "count"}

    def test_closing_twice_is_no_error(self, build: Build) -> None:
        """`close` can be called twice, if the provider has it."""
        provider = build().implementation
        close = getattr(provider, "close", None)
        if close is None:
            pytest.skip(f"{self.plugin} has no close()")
        list(provider.stream(self.request(max_tokens=1)))
        close()
        close()

    def need(self, *parameters: str) -> None:
        """Skip a test of a parameter that is not in `heeds`."""
        missing = [name for name in parameters if name not in self.heeds]
        if missing:
            pytest.skip(f"{self.plugin} does not list {', '.join(missing)} in `heeds`")


def text_of(events: Iterable[StreamEvent]) -> str:
    """Join the text of a stream."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def usage_of(events: list[StreamEvent]) -> Usage:
    """Return the last usage that was reported."""
    reports = [event.usage for event in events if isinstance(event, UsageReported)]
    return reports[-1] if reports else Usage()
