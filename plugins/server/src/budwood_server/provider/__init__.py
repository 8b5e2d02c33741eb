"""The provider for programs in Python: a server of Budwood, like any other vendor."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_server.client.urls import KEY_VARIABLE, URL_VARIABLE
from budwood_server.provider.provider import BudwoodServer
from budwood_server.provider.settings import BudwoodServerSettings

__all__ = ["BudwoodServer", "BudwoodServerSettings", "budwood_providers"]


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="budwood-server",
            settings=lambda: BudwoodServerSettings,
            build=BudwoodServer,
            requires_api=(2, 0),
            summary="Models behind a server of Budwood.",
            capabilities=BudwoodServer.all_capabilities,
            environment={"api_key": (KEY_VARIABLE,), "base_url": (URL_VARIABLE,)},
            needs_credential=True,
            key_pattern="bw_live_[^_]+_.+",
            key_check=MODELS_CHECK,
            login_command="budwood login URL",
            api="openai",
        )
    ]
