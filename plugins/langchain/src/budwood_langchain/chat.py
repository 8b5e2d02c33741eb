"""Chat models for LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast, get_args

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field

from budwood import AskOptions, ConfigurationError, ReasoningEffort, StructuredOutputError
from budwood_langchain import structured
from budwood_langchain.call_options import make_options
from budwood_langchain.clients import MARK, BudwoodComponent
from budwood_langchain.errors import langchain_errors
from budwood_langchain.messages import convert_messages
from budwood_langchain.profiles import make_profile
from budwood_langchain.replies import make_result
from budwood_langchain.streams import STREAM_OPTIONS, ChunkMaker, make_last_chunk
from budwood_langchain.tools import AnyTool, ToolChoice, list_names, make_tool_options

_OPTIONS: Final = tuple("model temperature max_tokens top_p stop seed timeout max_retries reasoning_effort".split())
"""The fields that are options of calls."""


class ChatBudwood(BudwoodComponent, BaseChatModel):
    """
    A chat model of any vendor, asked with a client of Budwood.

    .. code-block:: python

        model = ChatBudwood(model="openai/gpt-5", temperature=0)
        model.invoke("Why is the sky blue?").text

    Options that are no fields go into ``options``, or into a call: ``model.invoke(prompt, label="chains")``. Streams
    cannot take content back: a reply that does not satisfy its schema is repaired by `invoke`, and not in a stream.

    Attributes:
        temperature: Randomness of the reply: 0 or more.
        max_tokens: Maximum number of output tokens, including reasoning.
        top_p: Probability mass of the tokens to sample from, 0 to 1.
        stop: Texts at which the model stops.
        seed: Makes sampling repeatable, as far as the vendor supports it.
        timeout: Seconds for a call, with all attempts.
        max_retries: How often a failed request is sent again.
        reasoning_effort: How much the model reasons before it answers.
        streaming: Whether `invoke` also streams the reply, for handlers of tokens.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: str | list[str] | None = Field(default=None, alias="stop_sequences")
    seed: int | None = None
    timeout: float | None = None
    max_retries: int | None = None
    reasoning_effort: ReasoningEffort | None = None
    streaming: bool = False

    model_config = ConfigDict(populate_by_name=True)

    @property
    def _llm_type(self) -> str:
        return "budwood-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in _OPTIONS}
        return {**fields, "base_url": self._hide_secrets(self.base_url), "options": self.options}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        address = self.get_address(kwargs.get("model"))
        params: dict[str, Any] = {**super()._get_ls_params(stop=stop, **{**kwargs, "model": address})}
        params["ls_provider"] = address.partition("/")[0]
        params[MARK] = self._clients.observer_ids()
        return cast("LangSmithParams", params)

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Return what replies in LangChain's cache depend on: also the model if it is that of the client."""
        return super()._get_llm_string(stop, **{**kwargs, "model": self.get_address(kwargs.get("model"))})

    def _resolve_model_profile(self) -> ModelProfile | None:
        return make_profile(self._clients.describe(self.model))

    def get_num_tokens(self, text: str) -> int:
        """Count the tokens of a text with a tokenizer on this machine, or estimate them; nothing is sent."""
        return self._clients.count_tokens(text, **make_options({"model": self.model})).input_tokens

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[AnyTool] | None = None
    ) -> int:
        """Count the tokens of a request, as `get_num_tokens` does."""
        provider = self.get_address().partition("/")[0]
        offered = make_tool_options(tools, provider=provider) if tools else {}
        options = make_options({"model": self.model}, offered)
        return self._clients.count_tokens(convert_messages(messages), **options).input_tokens

    # Calls. Runs of the async ones are marked with the observers of the client that they use.

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        *,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Ask; see `BaseChatModel.agenerate`."""
        return await super().agenerate(messages, stop, callbacks, metadata=self._mark_async(metadata), **kwargs)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Stream a reply; see `BaseChatModel.astream`."""
        return super().astream(input, self._mark_async_config(config), **kwargs)

    def astream_events(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Any:
        """Stream events; see `BaseChatModel.astream_events`."""
        return super().astream_events(input, self._mark_async_config(config), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            with langchain_errors():
                response = self.get_client().ask(convert_messages(messages), **self._make_options(stop, kwargs))
        except StructuredOutputError as error:
            return _keep_invalid(error, kwargs)
        return make_result(response)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        client = self.get_async_client()
        try:
            with langchain_errors():
                response = await client.ask(convert_messages(messages), **self._make_options(stop, kwargs))
        except StructuredOutputError as error:
            return _keep_invalid(error, kwargs)
        return make_result(response)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        options = self._make_options(stop, kwargs, STREAM_OPTIONS)
        maker = ChunkMaker(options)
        with langchain_errors(), self.get_client().stream(convert_messages(messages), **options) as stream:
            for event in stream:
                if (chunk := maker.convert(event)) is not None:
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            yield make_last_chunk(stream.response)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        client = self.get_async_client()
        options = self._make_options(stop, kwargs, STREAM_OPTIONS)
        maker = ChunkMaker(options)
        with langchain_errors():
            async with client.stream(convert_messages(messages), **options) as stream:
                async for event in stream:
                    if (chunk := maker.convert(event)) is not None:
                        if run_manager is not None:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                yield make_last_chunk(stream.response)

    def _make_options(
        self, stop: list[str] | None, kwargs: Mapping[str, Any], fixed: Mapping[str, Any] | None = None
    ) -> AskOptions:
        fields = {name: getattr(self, name) for name in _OPTIONS}
        options = make_options(self.options, fields, kwargs, {"stop": stop}, fixed or {})
        if list_names(options.get("tools") or ()):  # LangChain runs their calls, also of a tool that the model invents
            options.setdefault("execute_tools", False)
        return options

    # Tools and structured output.

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool | Any],
        *,
        tool_choice: ToolChoice | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """
        Return the model with tools. LangChain runs the calls.

        Args:
            tools: Tools of LangChain, functions, Pydantic models and schemas; also tools that run at their vendor, as a
                `budwood.types.VendorTool` or in the form of the model's vendor: ``{"type": "web_search"}``.
            tool_choice: ``"auto"``, ``"none"``, ``"any"`` or ``"required"``, or the name of the tool to call; True for
                the only tool.
            strict: Whether the vendor enforces the schemas of arguments.
            parallel_tool_calls: Whether the model may request several calls at once.
            **kwargs: Further options of the calls.

        Raises:
            ConfigurationError: ``tool_choice`` has an unknown form, or names a tool that is not among the tools.
        """
        provider = self.get_address(kwargs.get("model")).partition("/")[0]
        options = make_tool_options(tools, tool_choice, strict=strict, provider=provider)
        if parallel_tool_calls is not None:
            options["parallel_tool_calls"] = parallel_tool_calls
        return self.bind(**options, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        method: structured.Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """
        Return a chain whose result satisfies a schema.

        Args:
            schema: A Pydantic model, whose instance is returned; or a ``TypedDict``, a JSON schema or a function of
                OpenAI, for a dictionary.
            method: ``"json_schema"`` requests the schema in the best way that the model supports, validates the reply,
                and asks again if it is invalid. ``"function_calling"`` uses a tool. ``"json_mode"`` requests any JSON
                object in the prompt, where you describe it. It works with all vendors.
            include_raw: Return a dictionary with ``raw``, ``parsed`` and ``parsing_error`` instead.
            strict: Whether the vendor enforces the schema; by default if it can.
            **kwargs: Further options of the calls.

        Raises:
            ConfigurationError: The method is unknown.
            ModelRefusalError: When called: the model refused.
        """
        if method not in get_args(structured.Method):
            raise ConfigurationError(
                f"Unknown method {method!r}.", hint=f"Use one of {', '.join(get_args(structured.Method))}."
            )
        traced = {"kwargs": {"method": method, "strict": strict}, "schema": convert_to_openai_tool(schema)}
        options: dict[str, Any] = {**kwargs, "ls_structured_output_format": traced}
        if method == "function_calling":
            name = convert_to_openai_tool(schema)["function"]["name"]
            model = self.bind_tools([schema], tool_choice=name, strict=strict, parallel_tool_calls=False, **options)
        else:
            wanted = structured.make_response_format(schema, method, strict=strict)
            model = self.bind(response_format=wanted, **options)
        parser = structured.make_parser(schema, method)
        return structured.with_raw(model, parser) if include_raw else model | parser


def _keep_invalid(error: StructuredOutputError, kwargs: Mapping[str, Any]) -> ChatResult:
    """Return an invalid reply if a parser of LangChain follows, which raises its own error. If not, raise the error."""
    if "response_format" not in kwargs or error.response is None:
        raise error
    return make_result(error.response)
