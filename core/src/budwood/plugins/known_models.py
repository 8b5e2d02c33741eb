"""The models of a provider that are known without asking it: those of the catalog, and those of the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from budwood.hooks import PROVIDER
from budwood.names import join_names, normalise
from budwood.plugins.instances import Instances
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


_MAX_SUGGESTIONS: Final = 3


def suggest_addresses(instances: Instances, text: str) -> str:
    """
    Return a hint for a text that is no address of a model.

    It says how to list the models of the provider that the text names, or which providers have the model that it names,
    or else lists all providers.
    """
    providers = instances.list_names(PROVIDER)
    provider = text.partition("/")[0].strip()
    if normalise(provider) in map(normalise, providers):
        return f"`budwood models list {provider}` lists the models of {provider}."
    name = text.strip(" /")
    found = [f"{each}/{name}" for each in providers if name in list_known_models(instances.settings, each)]
    if found:
        return f"Did you mean {' or '.join(found[:_MAX_SUGGESTIONS])}?"
    return f"Available providers: {join_names(providers)}."
