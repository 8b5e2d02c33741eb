"""
What the objects that plugins build must be able to do.

These are Protocols: a plugin satisfies one by having its methods, and inherits nothing. `budwood.hooks` describes such
objects; `budwood.providing` offers a base class to those who like one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from random import Random
    from threading import Event

    from budwood.errors import ProviderError
    from budwood.types import (
        AccessToken,
        Adaptation,
        Capability,
        Cell,
        CellDraft,
        ChatRequest,
        ChatResponse,
        Credential,
        EmbeddingRequest,
        EmbeddingResponse,
        HTTPCall,
        HTTPReply,
        Instruction,
        Message,
        ModelInfo,
        ModelRules,
        ModerationRequest,
        ModerationResponse,
        Part,
        PullProgress,
        ReplyHead,
        Row,
        SourcePassage,
        StreamEvent,
        Timing,
        TokenCount,
        Turn,
    )


class Clock(Protocol):
    """Time, and waiting for it to pass. Tests bring one of their own."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def time(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float, *, wake: Event | None = None) -> None:
        """Wait, blocking the thread; no longer than until ``wake`` is set."""
        ...

    async def sleep_async(self, seconds: float) -> None:
        """Wait, leaving the thread to other tasks."""
        ...


class EmitLog(Protocol):
    """How a plugin writes an event to the log; see `budwood.logs.emit` for what is redacted."""

    def __call__(self, event: str, **fields: object) -> None:
        """Write one event."""
        ...


class RulesLookup(Protocol):
    """How a plugin asks what is known of a model: from the catalog, and from what its server has refused before."""

    def __call__(self, model: str, *, family: str | None = None) -> ModelRules:
        """
        Return the rules of a model; nothing known is an empty set of rules.

        Args:
            model: The name that users call it.
            family: The model's name in the catalog, where users give models names of their own.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """
    What a plugin gets besides its settings.

    Attributes:
        instance: The name that users gave to this instance: ``"my-vllm"``.
        rules: What is known of a model, by the model's name.
        log: Writes an event to the log.
        clock: The time.
        cache_folder: Where files may be kept that can be made again. It need not exist yet.
    """

    instance: str
    rules: RulesLookup
    log: EmitLog
    clock: Clock
    cache_folder: Path


class StreamDecoder(Protocol):
    """Turns the bytes of one streamed reply into events, however the bytes are cut."""

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """
        Decode what came.

        Raises:
            ProviderError: The vendor reports an error inside the stream, or the bytes are not what the API promises.
        """
        ...

    def close(self) -> Sequence[StreamEvent]:
        """
        Decode what is left at the end.

        Raises:
            StreamInterruptedError: The reply was not finished.
        """
        ...


@runtime_checkable
class Provider(Protocol):
    """A vendor's chat API, as a pure translation: no I/O, no secrets but in `authorize`."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do; what its spec says is the upper bound."""
        ...

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the request in the vendor's form, with a receipt for each parameter that is not sent as given."""
        ...

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the credential in: the last step before sending."""
        ...

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """
        Read a whole reply with a status of 2xx.

        Raises:
            ProviderError: It holds an error all the same, or is not what the API promises.
        """
        ...

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed reply with a status of 2xx."""
        ...

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply with any other status, by status and structured code first."""
        ...


@runtime_checkable
class EmbeddingProvider(Protocol):
    """A vendor's embeddings, in the same form as `Provider`."""

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Write the request in the vendor's form."""
        ...

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Read the reply; the vectors stand in the order of the texts."""
        ...


class TokenSource(Protocol):
    """
    Gets tokens for a vendor who takes one in place of a key.

    It may do I/O, blocking or as a coroutine function: not the provider calls it but the engine, as an effect, before
    the first call and before a token expires. What it raises becomes a `CredentialError`.
    """

    def __call__(self) -> AccessToken | Awaitable[AccessToken]:
        """Get a token."""
        ...


@runtime_checkable
class TokenProvider(Protocol):
    """A provider whose settings may say that `Provider.authorize` gets a token in place of ``api_key``."""

    @property
    def token_source(self) -> TokenSource | None:
        """Where tokens come from; None where the key serves."""
        ...


@runtime_checkable
class ModelRulesProvider(Protocol):
    """A provider whose users give models names of their own, so that it must say what the catalog says of them."""

    def model_rules(self, model: str) -> ModelRules:
        """Return the rules of a model, by the name that users call it."""
        ...


@runtime_checkable
class CatalogNameProvider(Protocol):
    """A provider that can tell which model stands behind a name of its users' own; see `ModelRulesProvider`."""

    def catalog_name(self, model: str) -> str:
        """Return the name under which the catalog knows a model, by the name that users call it."""
        ...


