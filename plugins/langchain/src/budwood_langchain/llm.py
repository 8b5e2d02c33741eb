"""Text models for LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict, Field

from budwood import AsyncClient, BudwoodError, Capability, ChatResponse, Client, CompletionOptions, Usage
from budwood_langchain.blocks import Block
from budwood_langchain.call_options import make_options
from budwood_langchain.clients import MARK, BudwoodComponent
from budwood_langchain.errors import langchain_errors
from budwood_langchain.replies import make_metadata, make_usage

_OPTIONS: Final = tuple("model temperature max_tokens top_p stop seed timeout max_retries".split())
"""The fields that are options of calls."""


class BudwoodLLM(BudwoodComponent, BaseLLM):
    """
    A model of any vendor that takes and returns text, asked with a client of Budwood.

    .. code-block:: python

        llm = BudwoodLLM(model="openai/gpt-5", max_tokens=200)
        llm.invoke("Why is the sky blue?")

    Chat models receive the text as a message of the user. Models that only continue texts receive it as it is. Several
    prompts are sent side by side. Options that are no fields go into ``options``, or into a call.

    Attributes:
        temperature: Randomness of the reply: 0 or more.
        max_tokens: Maximum number of output tokens, including reasoning.
        top_p: Probability mass of the tokens to sample from, 0 to 1.
        stop: Texts at which the model stops.
        seed: Makes sampling repeatable, as far as the vendor supports it.
        timeout: Seconds for a call, with all attempts.
        max_retries: How often a failed request is sent again.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: str | list[str] | None = Field(default=None, alias="stop_sequences")
    seed: int | None = None
    timeout: float | None = None
    max_retries: int | None = None

    model_config = ConfigDict(populate_by_name=True)

    @property
    def _llm_type(self) -> str:
        return "budwood-llm"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What replies in LangChain's cache depend on."""
        fields = {name: getattr(self, name) for name in _OPTIONS}
        return {
            **fields,
            "model": self.get_address(),
            "base_url": self._hide_secrets(self.base_url),
            "options": self.options,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        address = self.get_address(kwargs.get("model"))
        params: dict[str, Any] = {**super()._get_ls_params(stop=stop, **{**kwargs, "model": address})}
        params["ls_provider"] = address.partition("/")[0]
        params[MARK] = self._clients.observer_ids()
        return cast("LangSmithParams", params)

    def get_num_tokens(self, text: str) -> int:
        """Count the tokens of a text with a tokenizer on this machine, or estimate them; nothing is sent."""
        return self._clients.count_tokens(text, **make_options({"model": self.model})).input_tokens

    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Continue texts; see `BaseLLM.generate`. Runs without metadata also have that of the model."""
        return super().generate(prompts, stop, callbacks, **_with_metadata(prompts, callbacks, kwargs))

    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Continue texts; see `BaseLLM.agenerate`. Runs without metadata also have that of the model."""
        kwargs = _with_metadata(prompts, callbacks, kwargs)
        given = kwargs["metadata"]
        marked = [self._mark_async(each) for each in given] if isinstance(given, list) else self._mark_async(given)
        return await super().agenerate(prompts, stop, callbacks, **{**kwargs, "metadata": marked})

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        """Stream a text; see `BaseLLM.astream`."""
        return super().astream(input, self._mark_async_config(config), **kwargs)

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        with langchain_errors():
            client, options = self.get_client(), self._make_options(stop, kwargs)
            if self._is_completion(client, options):
                return _make_result([client.complete(prompt, **options) for prompt in prompts])
            if len(prompts) == 1:
                return _make_result([client.ask(prompts[0], **options)])
            with client.ask_many(prompts, **options) as replies:
                by_index = {done.index: _require_reply(done.reply) for done in replies}
            return _make_result([by_index[index] for index in range(len(prompts))])

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        with langchain_errors():
            client, options = self.get_async_client(), self._make_options(stop, kwargs)
            if self._is_completion(client, options):
                return _make_result([await client.complete(prompt, **options) for prompt in prompts])
            if len(prompts) == 1:
                return _make_result([await client.ask(prompts[0], **options)])
            async with client.ask_many(prompts, **options) as replies:
                by_index = {done.index: _require_reply(done.reply) async for done in replies}
            return _make_result([by_index[index] for index in range(len(prompts))])

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        client, options = self.get_client(), self._make_options(stop, kwargs)
        start = client.stream_completion if self._is_completion(client, options) else client.stream
        with langchain_errors(), start(prompt, **options) as stream:
            for text in stream.text_deltas():
                chunk = GenerationChunk(text=text)
                if run_manager is not None:
                    run_manager.on_llm_new_token(text, chunk=chunk)
                yield chunk
            yield GenerationChunk(text="", generation_info=_make_info(stream.response))

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        client, options = self.get_async_client(), self._make_options(stop, kwargs)
        start = client.stream_completion if self._is_completion(client, options) else client.stream
        with langchain_errors():
            async with start(prompt, **options) as stream:
                async for text in stream.text_deltas():
                    chunk = GenerationChunk(text=text)
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(text, chunk=chunk)
                    yield chunk
                yield GenerationChunk(text="", generation_info=_make_info(stream.response))

    def _is_completion(self, client: Client | AsyncClient, options: CompletionOptions) -> bool:
        """Tell whether the model only continues texts."""
        capabilities = client.capabilities(options.get("model"))
        return Capability.COMPLETION in capabilities and Capability.CHAT not in capabilities

    def _make_options(self, stop: list[str] | None, kwargs: dict[str, Any]) -> CompletionOptions:
        fields = {name: getattr(self, name) for name in _OPTIONS}
        return cast("CompletionOptions", make_options(self.options, fields, kwargs, {"stop": stop}))


def _with_metadata(
    prompts: list[str], callbacks: Callbacks | list[Callbacks] | None, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Pass metadata: without any, LangChain also leaves out that of the model."""
    if kwargs.get("metadata") is not None:
        return kwargs
    is_listed = isinstance(callbacks, list) and bool(callbacks) and not isinstance(callbacks[0], BaseCallbackHandler)
    return {**kwargs, "metadata": [{} for _ in prompts] if is_listed else {}}


def _require_reply(reply: ChatResponse | BudwoodError) -> ChatResponse:
    if isinstance(reply, BudwoodError):
        raise reply
    return reply


def _make_result(replies: list[ChatResponse]) -> LLMResult:
    """Convert replies, one for each prompt; ``generation_info`` has the usage of each."""
    generations = [
        [Generation(text=text, generation_info=_make_info(reply)) for text in _list_texts(reply)] for reply in replies
    ]
    if not replies:
        return LLMResult(generations=[])
    usage = sum((reply.usage for reply in replies[1:]), replies[0].usage)
    output = {"model_name": f"{replies[0].provider}/{replies[0].model}", "token_usage": _make_token_usage(usage)}
    return LLMResult(generations=cast("Any", generations), llm_output=output)


def _list_texts(reply: ChatResponse) -> list[str]:
    return [reply.text, *(other.text for other in reply.alternatives)]


def _make_info(reply: ChatResponse) -> Block:
    return {**make_metadata(reply), "usage_metadata": make_usage(reply.usage)}


def _make_token_usage(usage: Usage) -> dict[str, int]:
    """Return the usage in the form that LangChain's models of text have."""
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}
