"""The provider that stores a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from budwood.errors import BudwoodError
from budwood.names import normalise
from budwood.types import Capability
from budwood_server.gateway.request_options import FIELD
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.web.exchange import Exchange

PARAMETER = f"{FIELD}.provider"
_HINT = (
    "Name one: extra_body={'budwood': {'provider': …}}, the header x-budwood-provider, or ?provider=… in the address. "
    "The operator can set files_provider in [server]."
)


def find_provider(exchange: Exchange, configuration: Configuration, fields: Mapping[str, Any]) -> str:
    """
    Return the provider that a request names, else that of the settings, else the only one that stores files.

    Args:
        exchange: The request, whose header or address may name one.
        configuration: The configuration.
        fields: The field ``budwood`` of the body may name one.

    Raises:
        ProblemError: It is not configured, or none is named and there is not exactly one.
    """
    options = fields.get(FIELD)
    named = options.get("provider") if isinstance(options, Mapping) else None
    named = named or exchange.header(b"x-budwood-provider") or exchange.query.get("provider")
    if named is not None:
        found = [each for each in configuration.providers if normalise(each) == normalise(str(named))]
        if not found:
            known = ", ".join(configuration.providers)
            message = f"The provider {named!r} is not configured here."
            raise reject(message, param=PARAMETER, code="unknown_provider", hint=f"Configured are: {known}.")
        return found[0]
    if configuration.server.files_provider is not None:
        return configuration.server.files_provider
    stores = [each for each in configuration.providers if _stores_files(configuration, each)]
    if len(stores) == 1:
        return stores[0]
    found_text = f"Several providers store files: {', '.join(stores)}." if stores else "No provider stores files."
    raise reject(found_text, param=PARAMETER, code="missing_provider", hint=_HINT)


def find_provider_api(configuration: Configuration, provider: str) -> str:
    """Return the API whose form a provider has: ``"openai"``, ``"anthropic"`` or none."""
    return configuration.client.model(f"{provider}/-").api


def _stores_files(configuration: Configuration, provider: str) -> bool:
    try:
        return Capability.FILES in configuration.client.model(f"{provider}/-").capabilities
    except BudwoodError:  # a plugin that cannot be used stores nothing
        return False