@runtime_checkable
class ContextWindowProvider(Protocol):
    """A provider that knows how much its models hold, where the catalog does not."""

    def context_window(self, model: str) -> int | None:
        """Return how many tokens a model reads and writes together, or None where that is not known."""
        ...


@runtime_checkable
class ModelListProvider(Protocol):
    """A vendor's list of models, in the same form as `Provider`."""

    def encode_models(self) -> HTTPCall:
        """Write the request for the list."""
        ...

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Read the list."""
        ...


@runtime_checkable
class ModelDetailProvider(Protocol):
    """A vendor whose list of models leaves out what a call for each of them tells."""

    def encode_model(self, model: ModelInfo) -> HTTPCall:
        """Write the request for what else is known of a model of the list."""
        ...

    def decode_model(self, model: ModelInfo, reply: HTTPReply) -> ModelInfo:
        """Read it, and add it to what the list said."""
        ...


class PullDecoder(Protocol):
    """Turns the bytes of a server's progress with a model into records, however the bytes are cut."""

    def feed(self, data: bytes) -> Sequence[PullProgress]:
        """
        Decode what came.

        Raises:
            ProviderError: The server reports that it cannot fetch the model.
        """
        ...

    def close(self) -> Sequence[PullProgress]:
        """
        Decode what is left at the end.

        Raises:
            StreamInterruptedError: The server did not say that it has the model.
        """
        ...


@runtime_checkable
class ModelPullProvider(Protocol):
    """A server that fetches models for itself when it is told to, in the same form as `Provider`."""

    def encode_pull(self, model: str) -> HTTPCall:
        """Write the request to fetch a model. It may be sent again: the server goes on where it was."""
        ...

    def pull_decoder(self, head: ReplyHead) -> PullDecoder:
        """Begin to read the server's progress."""
        ...


@runtime_checkable
class ConnectionHintProvider(Protocol):
    """A vendor that knows better than we do what helps where nobody answers at its address."""

    @property
    def connection_hint(self) -> str | None:
        """What to do, in one sentence or two; None leaves it to the general hint."""
        ...


@runtime_checkable
class TokenCountProvider(Protocol):
    """A vendor's count of the tokens of a request, in the same form as `Provider`."""

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Write the request that asks for the count."""
        ...

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Read the count of input tokens."""
        ...


@runtime_checkable
class ModerationProvider(Protocol):
    """A vendor's verdicts on texts and images, in the same form as `Provider`."""

    def encode_moderation(self, request: ModerationRequest) -> HTTPCall:
        """Write the request in the vendor's form."""
        ...

    def decode_moderation(self, request: ModerationRequest, reply: HTTPReply) -> ModerationResponse:
        """Read the reply; the verdicts stand in the order of the contents."""
        ...


