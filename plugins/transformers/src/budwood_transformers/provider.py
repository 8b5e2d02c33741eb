"""The provider: a thread generates the reply, and the caller reads its events."""

from __future__ import annotations

import contextvars
import importlib.util
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, Final, cast

from budwood.contracts import PluginContext
from budwood.errors import PluginLoadError, UnsupportedError
from budwood.providing import check_capabilities, has_media
from budwood.types import (
    Adaptation,
    Capability,
    ChatRequest,
    ImageRequest,
    ModelInfo,
    ModelKind,
    ModelRules,
    SpeechRequest,
    SpeechResponse,
    StreamEvent,
    TranscriptionRequest,
    TranscriptionResponse,
    VideoRequest,
)
from budwood_transformers.loader import LoadedModel, LoadedPipeline, Loader, free_memory
from budwood_transformers.model_files import instance_model_name, list_models, read_json_file
from budwood_transformers.model_kinds import (
    WITHOUT_VOCODER,
    find_auto_class,
    model_kind,
    rules_from_config,
)
from budwood_transformers.object_cache import ObjectCache, client_closed
from budwood_transformers.prompts import PromptEncoder, encode_prompt
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
        Capability.IMAGE_INPUT,
        Capability.SPEECH,
        Capability.TRANSCRIPTION,
        Capability.TRANSLATION,
    }
)

_CALLS: Final[dict[ModelKind, str]] = {"chat": "ask", "speech": "speak", "transcription": "transcribe"}
"""The method of the client for models of a kind."""

