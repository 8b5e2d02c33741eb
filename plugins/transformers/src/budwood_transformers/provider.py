"""The provider: a thread generates the reply, and the caller reads its events."""

from __future__ import annotations

import contextvars
import importlib.util
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Final

from budwood.contracts import PluginContext
from budwood.errors import PluginLoadError
from budwood.types import Adaptation, Capability, ChatRequest, ModelInfo, ModelRules, StreamEvent
from budwood_transformers.loader import LoadedModel, Loader, free_memory
from budwood_transformers.model_files import list_models, read_json_file
from budwood_transformers.object_cache import ObjectCache, client_closed
from budwood_transformers.prompts import encode_prompt
from budwood_transformers.sampling import list_adaptations, without_rejected_parameters
from budwood_transformers.settings import TransformersSettings

CAPABILITIES: Final = frozenset(
    {
        Capability.CHAT,
        Capability.STREAM,
        Capability.MODELS,
        Capability.COUNT_TOKENS,
        Capability.TOOLS,
        Capability.REASONING,
    }
)
_BY_RESPONSE_TEMPLATE: Final = frozenset({Capability.TOOLS, Capability.REASONING})
_TOKENIZERS: Final = 8
"""The number of tokenizers to keep for counting; they are small."""


class Transformers:
    """
    Runs models in this process.

    A model is loaded at its first request, and unloaded by `close` or when `max_models` is exceeded. It generates one
    reply at a time, in a separate thread, so that a reader that stops does not block others.

    Args:
        settings: The settings.
        context: The plugin context.

    Raises:
        PluginLoadError: torch is not installed.
    """

    def __init__(self, settings: TransformersSettings, context: PluginContext) -> None:
        if importlib.util.find_spec("torch") is None:
            raise PluginLoadError(
                "Running models in the process requires torch, which is not installed.",
                hint='pip install "budwood-transformers[torch]", or see pytorch.org for the build for your machine.',
            )
        loader = Loader(settings, context)
        self._settings = settings
        self._context = context
        self._models: ObjectCache[LoadedModel] = ObjectCache(loader.model, settings.max_models, free_memory)
        self._tokenizers = ObjectCache(loader.tokenizer, _TOKENIZERS, lambda: None)
        # Also runs at exit: a generating thread must not outlive the interpreter.
        self._finalizer = weakref.finalize(self, _close, self._models, self._tokenizers)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities for models with a response template; see `model_rules`."""
        return CAPABILITIES

    def model_rules(self, model: str) -> ModelRules:
        """
        Return the rules of a model.

        Without a response template, reasoning and tool calls cannot be distinguished from text. Nothing is downloaded
        for this, so a model that is not on this machine counts as having none.
        """
        rules = self._context.rules(model)
        if self._settings.response_template is not None:
            return rules
        config = read_json_file(self._settings, model, "tokenizer_config.json") or {}
        if config.get("response_template") is not None:
            return rules
        return rules.model_copy(update={"lacks": rules.lacks | _BY_RESPONSE_TEMPLATE})

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models that need no download."""
        return tuple(list_models(self._settings))

    def adaptations(self, request: ChatRequest) -> tuple[Adaptation, ...]:
        """Return the adaptations of a request."""
        return tuple(list_adaptations(request, self._context.rules(request.model)))

    def count_tokens(self, request: ChatRequest) -> int:
        """
        Count the tokens of a request, including those of the chat template.

        Only the tokenizer is loaded; it is downloaded if it is not on this machine.
        """
        return self._tokenizers.use(request.model, lambda tokenizer: len(encode_prompt(tokenizer, request)))

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """
        Generate a reply token by token. Closing the iterator stops the model at the next token.

        Raises:
            BudwoodError: The model cannot be loaded or run; see `budwood_transformers.errors`.
        """
        request = without_rejected_parameters(request, self._context.rules(request.model))
        models, limit = self._models, self._settings.max_tokens
        abandoned = threading.Event()

        def work(emit: Callable[[StreamEvent], None]) -> None:
            from budwood_transformers.generation import generate_reply  # imports torch and transformers

            def is_cancelled() -> bool:
                return abandoned.is_set() or models.closing.is_set()

            complete = models.use(
                request.model, lambda model: generate_reply(model, request, limit, emit, is_cancelled)
            )
            if not complete and models.closing.is_set():
                raise client_closed()

        return _in_thread(work, abandoned)

    def close(self) -> None:
        """Stop all replies and unload the models. It can be called repeatedly."""
        self._finalizer()


def _close(models: ObjectCache[LoadedModel], tokenizers: ObjectCache[object]) -> None:
    models.close()
    tokenizers.close()


class _StreamEnd:
    """The end of the events: the error of the generating thread, or None."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _in_thread(
    work: Callable[[Callable[[StreamEvent], None]], None], abandoned: threading.Event
) -> Iterator[StreamEvent]:
    """Run a function in a new thread and yield its events; set ``abandoned`` when the caller stops reading."""
    events: SimpleQueue[StreamEvent | _StreamEnd] = SimpleQueue()

    def run() -> None:
        try:
            work(events.put)
        except BaseException as error:  # noqa: BLE001 - raised in the reading thread
            events.put(_StreamEnd(error))
        else:
            events.put(_StreamEnd(None))

    run_in_context = contextvars.copy_context().run
    threading.Thread(target=run_in_context, args=(run,), name="budwood-transformers", daemon=True).start()
    try:
        while not isinstance(event := events.get(), _StreamEnd):
            yield event
        if event.error is not None:
            raise event.error
    finally:
        abandoned.set()
