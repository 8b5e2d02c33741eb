"""What both clients make of what they are given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any, Final

from budwood.contracts import Cache, Clock, Observer
from budwood.engine import ClientOptions, Content, Engine, reply_cache
from budwood.engine.chat.options import AskOptions, override, refuse_unknown
from budwood.engine.pipeline.endpoints import Endpoints
from budwood.errors import BudwoodError, ConfigurationError
from budwood.names import normalise
from budwood.plugins import Instances, Registry
from budwood.settings import Options, Settings
from budwood.types import Message

if TYPE_CHECKING:
    from budwood.engine.chat.conversation import Conversation

PULL_SECONDS: Final = 24 * 3600.0
"""A whole pull may take a day by default: models have many gigabytes."""

PULL_IDLE_SECONDS: Final = 600.0
"""How long a server may be silent while it checks what it has fetched."""

DEFAULT_CONCURRENCY: Final = 32
"""How many requests `ask_many` has under way at once where it is not told."""


def make_engine(
    model: str | None,
    *,
    blocking: bool,
    settings: Settings | Mapping[str, Any] | None,
    api_key: str | None,
    base_url: str | None,
    cache: str | Cache | bool | None,
    cache_ttl: float | None,
    registry: Registry | None,
    clock: Clock,
    observers: Sequence[str | Observer] | None = None,
    options: ClientOptions,
) -> Engine:
    """Make a client's engine; the arguments are those of `Client`."""
    refuse_unknown(options, frozenset(Options.model_fields))
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    instances = Instances(settings, registry, clock)
    model = model or settings.model
    endpoints = Endpoints(instances, _explicit(model, api_key=api_key, base_url=base_url))
    if cache is True:
        raise ConfigurationError("cache=True does not say which.", hint='Name one: cache="memory".')
    chosen = settings.cache if cache is None else cache
    engine = Engine(
        instances=instances,
        endpoints=endpoints,
        options=override(settings.options, dict(options)),
        model=model,
        cache=None if isinstance(chosen, bool) else reply_cache(instances, chosen, cache_ttl),
        clock=clock,
        blocking=blocking,
    )
    if model is not None:
        endpoints.find(model)
    if named := settings.observers if observers is None else observers:
        from budwood.engine.accounting.observer_loading import load_observers

        engine.observers, engine.owned_observers = load_observers(instances, named)
    return engine


def _explicit(model: str | None, **given: str | None) -> dict[str, dict[str, Any]]:
    """Give a client's own key and address to the provider of its model."""
    said = {name: value for name, value in given.items() if value is not None}
    if said and model is None:
        raise ConfigurationError(
            f"{' and '.join(said)} were given, but no model.", hint='Name one: Client("PROVIDER/MODEL", …).'
        )
    return {normalise(model.partition("/")[0].strip()): said} if said and model else {}


def begun(model: str | None, options: AskOptions) -> Conversation:
    """Begin a conversation with the client's model, by its name, so that another client continues with the same."""
    from budwood.engine.chat.conversation import Conversation

    return Conversation(options.pop("model", None) or model, options.pop("system", None))


def resumed(path: str | os.PathLike[str], options: AskOptions) -> Conversation:
    """Read a saved conversation; a model or a system prompt among the options takes the place of the saved one."""
    from budwood.engine.chat.conversation import Conversation

    conversation = Conversation.load(path)
    conversation.model = options.pop("model", conversation.model)
    conversation.system = options.pop("system", conversation.system)
    return conversation


def texts_of(texts: str | Iterable[str]) -> tuple[str, ...]:
    """Take a single text for a list of one."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def contents_of(contents: Content | Iterable[Content]) -> tuple[Content, ...]:
    """Take a single content for a list of one."""
    return (contents,) if isinstance(contents, str | Message) else tuple(contents)


def count_of(prompts: object) -> int | None:
    """Return how many prompts there are; None for an iterator, which does not know."""
    return len(prompts) if isinstance(prompts, Sized) else None


def closed() -> BudwoodError:
    """Say that a client can no longer be used."""
    return BudwoodError("This client is closed.", hint="Create a new one.")
