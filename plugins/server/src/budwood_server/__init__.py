"""A gateway: clients of OpenAI and Anthropic reach any model of any provider, with keys, limits and budgets."""

TYPE_CHECKING = False  # type checkers treat it as true; commands import this package for its metadata
if TYPE_CHECKING:
    from budwood_server.app import create_app as create_app
    from budwood_server.settings import ServerSettings as ServerSettings

_HOMES = {"create_app": "budwood_server.app", "ServerSettings": "budwood_server.settings"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import a public name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'budwood_server' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