_BY_RESPONSE_TEMPLATE: Final = frozenset({Capability.TOOLS, Capability.REASONING})
_GENERATION: Final = "generation_config.json"
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
                hint="pip install torch, or see pytorch.org for the build for your machine.",
            )
        loader = Loader(settings, context)
        self._settings = settings
        self._context = context
        self._loader = loader
        self._models: ObjectCache[LoadedModel | LoadedPipeline] = ObjectCache(
            loader.model, settings.max_models, free_memory
        )
        self._tokenizers = ObjectCache(loader.encoder, _TOKENIZERS, lambda: None)
        # Also runs at exit: a generating thread must not outlive the interpreter.
        self._finalizer = weakref.finalize(self, _close, self._models, self._tokenizers)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities for models of every kind, or for that of the only model; see also `model_rules`."""
        path = self._settings.model_path
        config = self._read(instance_model_name(path), "config.json") if path is not None else {}
        return rules_from_config(config).filter_capabilities(CAPABILITIES)

    def model_rules(self, model: str) -> ModelRules:
        """
        Return the rules of a model: its kind, from its own configuration, and what it lacks.

        Without a response template, reasoning and tool calls cannot be distinguished from text. Nothing is downloaded
        for this, so a model that is not on this machine counts as having none, and its kind is not known.
        """
        rules, own = self._context.rules(model), rules_from_config(self._read(model, "config.json"))
        rules = rules.model_copy(update={"kind": rules.kind or own.kind})
        lacks = rules.lacks | own.lacks
        if rules.kind == "transcription" and not self._translates(model):
            lacks |= {Capability.TRANSLATION}
        template: object = self._settings.response_template or self._read(model, "tokenizer_config.json").get(
            "response_template"
        )
        if template is None:
            lacks |= _BY_RESPONSE_TEMPLATE
        return rules.model_copy(update={"lacks": lacks})

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models that need no download."""
        return tuple(list_models(self._settings))

    def adaptations(
        self, request: ChatRequest | ImageRequest | SpeechRequest | TranscriptionRequest | VideoRequest
    ) -> tuple[Adaptation, ...]:
        """Return the adaptations of a request."""
        match request:
            case ChatRequest():
                return tuple(list_adaptations(request, self._context.rules(request.model)))
            case SpeechRequest():
                from budwood_transformers.speaking import list_speech_adaptations

                return tuple(list_speech_adaptations(request, self._loader.config(request.model)))
            case TranscriptionRequest():
                from budwood_transformers.transcribing import list_transcription_adaptations

                by_ctc = find_auto_class(self._loader.config(request.model)) == "AutoModelForCTC"
                generation = self._read(request.model, _GENERATION)
                return tuple(list_transcription_adaptations(request, generation, by_ctc=by_ctc))
            case ImageRequest() | VideoRequest():  # the engine asks only for capabilities of the provider
                return ()

    def count_tokens(self, request: ChatRequest) -> int:
        """
        Count the tokens of a request, including those of the chat template.

        Only the tokenizer or the processor is loaded; it is downloaded if it is not on this machine.

        Raises:
            UnsupportedError: The request has media that the model does not take.
        """
        self._require_media(request)
        return self._tokenizers.use(request.model, lambda encoder: len(encode_prompt(encoder, request).tokens))

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """
        Generate a reply token by token. Closing the iterator stops the model at the next token.

        Raises:
            BudwoodError: The model cannot be loaded or run; see `budwood_transformers.errors`.
        """
        self._require(request.model, "chat")
        self._require_media(request)
        request = without_rejected_parameters(request, self._context.rules(request.model))
        models, limit = self._models, self._settings.max_tokens
        abandoned = threading.Event()

        def work(emit: Callable[[StreamEvent], None]) -> None:
            from budwood_transformers.generation import generate_reply  # imports torch and transformers

            def is_cancelled() -> bool:
                return abandoned.is_set() or models.closing.is_set()

            complete = models.use(
                request.model,
                lambda model: generate_reply(cast("LoadedModel", model), request, limit, emit, is_cancelled),
            )
            if not complete and models.closing.is_set():
                raise client_closed()

        return _in_thread(work, abandoned)

    def generate_speech(self, request: SpeechRequest) -> SpeechResponse:
        """
        Speak a text.

        Raises:
            BudwoodError: The model is no speech model, or cannot be loaded or run; see `budwood_transformers.errors`.
        """
        self._require(request.model, "speech")
        from budwood_transformers.speaking import speak  # imports numpy

        return self._models.use(request.model, lambda model: speak(cast("LoadedPipeline", model), request))

    def transcribe(self, request: TranscriptionRequest) -> TranscriptionResponse:
        """
        Transcribe a recording, or translate it into English.

        Raises:
            UnsupportedError: The model does not transcribe, or does not translate.
            BudwoodError: The audio cannot be used, or the model cannot be loaded or run.
        """
        self._require(request.model, "transcription")
        from budwood_transformers.transcribing import transcribe  # imports numpy

        def work(model: LoadedModel | LoadedPipeline) -> TranscriptionResponse:
            if request.translate and not self._translates(request.model):  # not known before the download
                raise UnsupportedError(f"{request.model} does not translate.", hint="Call client.transcribe(…).")
            return transcribe(cast("LoadedPipeline", model), request, self._read(request.model, _GENERATION))

        return self._models.use(request.model, work)

    def close(self) -> None:
        """Stop all replies and unload the models. It can be called repeatedly."""
        self._finalizer()

    def _read(self, model: str, name: str) -> dict[str, Any]:
        return read_json_file(self._settings, model, name) or {}

    def _translates(self, model: str) -> bool:
        from budwood_transformers.transcribing import can_translate  # imports numpy

        return can_translate(self._read(model, _GENERATION))

    def _require(self, model: str, kind: ModelKind) -> None:
        """
        Check the kind of a model before its weights are loaded.

        Raises:
            UnsupportedError: It is of another kind.
        """
        config = self._loader.config(model)
        found = model_kind(config)
        if kind == "speech" and find_auto_class(config) == WITHOUT_VOCODER:
            raise UnsupportedError(
                f"{model} returns spectrograms, which only a second model, a vocoder, converts to sound. "
                "Budwood loads one model at a time.",
                hint="Choose a model that returns sound, such as facebook/mms-tts-eng, or one whose name has hifigan, "
                "such as espnet/fastspeech2_conformer_with_hifigan.",
            )
        if found == kind or (found is None and kind == "chat"):
            return
        noun = f"a {found} model" if found is not None else "a model whose class is not known"
        hint = f"Call client.{_CALLS[found]}(…), or choose" if found in _CALLS else "Choose"
        raise UnsupportedError(f"{model} is {noun}, and not a {kind} model.", hint=f"{hint} a {kind} model.")

    def _require_media(self, request: ChatRequest) -> None:
        """
        Check that a model takes the media of a request, before its weights are loaded.

        Raises:
            UnsupportedError: It does not.
        """
        if has_media(request.messages):
            config = self._loader.config(request.model)
            check_capabilities(
                request.messages, rules_from_config(config).filter_capabilities(CAPABILITIES), request.model
            )


def _close(models: ObjectCache[LoadedModel | LoadedPipeline], tokenizers: ObjectCache[PromptEncoder]) -> None:
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
