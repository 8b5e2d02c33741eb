"""A callback handler that reports runs of LangChain's models to Budwood's observers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk, LLMResult

from budwood import CallReporter, ReportedCall
from budwood.contracts import Observer
from budwood.plugins import Registry
from budwood.settings import Settings
from budwood.types import ChatRequest, RequestStarted
from budwood_langchain.clients import ASYNC_MARK, MARK
from budwood_langchain.run_results import make_messages, read_result

MAX_RUNS: Final = 10_000
"""The number of runs that have started and not ended. Of more, the oldest are forgotten."""

_VENDORS: Final = {
    "amazon_bedrock": "bedrock",
    "azure_openai": "azure",
    "google": "gemini",
    "google_genai": "gemini",
    "google_vertexai": "gemini",
    "mistralai": "mistral",
}
"""LangChain's names of vendors, and Budwood's if they differ."""

_TAGS_OF_LANGCHAIN: Final = ("seq:", "map:", "condition:", "langsmith:", "graph:")


class BudwoodCallbackHandler(BaseCallbackHandler):
    """
    Reports runs of any model of LangChain to observers, such as the usage store.

    .. code-block:: python

        with BudwoodCallbackHandler(["usage"], label="mails") as handler:
            chain.invoke(values, config={"callbacks": [handler]})

    A record has provider, model, tokens, duration, the time to the first token of a stream, the error, and the cost if
    the catalog has a price. The call's id is that of the run, without hyphens. Its label is the text ``label`` in the
    metadata of the run, otherwise the tags of the run, otherwise that of the handler.

    Runs of `ChatBudwood` and `BudwoodLLM` are reported by their clients. The handler leaves out each observer, by name
    or object, that the client of the model already has, so that no call is recorded twice.

    Args:
        observers: Names of plugins, or objects with a method ``observe``; by default those in the settings.
        label: The label of runs without one.
        settings: As for `budwood.Client`.
        registry: Finds plugins; by default those that are installed.

    Raises:
        ConfigurationError: An argument or the settings are invalid.
        PluginError: An observer does not exist or cannot be used.
    """

    run_inline = True  # observers do no I/O; in a thread, events would arrive late and out of order

    def __init__(
        self,
        observers: Sequence[str | Observer] | None = None,
        *,
        label: str | None = None,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        registry: Registry | None = None,
    ) -> None:
        self._reporter = CallReporter(observers, settings=settings, registry=registry)
        self._label = label
        self._runs: dict[UUID, ReportedCall] = {}

    @property
    def ignore_chain(self) -> bool:
        """Whether events of chains are left out; they send nothing to a model."""
        return True

    @property
    def ignore_agent(self) -> bool:
        """Whether events of agents and tools are left out."""
        return True

    @property
    def ignore_retriever(self) -> bool:
        """Whether events of retrievers are left out."""
        return True

    @property
    def ignore_retry(self) -> bool:
        """Whether events of retries are left out: each attempt is a run."""
        return True

    @property
    def ignore_custom_event(self) -> bool:
        """Whether events of the program are left out."""
        return True

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Report the start of a run of a chat model."""
        history = messages[0] if messages else []
        prompt = str(history[-1].text) if history else ""
        self._start(serialized, run_id, kwargs, service="chat", prompt=prompt, history=history)

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        """Report the start of a run of a model of text."""
        self._start(serialized, run_id, kwargs, service="completion", prompt=prompts[0] if prompts else "")

    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        run_id: UUID,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        **kwargs: Any,
    ) -> None:
        """Report the first content of a stream."""
        call = self._runs.get(run_id)
        if call is not None and (token or _has_tool_call(chunk)):
            call.report_first_token()

    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Report the first content of a stream of events."""
        call = self._runs.get(run_id)
        if call is not None and event.get("event") == "content-block-delta":
            call.report_first_token()

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Report the end of a run. One that started before the handler was added is left out."""
        call = self._runs.pop(run_id, None)
        if call is not None:
            result = read_result(response, call.provider)
            call.finish(
                result.response,
                usage=result.usage,
                provider=result.provider,
                requested_model=result.requested_model,
                model=result.model,
                service_tier=result.service_tier,
                cached=result.cached,
            )

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Report the failure of a run, or that its stream was left."""
        call = self._runs.pop(run_id, None)
        if call is not None:
            result = read_result(kwargs.get("response"), call.provider)
            call.fail(error, result.response, usage=result.usage, status=_find_status(error))

    def close(self) -> None:
        """Close the observers that were created from names: they write what they have. Closing twice is no error."""
        self._reporter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(
        self,
        serialized: Mapping[str, Any] | None,
        run_id: UUID,
        details: Mapping[str, Any],
        *,
        service: str,
        prompt: str,
        history: Sequence[BaseMessage] = (),
    ) -> None:
        metadata: Mapping[str, Any] = details.get("metadata") or {}
        parameters: Mapping[str, Any] = details.get("invocation_params") or {}
        provider, model = _find_model(serialized or {}, metadata, parameters)
        while len(self._runs) >= MAX_RUNS:
            self._runs.pop(next(iter(self._runs)), None)
        self._runs[run_id] = self._reporter.start(
            provider,
            model,
            call=run_id.hex,
            service=service,
            prompt=prompt,
            request=self._make_request(model, history),
            label=self._find_label(metadata, details.get("tags")),
            streamed=bool(parameters.get("stream")),
            reported_to=metadata.get(ASYNC_MARK, metadata.get(MARK)) or (),
        )

    def _make_request(self, model: str, history: Sequence[BaseMessage]) -> ChatRequest | None:
        """Convert the messages, if an observer may want them and their forms are known."""
        if not history or not self._reporter.needs(RequestStarted):
            return None
        messages = make_messages(history)
        return None if messages is None else ChatRequest(model=model, messages=messages)

    def _find_label(self, metadata: Mapping[str, Any], tags: Sequence[str] | None) -> str | None:
        label = metadata.get("label")
        if isinstance(label, str) and label:
            return label
        return ", ".join(tag for tag in tags or () if not tag.startswith(_TAGS_OF_LANGCHAIN)) or self._label


def _find_model(
    serialized: Mapping[str, Any], metadata: Mapping[str, Any], parameters: Mapping[str, Any]
) -> tuple[str, str]:
    """Return the provider and the model of a run, from what its class tells LangChain."""
    path = serialized.get("id") or ["", "unknown"]
    own = str(metadata.get("ls_provider") or parameters.get("_type") or path[-1]).lower()
    provider = _VENDORS.get(own, own)
    named = (metadata.get("ls_model_name"), parameters.get("model"), parameters.get("model_name"))
    model = next((str(name) for name in named if name), "")
    return provider, model.removeprefix("models/").removeprefix(f"{provider}/")


def _has_tool_call(chunk: GenerationChunk | ChatGenerationChunk | None) -> bool:
    message = chunk.message if isinstance(chunk, ChatGenerationChunk) else None
    return bool(getattr(message, "tool_call_chunks", None))


def _find_status(error: BaseException) -> int | None:
    """Return the HTTP status of an error: `status` of ours, ``status_code`` of the vendors' libraries."""
    values = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
