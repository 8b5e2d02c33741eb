"""The models of a provider in the order in which they are proposed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from budwood.errors import BudwoodError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budwood import Client, ModelDetails, ModelInfo, Settings

MOST_PROPOSED: Final = 9


def strip_provider(model: str, provider: str) -> str:
    """Return the vendor's name of a model, which may be written with or without its provider."""
    owner, slash, name = model.partition("/")
    return name if slash and owner == provider else model


def is_listed(model: str, listed: Sequence[ModelInfo]) -> bool:
    """Tell whether a list of models has a name. Ollama's tag may be left out."""
    return not {each.id for each in listed}.isdisjoint((model, f"{model}:latest"))


def has_names_of_users(settings: Settings, provider: str, *, api_key: str | None, base_url: str | None) -> bool:
    """Tell whether users choose the names of a provider's models, as those of deployments on Azure."""
    from budwood.contracts import CatalogNameProvider
    from budwood.hooks import PROVIDER
    from budwood.plugins import Instances

    instance = Instances(settings).build(PROVIDER, provider, {"api_key": api_key, "base_url": base_url})
    return isinstance(instance.implementation, CatalogNameProvider)


def propose_models(
    client: Client, provider: str, listed: Sequence[ModelInfo] | None, known: Iterable[str], current: str | None
) -> dict[str, str]:
    """
    Return chat models with what is known of each, the most sensible first.

    The current model comes first. Then come those that the catalog names, successors of retired models before all
    others, then the newest, and last those that will be shut down.

    Args:
        client: A client, for the catalog. Nothing is sent.
        provider: The name of the provider.
        listed: The models that it lists; None if that is not known.
        known: The models in the catalog, in order.
        current: The vendor's name of the model in the settings, if that is one of the provider.
    """
    names = list(known) if listed is None else _order_listed(listed, known)
    details = {name: _look_up(client, f"{provider}/{name}") for name in dict.fromkeys(names)}
    chat = {name: detail for name, detail in details.items() if detail is not None and detail.is_for_chat}
    ordered = sorted(chat, key=lambda name: (name != current, _ends(chat[name])))
    proposed = {name: _describe(chat[name]) for name in ordered[:MOST_PROPOSED]}
    if current is None or current in chat:
        return proposed
    return {current: "" if listed is None else "not in the list of models", **proposed}


def _order_listed(listed: Sequence[ModelInfo], known: Iterable[str]) -> list[str]:
    available = [model.id for model in sorted(listed, key=lambda model: -(model.created or 0))]
    return [*(name for name in known if name in set(available)), *available]


def _look_up(client: Client, address: str) -> ModelDetails | None:
    try:
        return client.model(address)
    except BudwoodError:  # a name that the plugin does not accept, so that it cannot be used
        return None


def _ends(details: ModelDetails) -> bool:
    """Tell whether a model was shut down, or will be."""
    return details.facts.shutdown is not None


def _describe(details: ModelDetails) -> str:
    """Return the context window, the price of a million tokens and the shutdown day, as far as they are known."""
    parts = []
    if details.facts.context_window:
        parts.append(f"{details.facts.context_window // 1000:,}k context")
    price = details.price
    if price is not None and price.input is not None and price.output is not None:
        parts.append(f"${price.input.normalize():f} in, ${price.output.normalize():f} out per million tokens")
    if details.facts.shutdown is not None:
        is_past = details.facts.shutdown <= datetime.now(UTC).date()
        parts.append(f"{'shut down' if is_past else 'until'} {details.facts.shutdown}")
    return ", ".join(parts)
