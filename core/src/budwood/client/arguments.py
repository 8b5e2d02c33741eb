"""Arguments of both clients: check them, and create the engine from them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood.contracts import Cache, Clock, Limiter, Observer
from budwood.engine import ClientEngine, ClientOptions, Content
from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.options import override, reject_unknown_options
from budwood.engine.endpoints.endpoint import Endpoints
from budwood.engine.endpoints.shared_state import find_state
from budwood.engine.routing.routes import check_error_classes, find_fallbacks, plan_route
from budwood.errors import ConfigurationError
from budwood.hooks import LIMITER
from budwood.names import normalise
from budwood.option_settings import Options
from budwood.plugins import Instances, Registry
from budwood.settings import Settings
from budwood.settings_sources import parse_toml, read_text
from budwood.types import Message

if TYPE_CHECKING:
    from budwood.engine.caching.call_cache import ClientCache
    from budwood.engine.chat.conversation import Conversation

PULL_SECONDS: Final = 24 * 3600.0
"""Default timeout of a pull, in seconds: one day, because models have many gigabytes."""

PULL_IDLE_SECONDS: Final = 600.0
"""Default idle timeout of a pull, in seconds: servers are silent while they verify a download."""

DEFAULT_CONCURRENCY: Final = 32
"""How many requests `ask_many` sends concurrently by default."""


def make_engine(
    model: str | None,
    *,
    blocking: bool,
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None,
    api_key: str | Sequence[str] | None,
    base_url: str | None,
    backups: Sequence[Mapping[str, Any]] | None = None,
    cache: str | Cache | Sequence[str | Cache] | bool | None,
    registry: Registry | None,
    clock: Clock,
    observers: Sequence[str | Observer] | None = None,
    transport: object = None,
    budgets: Mapping[str, Mapping[str, Any]] | None = None,
    limiter: str | Limiter | None = None,
    options: ClientOptions,
) -> ClientEngine:
    """Create the engine of a client; the arguments are those of `Client`."""
    reject_unknown_options(options, frozenset(Options.model_fields))
    _check_texts(model=model, api_key=None if isinstance(api_key, list | tuple) else api_key, base_url=base_url)
    _check_cache(cache)
    settings = settings if isinstance(settings, Settings) else Settings.load(read_settings(settings))
    instances = Instances(settings, registry, clock)
    model = model or settings.model
    overrides = _provider_overrides(model, api_key=api_key, base_url=base_url, backups=backups)
    _check_limiter(instances, limiter)
    endpoints = Endpoints(instances, overrides, find_state(clock, transport), limiter)
    cache = settings.cache if cache is None else cache
    engine = ClientEngine(
        instances=instances,
        endpoints=endpoints,
        options=override(settings.options, dict(options)),
        model=model,
        cache=None if cache is None or isinstance(cache, bool) or cache == () else _make_cache(instances, cache),
        clock=clock,
        blocking=blocking,
    )
    check_routing(engine)
    if named := settings.observers if observers is None else observers:
        from budwood.engine.accounting.observer_loading import load_observers

        engine.observers, engine.owned_observers = load_observers(instances, named)
        engine.listed_observers = tuple(named)
    if budgets is not None or settings.budgets:
        from budwood.engine.budgets.client_budgets import make_budgets

        engine.budgets = make_budgets(settings.budgets, budgets, endpoints.find_limiter)
    return engine


def check_routing(engine: ClientEngine) -> None:
    """
    Check the default model of an engine, and the options that name endpoints or errors.

    Raises:
        ConfigurationError: One is not valid.
        PluginError: A provider does not exist or cannot be used.
    """
    options, find = engine.options, engine.endpoints.find
    if engine.model is not None:
        target = find(engine.model)
        if options.is_routed:
            plan_route(engine.endpoints, target, options)
    check_error_classes(options.fallback_on)
    if options.fallbacks:
        find_fallbacks(options, find, engine.model)


def _check_limiter(instances: Instances, limiter: object) -> None:
    """
    Check that a limiter is one, or that a plugin has its name. It is built when a limit needs it.

    Raises:
        ConfigurationError: It is neither a name nor a limiter.
        PluginError: There is no such plugin.
    """
    name = instances.settings.limiter if limiter is None else limiter
    if isinstance(name, str):
        instances.spec(LIMITER, name)
    elif name is not None and not all(callable(getattr(name, method, None)) for method in ("reserve", "settle")):
        raise ConfigurationError(
            f"limiter= must be a name or a Limiter; got {type(name).__name__}.",
            hint='Pass the name of a limiter: limiter="redis".',
        )


def _check_texts(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{name}= must be a text; got {type(value).__name__}.")


def _check_cache(cache: object) -> None:
    hint = 'Pass the name of a cache: cache="memory".'
    if cache is None or cache is False:
        return
    if cache is True or cache in ("", [], ()):
        raise ConfigurationError(f"cache={cache!r} does not name a cache.", hint=hint)
    for each in cache if isinstance(cache, list | tuple) else (cache,):
        if not isinstance(each, str):
            _check_cache_object(each, hint)
        elif not each:
            raise ConfigurationError(f"cache={cache!r} does not name a cache.", hint=hint)


def _check_cache_object(cache: object, hint: str) -> None:
    from budwood.engine.chat.functions import is_async  # few programs pass an object

    methods = [getattr(cache, name, None) for name in ("get", "set")]
    if isinstance(cache, type):
        raise ConfigurationError(
            f"cache= must be an object; got the class {cache.__name__}.", hint=f"Pass cache={cache.__name__}(…)."
        )
    if not all(map(callable, methods)):
        raise ConfigurationError(
            f"cache= must be a name or a Cache, or a list of them; got {type(cache).__name__}.",
            hint=f"{hint} An object must have the methods of budwood.contracts.Cache.",
        )
    if any(map(is_async, methods)):
        raise ConfigurationError(
            f"cache= must have methods that are not async; those of {type(cache).__name__} are.",
            hint="Use plain methods: async clients call them in a thread.",
        )


def _make_cache(instances: Instances, caches: str | Cache | Sequence[str | Cache]) -> ClientCache:
    from budwood.engine.caching.call_cache import make_cache  # few programs have a cache

    return make_cache(instances, caches)


def read_settings(settings: object) -> Mapping[str, Any] | None:
    """Return settings as a dictionary. A path is read as a file in the form of ``budwood.toml``."""
    if settings is None or isinstance(settings, Mapping):
        return settings
    if not isinstance(settings, str | os.PathLike):
        raise ConfigurationError(
            f"settings= must be a dictionary, a path or Settings; got {type(settings).__name__}.",
            hint='Pass settings={"providers": {…}}, or the path of a file in the form of budwood.toml.',
        )
    path = Path(settings)
    text = read_text(path)
    if text is None:
        raise ConfigurationError(f"Cannot read the settings file {str(path)!r}: No such file or directory.")
    return parse_toml(text, where=str(path))


def _provider_overrides(model: str | None, **arguments: object) -> dict[str, dict[str, Any]]:
    """Return the settings of the model's provider that a client overrides: key and address."""
    overrides = {name: value for name, value in arguments.items() if value is not None}
    if overrides and model is None:
        raise ConfigurationError(
            f"Without a model, {' and '.join(overrides)} cannot be used.",
            hint='Pass a model: Client("provider/model", …).',
        )
    return {normalise(model.partition("/")[0].strip()): overrides} if overrides and model else {}


