"""The suite for models inside the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

import pytest

from budwood.client import AsyncClient, Client
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
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, texts

_THREADS: Final = 2
_AFTER_THE_END: Final = (Finished, UsageReported, ResponseMetadata)


class LocalProviderSuite(PluginSuite):
    """
    Proves a model that runs inside the process: what it streams, and that it lets go.

    .. code-block:: python

        class TestParrot(LocalProviderSuite):
            plugin = "parrot"
            model = "grey"

    Attributes:
        model: A model that it has.
        prompt: What it is asked; the answer must hold text, four characters or more.
        heeds: What it does as the request says, of ``max_tokens``, ``stop`` and ``seed``: with one seed, the same
            request gives the same answer.
        extra: Parameters of its own that it takes; those that take any need not say so.
        max_tokens: Bounds every answer, so that tests of a slow model end.
    """

    kind: ClassVar[Kind[Any]] = PROVIDER
    model: ClassVar[str]
    prompt: ClassVar[str] = "What is this?\n\n<passage>\nThis is a test. It asks for two sentences.\n</passage>"
    heeds: ClassVar[frozenset[str]] = frozenset({"max_tokens", "stop", "seed"})
    extra: ClassVar[Mapping[str, Any]] = MappingProxyType({"own": [1]})
    max_tokens: ClassVar[int] = 32

    @pytest.fixture
    def provider(self, build: Build) -> Any:  # noqa: ANN401 - whatever the plugin built
        """Make the provider."""
        return build().thing

    @pytest.fixture
    def client(self, folder: Path, clock: FakeClock) -> Iterator[Client]:
        """Make a client of the model."""
        settings = self.as_settings(self.all_settings(folder))
        address = f"{self.plugin}/{self.model}"
        with Client(address, settings=settings, registry=self.found_in(), clock=clock, cache=False) as client:
            yield client

    def request(self, prompt: str | None = None, **fields: Any) -> ChatRequest:  # noqa: ANN401 - of any parameter
        """Make a request that gives the same answer again, as far as the model can."""
        usual = {"temperature": 0.0, "max_tokens": self.max_tokens, "seed": 7}
        return ChatRequest(model=self.model, messages=(Message.user(prompt or self.prompt),), **{**usual, **fields})

    def test_it_is_a_local_provider(self, provider: Any, spec: ProviderSpec[Any]) -> None:  # noqa: ANN401 - see above
        """The object has the methods of the Protocol, and claims no more than its spec."""
        assert isinstance(provider, LocalProvider), f"{type(provider).__name__} lacks methods of LocalProvider"
        assert provider.capabilities <= spec.capabilities
        assert {Capability.CHAT, Capability.STREAM} <= provider.capabilities

    def test_models_are_listed(self, provider: LocalProvider) -> None:
        """All models that it has, each under the name by which it is asked."""
        listed = provider.models()

        assert isinstance(listed, tuple)
        assert all(isinstance(model, ModelInfo) for model in listed)
        assert self.model in [model.id for model in listed]

    def test_answer_is_streamed_to_its_end(self, provider: LocalProvider) -> None:
        """Text, then one `Finished`; after it come only usage and notes."""
        events = list(provider.stream(self.request()))
        kinds = [type(event) for event in events]

        assert text_of(events).strip(), "the answer to `prompt` holds no text"
        assert kinds.count(Finished) == 1
        assert set(kinds[kinds.index(Finished) :]) <= set(_AFTER_THE_END)

    def test_usage_is_true_or_unknown(self, provider: LocalProvider) -> None:
        """What was read and written is counted; what was not counted is None, never 0."""
        usage = usage_of(list(provider.stream(self.request())))

        assert usage.input_tokens is None or usage.input_tokens > 0
        assert usage.output_tokens is None or usage.output_tokens > 0

    def test_longer_prompt_is_counted_longer(self, provider: LocalProvider) -> None:
        """The count of the input is one of this prompt."""
        short = usage_of(list(provider.stream(self.request("Hello.")))).input_tokens
        longer = usage_of(list(provider.stream(self.request("Hello. " * 40)))).input_tokens
        if short is None or longer is None:
            pytest.skip("it counts no tokens")

        assert longer > short

    def test_same_request_gives_the_same_answer(self, provider: LocalProvider) -> None:
        """With one seed, also after another request."""
        self.need("seed")
        first = text_of(provider.stream(self.request()))
        list(provider.stream(self.request("Something else entirely.")))

        assert text_of(provider.stream(self.request())) == first

    def test_answer_ends_at_its_bound(self, provider: LocalProvider) -> None:
        """With ``max_tokens=1`` it is shorter, and says why it ended."""
        self.need("max_tokens")
        whole = list(provider.stream(self.request()))
        events = list(provider.stream(self.request(max_tokens=1)))
        output = usage_of(events).output_tokens

        assert output is None or output <= 1
        assert len(text_of(events)) < len(text_of(whole)), "max_tokens has no effect"
        assert [event.reason for event in events if isinstance(event, Finished)] == ["length"]

    def test_answer_ends_before_a_stop_sequence(self, provider: LocalProvider) -> None:
        """Neither the sequence nor what comes after it is part of the answer."""
        self.need("stop", "seed")
        whole = text_of(provider.stream(self.request()))
        assert len(whole) >= 4, "the answer to `prompt` is too short for this test"
        stop = whole[len(whole) // 2 : len(whole) // 2 + 2]
        events = list(provider.stream(self.request(stop=(stop,))))

        assert text_of(events) == whole[: whole.index(stop)]
        assert [event.reason for event in events if isinstance(event, Finished)] == ["stop"]

    def test_abandoned_answer_ends(self, provider: LocalProvider) -> None:
        """A caller that leaves in the middle leaves nothing behind: the next request is answered as usual."""
        whole = text_of(provider.stream(self.request()))
        events = provider.stream(self.request())
        next(iter(events))
        events.close()  # type: ignore[attr-defined]  # a generator; what has no close fails here, as it must

        assert list(events) == [], "it continues after it was closed"
        assert "seed" not in self.heeds or text_of(provider.stream(self.request())) == whole

    def test_caller_may_leave_a_stream(self, client: Client) -> None:
        """`break` ends the stream, and the client asks on."""
        with client.stream(self.prompt, max_tokens=self.max_tokens) as stream:
            for _event in stream:
                break

        assert client.ask(self.prompt, max_tokens=self.max_tokens, temperature=0.0, seed=7).text

    def test_threads_do_not_mix(self, provider: LocalProvider) -> None:
        """Two requests at the same time get each its own answer."""
        prompts = [self.prompt, "Say something else."]
        alone = [text_of(provider.stream(self.request(prompt))) for prompt in prompts]
        found: dict[int, str] = {}
        failures: list[BaseException] = []
        begin = threading.Barrier(_THREADS)

        def answer(place: int) -> None:
            begin.wait()
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

    def test_request_is_left_as_it_is(self, provider: LocalProvider) -> None:
        """What the caller gave is the caller's."""
        request = self.request(extra=dict(self.extra))
        before = request.model_dump_json()
        list(provider.stream(request))

        assert request.model_dump_json() == before

    def test_answering_talks_to_nobody(self, provider: LocalProvider) -> None:
        """A model inside the process needs no network; the files of its weights are its own business."""
        with forbidden(files=False):
            list(provider.stream(self.request()))

    def test_unknown_model_is_an_error(self, provider: LocalProvider) -> None:
        """No other model answers in its place."""
        with pytest.raises(NotFoundError):
            list(provider.stream(self.request().model_copy(update={"model": "no-such-model-of-conformance"})))

    def test_any_prompt_is_answered_or_an_error(self, provider: LocalProvider) -> None:
        """Whatever is asked, a program sees an answer or an error of Budwood."""

        def check(prompt: str) -> None:
            try:
                events = list(provider.stream(self.request(f"{prompt}?", max_tokens=2)))
            except BudwoodError as error:
                check_error(error)
            else:
                assert any(isinstance(event, Finished) for event in events)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=5)

    def test_conversation_is_understood(self, provider: LocalProvider) -> None:
        """System messages and earlier turns are no stumbling block."""
        turns = (Message.system("Be brief."), Message.user("Hi."), Message.assistant("Yes?"), Message.user(self.prompt))
        request = self.request().model_copy(update={"messages": turns})

        assert any(isinstance(event, Finished) for event in provider.stream(request))

    def test_clients_agree(self, client: Client, folder: Path, clock: FakeClock) -> None:
        """Blocking, async, whole and streamed: the answer is the same."""
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

    def test_schema_is_satisfied(self, client: Client) -> None:
        """Where it claims to be bound by a JSON schema."""
        if Capability.JSON_SCHEMA not in client.capabilities():
            pytest.skip(f"{self.plugin} does not claim json_schema")
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
        """Where it has a ``close``, which frees what it holds."""
        provider = build().thing
        close = getattr(provider, "close", None)
        if close is None:
            pytest.skip("it has no close: it holds nothing")
        list(provider.stream(self.request(max_tokens=1)))
        close()
        close()

    def need(self, *parameters: str) -> None:
        """Skip a test of what it does not heed."""
        missing = [name for name in parameters if name not in self.heeds]
        if missing:
            pytest.skip(f"{self.plugin} does not heed {', '.join(missing)}")


def text_of(events: Iterable[StreamEvent]) -> str:
    """Join the text of a stream."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def usage_of(events: list[StreamEvent]) -> Usage:
    """Return the last report of usage."""
    reports = [event.usage for event in events if isinstance(event, UsageReported)]
    return reports[-1] if reports else Usage()
