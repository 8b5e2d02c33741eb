"""Reports runs of LlamaIndex's models to Budwood's observers, by LlamaIndex's instrumentation."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.callbacks.token_counting import get_tokens_from_response
from llama_index.core.instrumentation import root_dispatcher  # type: ignore[attr-defined] # it is public
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatInProgressEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionInProgressEvent,
    LLMCompletionStartEvent,
)
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler

from budwood import CallReporter, ReportedCall, Usage
from budwood.contracts import Observer
from budwood.plugins import Registry
from budwood.settings import Settings
from budwood_llama_index.component import OBSERVERS

MAX_SPANS: Final = 10_000
"""The number of runs, and of spans, that have started and not ended. Of more, the oldest are forgotten."""

_VENDORS: Final = {
    "azureopenai": "azure",
    "azure_openai": "azure",
    "bedrock_converse": "bedrock",
    "googlegenai": "gemini",
    "google_genai": "gemini",
    "mistralai": "mistral",
    "openailike": "openai-compatible",
}
"""LlamaIndex's names of vendors, and Budwood's if they differ."""

_WRAPPERS: Final = frozenset({"structured_llm"})
"""LLMs that only call another LLM, which has a run of its own."""


class BudwoodEventHandler:
    """
    Reports the runs of all LLMs and embedding models of LlamaIndex to observers, such as the usage store.

    .. code-block:: python

        with BudwoodEventHandler(["usage"], label="search"):
            index.as_query_engine().query("…")

    A record has provider, model, tokens, duration, the time to the first token of a stream, the error, and the cost if
    the catalog has a price. LlamaIndex does not report the tokens of embeddings. The label is the tag ``label`` of
    LlamaIndex's ``instrument_tags``, otherwise that of the handler.

    Runs of `Budwood` and `BudwoodEmbedding` are reported by their clients. The handler leaves out each observer, by
    name or object, that the client already has, so that no call is recorded twice.

    Args:
        observers: Names of plugins, or objects with a method ``observe``; by default those in the settings.
        label: The label of runs without one.
        settings: As for `budwood.Client`.
        registry: Finds plugins; by default those that are installed.

    Raises:
        ConfigurationError: An argument or the settings are invalid.
        PluginError: An observer does not exist or cannot be used.
    """

    def __init__(
        self,
        observers: Sequence[str | Observer] | None = None,
        *,
        label: str | None = None,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        registry: Registry | None = None,
    ) -> None:
        runs = _Runs(CallReporter(observers, settings=settings, registry=registry), label)
        self._runs = runs
        self._events, self._spans = _Events(), _Spans()
        self._events._runs = self._spans._runs = runs  # noqa: SLF001 - they are parts of this object

    def attach(self) -> None:
        """Report the runs that start from now on, in the whole process."""
        if self._events not in root_dispatcher.event_handlers:
            root_dispatcher.add_event_handler(self._events)
            root_dispatcher.add_span_handler(self._spans)

    def close(self) -> None:
        """Report no more runs, and close the observers that were created from names. Closing twice is no error."""
        root_dispatcher.event_handlers = [each for each in root_dispatcher.event_handlers if each is not self._events]
        root_dispatcher.span_handlers = [each for each in root_dispatcher.span_handlers if each is not self._spans]
        self._runs.reporter.close()

    def __enter__(self) -> Self:
        self.attach()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Runs:
    """The runs that have not ended, by the span in which they started, and the parents of open spans."""

    def __init__(self, reporter: CallReporter, label: str | None) -> None:
        self.reporter = reporter
        self._label = label
        self._calls: dict[str, list[ReportedCall]] = {}  # several for a batch of embeddings
        self._parents: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def enter(self, span: str, parent: str | None) -> None:
        with self._lock:
            _make_room(self._parents)
            self._parents[span] = parent

    def leave(self, span: str) -> None:
        with self._lock:
            self._parents.pop(span, None)

    def start(self, event: BaseEvent, details: Mapping[str, Any], service: str, prompt: str = "") -> None:
        span = event.span_id or ""
        if details.get("class_name") in _WRAPPERS or self._is_part_of_run(span):
            return
        provider, model = _find_model(details)
        label = event.tags.get("label", self._label)
        reported_to = details.get(OBSERVERS) or ()
        call = self.reporter.start(
            provider, model, service=service, prompt=prompt, label=label, reported_to=reported_to
        )
        with self._lock:
            _make_room(self._calls)
            self._calls.setdefault(span, []).append(call)

    def progress(self, event: BaseEvent) -> None:
        for call in self._calls.get(event.span_id or "", ())[:1]:
            call.report_first_token()

    def finish(self, event: BaseEvent, response: ChatResponse | CompletionResponse | None = None) -> None:
        if call := self._pop(event.span_id or ""):
            call.finish(usage=_read_usage(response), **_read_own(response))

    def fail(self, span: str, error: BaseException) -> None:
        while call := self._pop(span):
            call.fail(error, status=_find_status(error))

    def _pop(self, span: str) -> ReportedCall | None:
        with self._lock:
            calls = self._calls.get(span)
            if not calls:
                return None
            call = calls.pop(0)
            if not calls:
                del self._calls[span]
            return call

    def _is_part_of_run(self, span: str) -> bool:
        """Tell whether a run has started inside another one: `complete` of many LLMs calls their `chat`."""
        parent = self._parents.get(span)
        while parent is not None and parent not in self._calls:
            parent = self._parents.get(parent)
        return parent is not None


class _Events(BaseEventHandler):
    """Receives the starts and ends of runs."""

    _runs: _Runs

    @classmethod
    def class_name(cls) -> str:
        return "BudwoodEventHandler"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        match event:
            case LLMChatStartEvent():
                prompt = event.messages[-1].content if event.messages else None
                self._runs.start(event, event.model_dict, "chat", prompt or "")
            case LLMCompletionStartEvent():
                self._runs.start(event, event.model_dict, "completion", event.prompt)
            case EmbeddingStartEvent():
                self._runs.start(event, event.model_dict, "embeddings")
            case LLMChatInProgressEvent() | LLMCompletionInProgressEvent():
                if event.response.delta:
                    self._runs.progress(event)
            case LLMChatEndEvent() | LLMCompletionEndEvent():
                self._runs.finish(event, event.response)
            case EmbeddingEndEvent():
                self._runs.finish(event)
            case ExceptionEvent():
                self._runs.fail(event.span_id or "", event.exception)
            case _:
                pass


class _Spans(BaseSpanHandler[BaseSpan]):
    """Receives the errors of methods, and which method called which."""

    _runs: _Runs

    @classmethod
    def class_name(cls) -> str:
        return "BudwoodSpanHandler"

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._runs.enter(id_, parent_id)

    def span_exit(self, id_: str, *args: Any, **kwargs: Any) -> None:
        self._runs.leave(id_)

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        self._runs.leave(id_)
        if err is not None:
            self._runs.fail(id_, err)

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        return None

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        return None

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        return None


def _make_room(entries: dict[str, Any]) -> None:
    while len(entries) >= MAX_SPANS:
        entries.pop(next(iter(entries)))


def _find_model(details: Mapping[str, Any]) -> tuple[str, str]:
    """Return the provider and the model of a run, from what its class tells LlamaIndex."""
    own = str(details.get("class_name") or "unknown").lower()
    vendor = own.removesuffix("_llm").removesuffix("embedding").rstrip("_")
    model = str(details.get("model_name") or details.get("model") or "")
    provider, slash, name = model.partition("/")
    if vendor == "budwood" and slash:
        return provider, name
    return _VENDORS.get(vendor, vendor), model.removeprefix("models/")


def _read_usage(response: ChatResponse | CompletionResponse | None) -> Usage | None:
    """Return the tokens that the vendor reported; None if it did not."""
    if response is None:
        return None
    inputs, outputs = get_tokens_from_response(response)
    counts = response.additional_kwargs
    if not inputs and not outputs:
        inputs, outputs = counts.get("prompt_tokens", 0), counts.get("completion_tokens", 0)
    return Usage(input_tokens=inputs, output_tokens=outputs) if inputs or outputs else None


def _read_own(response: ChatResponse | CompletionResponse | None) -> dict[str, Any]:
    """Return what a response of Budwood says: the provider and model that answered, and whether a cache did."""
    raw = None if response is None else response.raw
    if not isinstance(raw, Mapping) or not {"cached", "cost", "attempts"} <= raw.keys():
        return {}
    names = {name: str(raw.get(name) or "") for name in ("provider", "requested_model", "model")}
    return {**names, "cached": raw["cached"] is True}


def _find_status(error: BaseException) -> int | None:
    """Return the HTTP status of an error: `status` of ours, ``status_code`` of the vendors' libraries."""
    values = (getattr(error, name, None) for name in ("status", "status_code"))
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
