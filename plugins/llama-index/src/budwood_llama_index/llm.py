"""Any model of Budwood as an LLM of LlamaIndex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from llama_index.core.base.llms.generic_utils import messages_to_prompt as generic_messages_to_prompt
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import Field
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import ToolSelection, default_completion_to_prompt

from budwood import AskOptions, AsyncChatStream, ChatStream, CompletionOptions
from budwood.types import Capability
from budwood_llama_index import replies
from budwood_llama_index.component import BudwoodComponent
from budwood_llama_index.messages import to_messages
from budwood_llama_index.structured import StructuredPrediction
from budwood_llama_index.tool_calls import keep_first_call, prepare_chat, read_calls

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

_UNKNOWN_OUTPUT: Final = -1
"""What LlamaIndex's own LLMs report if nothing limits their output."""

STREAM_OPTIONS: Final = {"on_stream_failure": "raise", "repairs": 0}
"""Options of streams. What was shown cannot be taken back, as Budwood would do before it asks again."""


class Budwood(BudwoodComponent, StructuredPrediction):
    """
    Asks any model that Budwood supports. Failover, keys, caches and budgets work as in its clients.

    ``raw`` of a response is a dictionary: id, provider, model, finish reason, usage, cost, whether the cache answered.

    Args:
        model: ``provider/model``; by default the one in Budwood's settings.
        temperature: Randomness of the replies; by default the vendor's.
        max_tokens: Maximum number of output tokens, including reasoning; by default the vendor's.
        options: Further options of each call, such as ``{"top_p": 0.9, "fallbacks": ["anthropic/claude-sonnet-4-5"]}``;
            see `budwood.AskOptions`. Arguments of `chat` and the other methods take precedence.
        client: A `budwood.Client` for blocking methods, which you close. By default one is created.
        async_client: A `budwood.AsyncClient` for async methods; likewise. With only a ``client``, they run in threads.
        api_key: The key for the provider of ``model``, or a list of several; by default the one in the settings. It is
            never shown, pickled or serialized.
        base_url: The address of the provider of ``model``.
        context_window: Maximum number of input and output tokens together; by default that in Budwood's catalog.
        num_output: The output tokens for which LlamaIndex leaves room; by default ``max_tokens``, or the model's limit
            in the catalog, at most half the context window.
        is_chat_model: Whether the model chats; by default as in the catalog. Others continue texts.
        is_function_calling_model: Whether it supports tools; by default as in the catalog.
        **kwargs: Arguments of all LLMs of LlamaIndex: ``system_prompt``, ``callback_manager``, ``output_parser``, ….

    Raises:
        ConfigurationError: An argument is not known, or contradicts another.
    """

    model: str | None = Field(default=None, description="provider/model")
    temperature: float | None = Field(default=None, description="Randomness of the replies.", ge=0)
    max_tokens: int | None = Field(default=None, description="Maximum number of output tokens.", gt=0)
    context_window: int | None = Field(default=None, description="Maximum number of input and output tokens.", gt=0)
    num_output: int | None = Field(default=None, description="Output tokens for which there must be room.", gt=0)
    is_chat_model: bool | None = Field(default=None, description="Whether the model chats.")
    is_function_calling_model: bool | None = Field(default=None, description="Whether the model supports tools.")

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the class in serialized components."""
        return "budwood_llm"

    @property
    def metadata(self) -> LLMMetadata:
        """What is known about the model. Nothing is sent."""
        details = self._clients.describe(self.model)
        window = self.context_window or details.facts.context_window or DEFAULT_CONTEXT_WINDOW
        limit = details.rules.max_output_tokens
        default_output = _UNKNOWN_OUTPUT if limit is None else min(limit, window // 2)
        is_chat_model, has_tools = self.is_chat_model, self.is_function_calling_model
        return LLMMetadata(
            context_window=window,
            num_output=self.num_output or self.max_tokens or default_output,
            is_chat_model=Capability.CHAT in details.capabilities if is_chat_model is None else is_chat_model,
            is_function_calling_model=Capability.TOOLS in details.capabilities if has_tools is None else has_tools,
            model_name=f"{details.provider}/{details.model}",
            system_role=MessageRole.SYSTEM,
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """
        Ask the model.

        Args:
            messages: The conversation.
            **kwargs: Options of the call; see `budwood.AskOptions`. With ``schema=…``, the value is in
                ``additional_kwargs["parsed"]`` of the response.

        Raises:
            BudwoodError: See the tree of errors in `budwood.errors`.
        """
        if not self.metadata.is_chat_model:
            return _as_chat(self._complete(self._to_prompt(messages), kwargs))
        return replies.to_chat_response(self._clients.blocking.ask(to_messages(messages), **self._ask_options(kwargs)))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Ask the model; see `chat`."""
        if not self.metadata.is_chat_model:
            return _as_chat(await self._acomplete(self._to_prompt(messages), kwargs))
        client = self._clients.asynchronous
        return replies.to_chat_response(await client.ask(to_messages(messages), **self._ask_options(kwargs)))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """
        Ask the model, and read the reply as it arrives.

        Each response has the reply so far, and ``delta``. The last one is complete, with usage. Leaving the generator
        closes the connection.
        """
        return _read(self._open(messages, kwargs), _collect(kwargs))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Ask the model, and read the reply as it arrives; see `stream_chat`."""
        return _read_async(self._open_async(messages, kwargs), _collect(kwargs))

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """
        Continue a text; a chat model gets it as a message.

        Args:
            prompt: The text.
            formatted: Whether the prompt is in the form of the model: ``completion_to_prompt`` is not applied.
            **kwargs: Options of the call, as in `chat`.
        """
        return self._complete(self._format(prompt, formatted=formatted), kwargs)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Continue a text; see `complete`."""
        return await self._acomplete(self._format(prompt, formatted=formatted), kwargs)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Continue a text, and read it as it arrives; see `complete` and `stream_chat`."""
        stream = self._open_text(self._format(prompt, formatted=formatted), kwargs)
        return (replies.as_completion(response) for response in _read(stream, _collect(kwargs)))

    @llm_completion_callback()
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """Continue a text, and read it as it arrives; see `complete` and `stream_chat`."""
        stream = self._open_text_async(self._format(prompt, formatted=formatted), kwargs)
        return (replies.as_completion(response) async for response in _read_async(stream, _collect(kwargs)))

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """
        Return the tool calls of a response, which may be streamed and incomplete.

        Raises:
            ValueError: There is no call, and that is an error.
        """
        return read_calls(response, error_on_no_tool_call=error_on_no_tool_call)

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        choice = tool_choice or ("required" if tool_required else "auto")
        prepared = prepare_chat(tools, user_msg, chat_history, parallel=allow_parallel_tool_calls, choice=choice)
        return {**prepared, **kwargs}

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        if not allow_parallel_tool_calls:
            keep_first_call(response)
        return response

    def _get_model(self) -> str | None:
        return self.model

    def _get_defaults(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    def _ask_options(self, call: Mapping[str, Any]) -> AskOptions:
        return cast("AskOptions", self._make_options(call))

    def _completion_options(self, call: Mapping[str, Any]) -> CompletionOptions:
        return cast("CompletionOptions", self._make_options(call))

    def _format(self, prompt: str, *, formatted: bool) -> str:
        convert = self.completion_to_prompt or default_completion_to_prompt
        return prompt if formatted else convert(prompt)

    def _to_prompt(self, messages: Sequence[ChatMessage]) -> str:
        convert = self.messages_to_prompt or generic_messages_to_prompt
        return convert(messages)

    def _complete(self, prompt: str, call: Mapping[str, Any]) -> CompletionResponse:
        client = self._clients.blocking
        if self.metadata.is_chat_model:
            return replies.to_completion_response(client.ask(prompt, **self._ask_options(call)))
        return replies.to_completion_response(client.complete(prompt, **self._completion_options(call)))

    async def _acomplete(self, prompt: str, call: Mapping[str, Any]) -> CompletionResponse:
        client = self._clients.asynchronous
        if self.metadata.is_chat_model:
            return replies.to_completion_response(await client.ask(prompt, **self._ask_options(call)))
        return replies.to_completion_response(await client.complete(prompt, **self._completion_options(call)))

    def _open(self, messages: Sequence[ChatMessage], call: Mapping[str, Any]) -> ChatStream:
        if not self.metadata.is_chat_model:
            return self._open_text(self._to_prompt(messages), call)
        return self._clients.blocking.stream(to_messages(messages), **self._ask_options({**call, **STREAM_OPTIONS}))

    def _open_async(self, messages: Sequence[ChatMessage], call: Mapping[str, Any]) -> AsyncChatStream:
        if not self.metadata.is_chat_model:
            return self._open_text_async(self._to_prompt(messages), call)
        return self._clients.asynchronous.stream(to_messages(messages), **self._ask_options({**call, **STREAM_OPTIONS}))

    def _open_text(self, prompt: str, call: Mapping[str, Any]) -> ChatStream:
        client = self._clients.blocking
        if self.metadata.is_chat_model:
            return client.stream(prompt, **self._ask_options({**call, **STREAM_OPTIONS}))
        return client.stream_completion(prompt, **self._completion_options({**call, **STREAM_OPTIONS}))

    def _open_text_async(self, prompt: str, call: Mapping[str, Any]) -> AsyncChatStream:
        client = self._clients.asynchronous
        if self.metadata.is_chat_model:
            return client.stream(prompt, **self._ask_options({**call, **STREAM_OPTIONS}))
        return client.stream_completion(prompt, **self._completion_options({**call, **STREAM_OPTIONS}))


def _as_chat(completion: CompletionResponse) -> ChatResponse:
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=completion.text),
        raw=completion.raw,
        additional_kwargs=completion.additional_kwargs,
    )


def _collect(call: Mapping[str, Any]) -> replies.StreamedResponse:
    return replies.StreamedResponse(is_output=call.get("schema") is not None and not call.get("tools"))


def _read(stream: ChatStream, responses: replies.StreamedResponse) -> ChatResponseGen:
    with stream:
        for event in stream:
            yield from responses.add(event)
        yield responses.finish(stream.response)


async def _read_async(stream: AsyncChatStream, responses: replies.StreamedResponse) -> ChatResponseAsyncGen:
    async with stream:
        async for event in stream:
            for response in responses.add(event):
                yield response
        yield responses.finish(stream.response)
