"""
Work with any language model: ask, keep it up and cheap, make datasets.

Names are looked up when they are first used, so that ``import budwood`` costs next to nothing.
"""

TYPE_CHECKING = False  # what type checkers take for true; `import typing` would cost 8 ms
if TYPE_CHECKING:
    from budwood.chat import AsyncChatSession, ChatSession
    from budwood.client import AsyncClient, Client, ask, ask_async
    from budwood.engine.chat.options import AskOptions
    from budwood.engine.chat.schemas import check_schema
    from budwood.errors import BudwoodError
    from budwood.logs import configure_logging
    from budwood.settings import Options, Settings
    from budwood.streams import AsyncChatStream, ChatStream
    from budwood.types import Capability, ChatResponse, Message, ModelInfo, Usage

    __version__: str

_HOMES = {
    "AskOptions": "budwood.engine.chat.options",
    "AsyncChatSession": "budwood.chat",
    "AsyncChatStream": "budwood.streams",
    "AsyncClient": "budwood.client",
    "BudwoodError": "budwood.errors",
    "Capability": "budwood.types",
    "ChatResponse": "budwood.types",
    "ChatSession": "budwood.chat",
    "ChatStream": "budwood.streams",
    "Client": "budwood.client",
    "Message": "budwood.types",
    "ModelInfo": "budwood.types",
    "Options": "budwood.settings",
    "Settings": "budwood.settings",
    "Usage": "budwood.types",
    "ask": "budwood.client",
    "ask_async": "budwood.client",
    "check_schema": "budwood.engine.chat.schemas",
    "configure_logging": "budwood.logs",
}

__all__ = [
    "AskOptions",
    "AsyncChatSession",
    "AsyncChatStream",
    "AsyncClient",
    "BudwoodError",
    "Capability",
    "ChatResponse",
    "ChatSession",
    "ChatStream",
    "Client",
    "Message",
    "ModelInfo",
    "Options",
    "Settings",
    "Usage",
    "ask",
    "ask_async",
    "check_schema",
    "configure_logging",
]


def __getattr__(name: str) -> object:
    """Look a public name up where it lives, the first time that it is used."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("budwood")
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'budwood' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, looked up or not."""
    return sorted({*globals(), *__all__, "__version__"})
