"""
Budwood's models as LangChain's components.

Names are imported at their first use, because LangChain takes a second to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood_langchain.cache import BudwoodCache as BudwoodCache
    from budwood_langchain.callbacks import BudwoodCallbackHandler as BudwoodCallbackHandler
    from budwood_langchain.chat import ChatBudwood as ChatBudwood
    from budwood_langchain.embeddings import BudwoodEmbeddings as BudwoodEmbeddings
    from budwood_langchain.llm import BudwoodLLM as BudwoodLLM
    from budwood_langchain.prompts import from_chat_prompt_template as from_chat_prompt_template
    from budwood_langchain.prompts import from_langchain_messages as from_langchain_messages
    from budwood_langchain.prompts import to_chat_prompt_template as to_chat_prompt_template
    from budwood_langchain.prompts import to_langchain_messages as to_langchain_messages

_HOMES: Final = {
    "BudwoodCache": "cache",
    "BudwoodCallbackHandler": "callbacks",
    "BudwoodEmbeddings": "embeddings",
    "BudwoodLLM": "llm",
    "ChatBudwood": "chat",
    "from_chat_prompt_template": "prompts",
    "from_langchain_messages": "prompts",
    "to_chat_prompt_template": "prompts",
    "to_langchain_messages": "prompts",
}
"""The public names, and the modules that define them."""

__all__ = [
    "BudwoodCache",
    "BudwoodCallbackHandler",
    "BudwoodEmbeddings",
    "BudwoodLLM",
    "ChatBudwood",
    "from_chat_prompt_template",
    "from_langchain_messages",
    "to_chat_prompt_template",
    "to_langchain_messages",
]


def __getattr__(name: str) -> object:
    """Import a name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"budwood_langchain.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
