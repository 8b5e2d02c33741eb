"""The provider: one thread writes a reply, whoever asked reads its events."""

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
from budwood_transformers.folders import listed, read_file
from budwood_transformers.loading import LoadedModel, Loader, free_memory
from budwood_transformers.prompts import encode_prompt
from budwood_transformers.sampling import receipts, without_refused
from budwood_transformers.settings import TransformersSettings
from budwood_transformers.shelf import Shelf, closed

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
"""So many tokenizers are kept for counting; they are small."""


class Transformers:
    """
    Asks models that run in this process.

    A model is loaded at its first request, and let go by `close`, or when another needs its place. It writes one reply
    at a time, in a thread of its own, so that a reader who stops in the middle blocks nobody.

    Args:
        settings: Which models, and where to load them.
        context: What the plugin got besides its settings.

    Raises:
        PluginLoadError: torch is not installed.
    """

    def __init__(self, settings: TransformersSettings, context: PluginContext) -> None:
        if importlib.util.find_spec("torch") is None:
            raise PluginLoadError(
                "Models inside the process need torch, which is not installed.",
                hint='pip install "budwood-transformers[torch]", or the build for your machine as pytorch.org says.',
            )
        loader = Loader(settings, context)
        self._settings = settings
        self._context = context
        self._models: Shelf[LoadedModel] = Shelf(loader.model, settings.max_models, free_memory)
        self._tokenizers = Shelf(loader.tokenizer, _TOKENIZERS, lambda: None)
        # At the end of the program too: a thread that still writes must not outlive the interpreter.
        self._end = weakref.finalize(self, _close, self._models, self._tokenizers)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do with a model that has a response template; see `model_rules`."""
        return CAPABILITIES

    def model_rules(self, model: str) -> ModelRules:
        """
        Say what is known of a model.

        Without a response template, reasoning and tool calls cannot be told from text. The files of a model that was
        never downloaded say nothing yet, and nothing is downloaded to answer this.
        """
        rules = self._context.rules(model)
        if self._settings.response_template is not None:
            return rules
        found = read_file(self._settings, model, "tokenizer_config.json") or {}
        if found.get("response_template") is not None:
            return rules
        return rules.model_copy(update={"lacks": rules.lacks | _BY_RESPONSE_TEMPLATE})

    def models(self) -> tuple[ModelInfo, ...]:
        """List the models that can be asked without a download."""
        return tuple(listed(self._settings))

    def adaptations(self, request: ChatRequest) -> tuple[Adaptation, ...]:
        """Say which parameters are not taken as given."""
        return tuple(receipts(request, self._context.rules(request.model)))

    def count_tokens(self, request: ChatRequest) -> int:
        """
        Count the tokens of a request as the model would see them, its chat template included.

        Only the tokenizer is loaded, and downloaded where it is not on this machine.
        """
        return self._tokenizers.use(request.model, lambda tokenizer: len(encode_prompt(tokenizer, request)))

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """
        Answer, token by token. The model stops at the next token when the iterator is closed.

        Raises:
            BudwoodError: The model cannot be loaded, or cannot answer; see `budwood_transformers.failures`.
        """
        request = without_refused(request, self._context.rules(request.model))
        models, limit = self._models, self._settings.max_tokens
        left = threading.Event()

        def work(emit: Callable[[StreamEvent], None]) -> None:
            from budwood_transformers.writing import write  # imports torch and transformers

            def is_left() -> bool:
                return left.is_set() or models.closing.is_set()

            complete = models.use(request.model, lambda model: write(model, request, limit, emit, is_left))
            if not complete and models.closing.is_set():
                raise closed()

        return _in_thread(work, left)

    def close(self) -> None:
        """Stop all replies and let the models go. Closing twice is no error."""
        self._end()


def _close(models: Shelf[LoadedModel], tokenizers: Shelf[object]) -> None:
    models.close()
    tokenizers.close()


class _Failed:
    """Carries an error from the thread that writes to whoever reads; with None, the end."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _in_thread(work: Callable[[Callable[[StreamEvent], None]], None], left: threading.Event) -> Iterator[StreamEvent]:
    """Do work in a thread of its own and yield what it emits; ``left`` is set when nobody reads any more."""
    events: SimpleQueue[StreamEvent | _Failed] = SimpleQueue()

    def run() -> None:
        try:
            work(events.put)
        except BaseException as error:  # noqa: BLE001 - it is raised where the events are read
            events.put(_Failed(error))
        else:
            events.put(_Failed(None))

    run_here = contextvars.copy_context().run
    threading.Thread(target=run_here, args=(run,), name="budwood-transformers", daemon=True).start()
    try:
        while not isinstance(event := events.get(), _Failed):
            yield event
        if event.error is not None:
            raise event.error
    finally:
        left.set()
