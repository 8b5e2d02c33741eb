"""
Budwood's models as LangChain's components.

Names are imported at their first use, because LangChain takes a second to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood_langchain.chat import ChatBudwood as ChatBudwood

_HOMES: Final = {
    "ChatBudwood": "chat",
}
"""The public names, and the modules that define them."""

__all__ = ["ChatBudwood"]


def __getattr__(name: str) -> object:
    """Import a name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"budwood_langchain.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
