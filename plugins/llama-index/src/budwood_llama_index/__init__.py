"""
Budwood in LlamaIndex: any model as an LLM or an embedding model, with failover, keys, caches and budgets.

Names are imported at their first use, because LlamaIndex takes seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood_llama_index.embedding import BudwoodEmbedding as BudwoodEmbedding
    from budwood_llama_index.event_handler import BudwoodEventHandler as BudwoodEventHandler
    from budwood_llama_index.llm import Budwood as Budwood

_HOMES: Final = {
    "Budwood": "llm",
    "BudwoodEmbedding": "embedding",
    "BudwoodEventHandler": "event_handler",
}
"""The public names, and the modules that define them."""

__all__ = ["Budwood", "BudwoodEmbedding", "BudwoodEventHandler"]


def __getattr__(name: str) -> object:
    """Import a name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"budwood_llama_index.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
