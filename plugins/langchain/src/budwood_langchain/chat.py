"""Chat models for LangChain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import ConfigDict, Field

from budwood import AskOptions, ReasoningEffort
from budwood_langchain.call_options import make_options
from budwood_langchain.clients import BudwoodComponent
from budwood_langchain.messages import convert_messages
from budwood_langchain.replies import make_result

_OPTIONS: Final = tuple("model temperature max_tokens top_p stop seed timeout max_retries reasoning_effort".split())
"""The fields that are options of calls."""


class ChatBudwood(BudwoodComponent, BaseChatModel):
    """
    A chat model of any vendor, asked with a client of Budwood.

    .. code-block:: python

        model = ChatBudwood(model="openai/gpt-5", temperature=0)
        model.invoke("Why is the sky blue?").text

    Options that are no fields go into ``options``, or into a call: ``model.invoke(prompt, label="chains")``.

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

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        address = self.get_address(kwargs.get("model"))
        params = super()._get_ls_params(stop=stop, **{**kwargs, "model": address})
        params["ls_provider"] = address.partition("/")[0]
        return params

    def _generate(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        response = self.get_client().ask(convert_messages(messages), **self._make_options(stop, kwargs))
        return make_result(response)

    async def _agenerate(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        client = self.get_async_client()
        if client is None:
            return await super()._agenerate(list(messages), stop, run_manager, **kwargs)
        response = await client.ask(convert_messages(messages), **self._make_options(stop, kwargs))
        return make_result(response)

    def _make_options(self, stop: list[str] | None, kwargs: dict[str, Any]) -> AskOptions:
        fields = {name: getattr(self, name) for name in _OPTIONS}
        return make_options(self.options, fields, kwargs, {"stop": stop})
