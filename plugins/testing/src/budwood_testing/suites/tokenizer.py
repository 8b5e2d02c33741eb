"""The suite for tokenizers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import Tokenizer
from budwood.hooks import TOKENIZER, Kind, TokenizerSpec
from budwood.types import ChatRequest, ImagePart, Message, TextPart, TokenCount, ToolDefinition
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts

_UNKNOWN_MODEL: Final = "conformance-unknown-model"
_TEXTS: Final = ("A graft holds.", "A graft holds where bark meets bark, and nowhere else. " * 20)
_IMAGE: Final = Message(role="user", parts=(TextPart(text="Look."), ImagePart(url="https://vendor.example/a.png")))
_TOOL: Final = ToolDefinition(name="now", description="Tell the time", parameters={"type": "object"})


class TokenizerSuite(PluginSuite):
    """
    Tests a tokenizer.

    .. code-block:: python

        class TestAcme(TokenizerSuite):
            plugin = "acme"
            model = "acme/large"

    Attributes:
        model: A model that it supports, as ``PLUGIN/MODEL``.
    """

    kind: ClassVar[Kind[Any]] = TOKENIZER
    model: ClassVar[str]

    def request(self, *messages: Message, tools: tuple[ToolDefinition, ...] = ()) -> ChatRequest:
        """Create a request to the model."""
        return ChatRequest(model=self.model.partition("/")[2], messages=messages, tools=tools)

    def requests(self) -> list[ChatRequest]:
        """Return requests with text, several turns, an image, and a tool."""
        hello = Message.user("Hello")
        return [
            *(self.request(Message.user(text)) for text in _TEXTS),
            self.request(Message.system("Be brief."), hello, Message.assistant("Hello."), hello),
            self.request(_IMAGE),
            self.request(hello, tools=(_TOOL,)),
        ]

    @pytest.fixture
    def tokenizer(self, build: Build) -> Tokenizer:
        """Build the tokenizer."""
        tokenizer: Tokenizer = build().implementation
        return tokenizer

    def test_spec_matches_the_model(self, spec: TokenizerSpec[Any]) -> None:
        """The model of the suite matches a pattern of the spec: the engine uses the tokenizer only for those."""
        assert any(fnmatchcase(self.model.lower(), pattern) for pattern in spec.models)

    def test_requests_are_counted(self, tokenizer: Tokenizer) -> None:
        """A count lies within its bounds, which are equal if it is exact, and its source is ``tokenizer``."""
        for request in self.requests():
            count = tokenizer.count(request)

            assert isinstance(count, TokenCount)
            assert 0 <= count.low <= count.input_tokens <= count.high
            assert not count.exact or count.low == count.high
            assert count.source == "tokenizer"

    def test_unknown_model_is_not_counted(self, tokenizer: Tokenizer) -> None:
        """`count` returns None for a model that the tokenizer does not support."""
        request = self.requests()[0].model_copy(update={"model": _UNKNOWN_MODEL})

        assert tokenizer.count(request) is None

    def test_longer_requests_have_more_tokens(self, tokenizer: Tokenizer) -> None:
        """A longer text has more tokens, and so has a second message."""
        short, long, *_ = (self.count(tokenizer, request) for request in self.requests())

        assert long > 5 * short
        hello = Message.user("Hello")
        assert self.count(tokenizer, self.request(hello, hello)) > self.count(tokenizer, self.request(hello))

    def test_count_depends_only_on_the_request(self, tokenizer: Tokenizer, build: Build) -> None:
        """The same request has the same count, in any order of calls and from another instance."""
        counts = [self.count(tokenizer, request) for request in self.requests()]

        assert [self.count(tokenizer, request) for request in reversed(self.requests())][::-1] == counts
        assert [self.count(build().implementation, request) for request in self.requests()] == counts

    def test_counting_again_does_no_io(self, tokenizer: Tokenizer) -> None:
        """The first count may read files but not use the network; later counts do no I/O."""
        with no_io(files=False):
            self.count(tokenizer, self.requests()[0])
        with no_io():
            for request in self.requests():
                self.count(tokenizer, request)

    def test_any_text_is_counted(self, tokenizer: Tokenizer) -> None:
        """Any text is counted, including text that looks like special tokens."""

        def check(text: str) -> None:
            assert self.count(tokenizer, self.request(Message.user(f"{text}?"))) > 0

        for_all(texts(), check, always=(*HOSTILE_TEXTS, "<|endoftext|>"), examples=15)

    def test_threads_get_the_same_count(self, tokenizer: Tokenizer) -> None:
        """`count` can be called from several threads at once."""
        request = self.requests()[1]
        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(lambda _: self.count(tokenizer, request), range(32)))

        assert len(set(counts)) == 1

    def count(self, tokenizer: Tokenizer, request: ChatRequest) -> int:
        """Count the tokens of a request that the tokenizer supports."""
        count = tokenizer.count(request)
        assert count is not None
        return count.input_tokens