def start_conversation(model: str | None, options: AskOptions) -> Conversation:
    """Start a conversation. It stores the name of the model, so that another client continues with the same model."""
    from budwood.engine.chat.conversation import Conversation

    return Conversation(options.pop("model", None) or model, options.pop("system", None))


def load_conversation(path: str | os.PathLike[str], options: AskOptions) -> Conversation:
    """Load a saved conversation. A model or a system prompt among the options overrides the saved one."""
    from budwood.engine.chat.conversation import Conversation

    conversation = Conversation.load(path)
    conversation.model = options.pop("model", conversation.model)
    conversation.system = options.pop("system", conversation.system)
    return conversation


def list_texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    """Return the texts as a tuple; a single text becomes a tuple of one."""
    _check_iterable("texts", texts)
    return (texts,) if isinstance(texts, str) else tuple(texts)


def list_contents(contents: Content | Iterable[Content]) -> tuple[Content, ...]:
    """Return the contents as a tuple; a single content becomes a tuple of one."""
    _check_iterable("contents", contents)
    return (contents,) if isinstance(contents, str | Message) else tuple(contents)


def _check_iterable(name: str, value: object) -> None:
    if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a text or a list of them; got {type(value).__name__}.")


def count_prompts(prompts: object) -> int | None:
    """Return the number of prompts; None for an iterator."""
    return len(prompts) if isinstance(prompts, Sized) else None