@runtime_checkable
class CompletionProvider(Protocol):
    """
    A vendor's plain completions, in the same form as `Provider`: a model goes on with a text.

    The request holds one user's message, the text; the reply is its continuation.
    """

    def encode_completion(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the request in the vendor's form."""
        ...

    def decode_completion(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a whole reply."""
        ...

    def completion_decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed reply."""
        ...


@runtime_checkable
class LocalProvider(Protocol):
    """A model inside the process. The engine gives it a thread where it needs one and derives all else."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do."""
        ...

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """Answer, event by event; the last but usage is `Finished`."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """List the models that it has."""
        ...


@runtime_checkable
class LocalAdaptationProvider(Protocol):
    """A model inside the process that cannot take every parameter as given, and says so before it answers."""

    def adaptations(self, request: ChatRequest) -> tuple[Adaptation, ...]:
        """Return a receipt for each parameter that is not taken as given. It must be quick: nothing is loaded here."""
        ...


@runtime_checkable
class LocalTokenCountProvider(Protocol):
    """A model inside the process that counts the tokens of a request."""

    def count_tokens(self, request: ChatRequest) -> int:
        """Count the input tokens, as `LocalProvider.stream` would see them."""
        ...


class Cache(Protocol):
    """
    Keeps bytes under keys for a time. All methods may be called from several threads.

    Whatever goes wrong with the store is raised as an `OSError`: the engine notes it in the log and goes on without.
    The blocking form is the contract; the engine calls it in a thread from async code unless its spec says ``inline``.
    """

    def get(self, key: str) -> bytes | None:
        """Return what is kept under the key, or None where there is nothing or its time is over."""
        ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep the value for ``ttl`` seconds, or without an end; replaces what was there."""
        ...

    def close(self) -> None:
        """Release what is held. Closing twice is no error."""
        ...


class Storage(Protocol):
    """Writes the rows of a dataset where users want them."""

    def write(self, rows: Iterable[Row]) -> int:
        """
        Replace the output by these rows, in one step: a reader sees the old output or the new, never a part.

        Returns:
            How many rows were written.
        """
        ...


class MediaHandler(Protocol):
    """Turns a file into parts of a message."""

    def parts(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        """
        Read the file.

        Raises:
            PromptError: It is not what its name promises.
        """
        ...


class InstructionStrategy(Protocol):
    """Decides what users ask in a dataset's conversations. Equal input gives equal output: chance is in ``random``."""

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """Draft ``count`` cells, spread over the passages."""
        ...

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Say what the user asks next, after these turns."""
        ...


class PromptModifier(Protocol):
    """Changes the messages that the answering model sees."""

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Return the messages to send."""
        ...


class Tokenizer(Protocol):
    """Counts tokens on this machine as a model's vendor does. May be called from several threads."""

    def count(self, request: ChatRequest) -> TokenCount | None:
        """
        Count the input tokens of a request, or None where it does not know the model.

        Raises:
            ConfigurationError: Its vocabulary is not on this machine; the hint says how to get it.
        """
        ...


class Exchange(Protocol):
    """One request under way, with blocking I/O."""

    head: ReplyHead

    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        ...

    def read_all(self, limit: int) -> bytes:
        """
        Wait for the whole body.

        Raises:
            ResponseTooLargeError: It has more than ``limit`` bytes.
        """
        ...

    def close(self) -> None:
        """End it; in mid-reply this closes the connection at once."""
        ...


class Transport(Protocol):
    """Carries HTTP calls, with blocking I/O. Safe to use from several threads."""

    def open(self, call: HTTPCall, timing: Timing) -> Exchange:
        """
        Send the call and wait for the head of the reply.

        Raises:
            ConnectionFailedError: There is no connection, or it broke.
            RequestTimeoutError: It took too long.
        """
        ...

    def interrupt(self, thread: int) -> None:
        """End what another thread (by its identifier) waits for, as well as can be."""
        ...

    def close(self) -> None:
        """Close all connections. Closing twice is no error."""
        ...


class AsyncExchange(Protocol):
    """One request under way, with async I/O; see `Exchange`."""

    head: ReplyHead

    async def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        ...

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class AsyncTransport(Protocol):
    """Carries HTTP calls, with async I/O; see `Transport`. Belongs to one event loop."""

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncExchange:
        """Send the call and wait for the head of the reply."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Transports(Protocol):
    """What a plugin for a transport builds: each client gets a transport of its own."""

    def blocking(self) -> Transport:
        """
        Make a transport with blocking I/O.

        Raises:
            UnsupportedError: It has none, or cannot do what its settings or the environment say.
        """
        ...

    def asynchronous(self) -> AsyncTransport:
        """
        Make a transport with async I/O, on the running event loop or the one that runs when it is first used.

        Raises:
            UnsupportedError: It has none, or cannot do what its settings or the environment say.
        """
        ...
