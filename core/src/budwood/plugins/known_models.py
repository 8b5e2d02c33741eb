"""The models of a provider that are known without asking it: those of the catalog, and those of the settings."""

from __future__ import annotations

from datetime import UTC, datetime

from budwood.hooks import PROVIDER
from budwood.names import normalise
from budwood.settings import Settings


def list_known_models(settings: Settings, provider: str) -> list[str]:
    """
    List the known models of a provider, without its name. The provider is not built, and nothing is sent.

    Models that were shut down are left out.

    Args:
        settings: The settings of the program, whose models come first.
        provider: The name of the provider, as in ``provider/model``.
    """
    from budwood.catalog.vendors import list_names

    name = normalise(provider)
    plugin = normalise(str(settings.instance_settings(PROVIDER.section, name).get("plugin", name)))
    owners = dict.fromkeys((name, plugin))
    rows = (row.partition("/") for row in settings.model_rows)
    own = [model for owner, _, model in rows if normalise(owner) in owners and "*" not in model]
    today = datetime.now(UTC).date()
    catalog = next((names for owner in owners if (names := list_names(owner, today))), [])
    return list(dict.fromkeys((*own, *catalog)))
