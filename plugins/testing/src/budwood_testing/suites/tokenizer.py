"""The suite for tokenizers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import Tokenizer
from budwood.hooks import TOKENIZER, Kind, TokenizerSpec
from budwood.types import ChatRequest, ImagePart, Message, TextPart, TokenCount, ToolDefinition
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts

_UNHEARD_OF: Final = "conformance-model-that-nobody-has"
_TEXTS: Final = ("A graft holds.", "A graft holds where bark meets bark, and nowhere else. " * 20)
_IMAGE: Final = Message(role="user", parts=(TextPart(text="Look."), ImagePart(url="https://vendor.example/a.png")))
_TOOL: Final = ToolDefinition(name="now", description="Tell the time", parameters={"type": "object"})


class TokenizerSuite(PluginSuite):
    """
    Proves a tokenizer.

    .. code-block:: python

        class TestAcme(TokenizerSuite):
            plugin = "acme"
            model = "acme/large"

    Attributes:
        model: A model that it knows, as ``PLUGIN/MODEL``.
    """

    kind: ClassVar[Kind[Any]] = TOKENIZER
    model: ClassVar[str]

    def request(self, *messages: Message, tools: tuple[ToolDefinition, ...] = ()) -> ChatRequest:
        """Ask the model."""
        return ChatRequest(model=self.model.partition("/")[2], messages=messages, tools=tools)

    def requests(self) -> list[ChatRequest]:
        """Return requests of text, and of more than that."""
        hello = Message.user("Hello")
        return [
            *(self.request(Message.user(text)) for text in _TEXTS),
            self.request(Message.system("Be brief."), hello, Message.assistant("Hello."), hello),
            self.request(_IMAGE),
            self.request(hello, tools=(_TOOL,)),
        ]

    @pytest.fixture
    def tokenizer(self, build: Build) -> Tokenizer:
        """Make the tokenizer."""
        tokenizer: Tokenizer = build().thing
        return tokenizer

    def test_its_model_is_among_those_it_states(self, spec: TokenizerSpec[Any]) -> None:
        """The engine asks it for no others."""
        assert any(fnmatchcase(self.model.lower(), pattern) for pattern in spec.models)

    def test_requests_are_counted(self, tokenizer: Tokenizer) -> None:
        """With bounds around the count, which an exact one needs not; and as a tokenizer's."""
        for request in self.requests():
            count = tokenizer.count(request)

            assert isinstance(count, TokenCount)
            assert 0 <= count.low <= count.input_tokens <= count.high
            assert not count.exact or count.low == count.high
            assert count.source == "tokenizer"

    def test_other_models_are_left_to_others(self, tokenizer: Tokenizer) -> None:
        """Nothing is counted by the vocabulary of another model."""
        request = self.requests()[0].model_copy(update={"model": _UNHEARD_OF})

        assert tokenizer.count(request) is None

    def test_longer_requests_have_more_tokens(self, tokenizer: Tokenizer) -> None:
        """Text is counted, and each message."""
        short, long, *_ = (self.count(tokenizer, request) for request in self.requests())

        assert long > 5 * short
        hello = Message.user("Hello")
        assert self.count(tokenizer, self.request(hello, hello)) > self.count(tokenizer, self.request(hello))

    def test_count_depends_on_the_request_alone(self, tokenizer: Tokenizer, build: Build) -> None:
        """The same request has the same count, after others too, and from another instance."""
        counts = [self.count(tokenizer, request) for request in self.requests()]

        assert [self.count(tokenizer, request) for request in reversed(self.requests())][::-1] == counts
        assert [self.count(build().thing, request) for request in self.requests()] == counts

    def test_counting_again_does_no_io(self, tokenizer: Tokenizer) -> None:
        """It reads files at the first count at the earliest, and makes no connection."""
        with forbidden(files=False):
            self.count(tokenizer, self.requests()[0])
        with forbidden():
            for request in self.requests():
                self.count(tokenizer, request)

    def test_any_text_is_counted(self, tokenizer: Tokenizer) -> None:
        """Whatever was written, also what looks like the vocabulary's own marks."""

        def check(text: str) -> None:
            assert self.count(tokenizer, self.request(Message.user(f"{text}?"))) > 0

        for_all(texts(), check, always=(*HOSTILE_TEXTS, "<|endoftext|>"), examples=15)

    def test_threads_count_alike(self, tokenizer: Tokenizer) -> None:
        """Clients count from several threads."""
        request = self.requests()[1]
        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(lambda _: self.count(tokenizer, request), range(32)))

        assert len(set(counts)) == 1

    def count(self, tokenizer: Tokenizer, request: ChatRequest) -> int:
        """Count a request of the tokenizer's own model."""
        count = tokenizer.count(request)
        assert count is not None
        return count.input_tokens
