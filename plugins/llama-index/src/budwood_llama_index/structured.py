"""Structured prediction, by Budwood's schemas."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined] # it is public
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.streaming_utils import process_streaming_content_incremental
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import Model, PydanticProgramMode

_dispatcher = get_dispatcher(__name__)


class StructuredPrediction(FunctionCallingLLM):
    """
    Asks for a Pydantic model as ``schema=…`` does: in the way that the model supports best, with repairs.

    With another ``pydantic_program_mode`` than the default, or a model that is not a chat model, LlamaIndex does it.
    """

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """
        Ask for an object.

        Raises:
            StructuredOutputError: The reply does not satisfy the schema, and no repairs are left.
        """
        if not self._has_schemas():
            return cast("Model", super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        messages = self._start_prediction(output_cls, prompt, prompt_args)
        response: ChatResponse = self.chat(messages, **_add_schema(output_cls, llm_kwargs))
        return _finish_prediction(response, output_cls)

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Ask for an object; see `structured_predict`."""
        if not self._has_schemas():
            return cast("Model", await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        messages = self._start_prediction(output_cls, prompt, prompt_args)
        response: ChatResponse = await self.achat(messages, **_add_schema(output_cls, llm_kwargs))
        return _finish_prediction(response, output_cls)

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None, None]:
        if not self._has_schemas():
            return super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        messages = self._extend_messages(prompt.format_messages(llm=self, **prompt_args))
        return _read_objects(self.stream_chat(messages, **_add_schema(output_cls, llm_kwargs)), output_cls)

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None]:
        if not self._has_schemas():
            return await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        messages = self._extend_messages(prompt.format_messages(llm=self, **prompt_args))
        return _read_objects_async(await self.astream_chat(messages, **_add_schema(output_cls, llm_kwargs)), output_cls)

    def _has_schemas(self) -> bool:
        return self.pydantic_program_mode == PydanticProgramMode.DEFAULT and self.metadata.is_chat_model

    def _start_prediction(
        self, output_cls: type[Model], prompt: PromptTemplate, prompt_args: dict[str, Any]
    ) -> list[ChatMessage]:
        _dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))


def _add_schema(output_cls: type[Model], llm_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Return the options of the chat. Without tools, LlamaIndex's choice of a tool has no meaning."""
    options = {**(llm_kwargs or {}), "schema": output_cls}
    if not options.get("tools"):
        options.pop("tool_choice", None)
    return options


def _finish_prediction(response: ChatResponse, _output_cls: type[Model]) -> Model:
    output: Model = response.additional_kwargs["parsed"]
    _dispatcher.event(LLMStructuredPredictEndEvent(output=output))
    return output


def _read_objects(responses: ChatResponseGen, output_cls: type[Model]) -> Generator[Model | FlexibleModel, None, None]:
    reader = _ObjectReader(output_cls)
    for response in responses:
        yield from reader.read(response)


async def _read_objects_async(
    responses: ChatResponseAsyncGen, output_cls: type[Model]
) -> AsyncGenerator[Model | FlexibleModel, None]:
    reader = _ObjectReader(output_cls)
    async for response in responses:
        for value in reader.read(response):
            yield value


class _ObjectReader:
    """Reads the object so far from each response of a stream, and the valid one from the last."""

    def __init__(self, output_cls: type[Any]) -> None:
        self._output_cls = output_cls
        self._current: Any = None

    def read(self, response: ChatResponse) -> Generator[Any, None, None]:
        """Yield the object of a response, if it has begun."""
        if "parsed" in response.additional_kwargs:
            yield response.additional_kwargs["parsed"]
        elif response.message.content:
            self._current = process_streaming_content_incremental(response, self._output_cls, self._current)
            yield self._current
