"""Everything that requests need of the settings, as one object: a reload replaces it as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import SecretStr

from budwood import AsyncClient, Settings
from budwood.errors import BudwoodError, ConfigurationError, CredentialError
from budwood.hooks import PROVIDER
from budwood.names import normalise
from budwood.plugins import Instances, list_known_models
from budwood.types import Capability
from budwood_server.gateway.names import ModelNames, ResolvedModel
from budwood_server.settings import ServerSettings
from budwood_server.vault.provider_settings import NO_TOKENS, OpenedTokens

if TYPE_CHECKING:
    from budwood.contracts import Limiter, Observer
    from budwood_server.access.keys import ApiKey

MAX_VIEWS: Final = 10_000
"""The number of keys and models whose view of the client is kept."""

MAX_MODELS: Final = 4096
"""The number of models of which is kept whether they have the Responses API."""

DEFAULT_TRANSPORT: Final = "httptools"


class _View(NamedTuple):
    """The client with the defaults of a version of a key."""

    version: int
    client: AsyncClient


class Configuration:
    """
    The settings, the client and the names of models. It does not change; requests under way keep theirs.

    Args:
        settings: All settings.
        server: The settings of the server.
        observers: Receivers of events about calls, besides those of the settings.
        limiter: Counts the limits and budgets of keys.
        tokens: Tokens of vendors, which providers use before those of the settings.

    Raises:
        BudwoodError: The settings are not valid.

    Attributes:
        settings: All settings, with the tokens.
        version: Identifies the settings: a hash of them.
        providers: The configured providers.
    """

    def __init__(
        self,
        settings: Settings,
        server: ServerSettings,
        *,
        observers: Sequence[Observer] = (),
        limiter: Limiter | None = None,
        tokens: OpenedTokens = NO_TOKENS,
    ) -> None:
        self.settings = settings = tokens.apply(settings)
        self.server = server
        self.version = compute_version(settings)
        self.client = AsyncClient(
            settings=settings,
            transport=settings.transport or DEFAULT_TRANSPORT,
            observers=[*settings.observers, *observers],
            limiter=limiter,
        )
        self.providers = tuple(self._list_providers())
        self.names = ModelNames(
            server.models,
            self.providers,
            self.client.model,
            lambda provider: list_known_models(settings, provider),
            vendor_names=server.vendor_names,
        )
        self._check()
        self._views: dict[tuple[str, str], _View] = {}
        self._responses: dict[str, tuple[bool, bool]] = {}
        self._closed_providers = tokens.closed
        self._uses = 0
        self._is_replaced = False

    def _check(self) -> None:
        """Report now what requests would find wrong with the settings."""
        for name, route in self.server.models.items():
            try:
                self.names.resolve(name)
                self.client.view(**{key: value for key, value in route.to_options().items() if key != "model"})
            except BudwoodError as error:
                raise ConfigurationError(f"server.models.{name}: {error.message}", hint=error.hint) from error
        chosen = self.server.files_provider
        if chosen is not None and normalise(chosen) not in map(normalise, self.providers):
            raise ConfigurationError(
                f"server.files_provider: {chosen!r} is not configured.",
                hint=f"Configured are: {', '.join(self.providers) or 'none'}.",
            )

    def client_for(self, key: ApiKey, resolved: ResolvedModel) -> AsyncClient:
        """
        Return the client with the defaults of a key and a model, so that calls pass as few options as possible.

        Raises:
            CredentialError: No token of the vendor can be opened.
            BudwoodError: The defaults of the key are not valid.
        """
        view = self._views.get((key.id, resolved.name))
        if view is not None and view.version == key.version:
            return view.client
        self._check_tokens(resolved)
        options: dict[str, Any] = {name: value for name, value in resolved.options.items() if name != "model"}
        if self.settings.cache:
            options["cache_namespace"] = make_namespace(self.server, key)
        return self._add_view(key, resolved.name, {"model": resolved.name}, budgets=_list_budgets(key), **options)

    def client_without_model(self, key: ApiKey) -> AsyncClient:
        """Return the client with the name and the tags of a key, for calls about files and jobs."""
        view = self._views.get((key.id, ""))
        if view is not None and view.version == key.version:
            return view.client
        return self._add_view(key, "", {})

    def _add_view(self, key: ApiKey, model: str, tags: dict[str, str], **options: Any) -> AsyncClient:  # noqa: ANN401 - of any type
        if len(self._views) >= MAX_VIEWS:
            self._views.clear()
        tags = {"key": key.id, **tags, **({"team": key.team} if key.team else {})}
        client = self.client.view(label=key.name, tags=tags, **options)
        self._views[key.id, model] = _View(key.version, client)
        return client

    def _check_tokens(self, resolved: ResolvedModel) -> None:
        """Refuse models of which no provider has a token that can be opened."""
        models = (str(resolved.options["model"]), *resolved.options.get("fallbacks", ()))
        providers = {normalise(model.partition("/")[0]) for model in models}
        if providers <= self._closed_providers:
            raise CredentialError(
                f"{', '.join(sorted(providers))}: the server cannot open its stored token.",
                hint="`budwood server tokens list` and the log of the server say why.",
            )

    def has_responses(self, model: str) -> bool:
        """Tell whether ``provider/model`` can be asked by the Responses API, so that it takes its fields unchanged."""
        return self._find_responses(model)[0]

    def keeps_responses(self, model: str) -> bool:
        """Tell whether the vendor of ``provider/model`` keeps replies of that API."""
        return all(self._find_responses(model))

    def begin(self) -> None:
        """Note that a request uses it."""
        self._uses += 1

    async def end(self) -> None:
        """Note that a request has ended; the last one closes the client if the configuration was replaced."""
        self._uses -= 1
        if self._is_replaced and self._uses == 0:
            await self.client.close()

    async def replace(self) -> None:
        """Close the client once no request uses it."""
        self._is_replaced = True
        if self._uses == 0:
            await self.client.close()

    def _find_responses(self, model: str) -> tuple[bool, bool]:
        """Return whether a model has the Responses API, and whether its vendor has replies in the background."""
        known = self._responses.get(model)
        if known is None:
            if len(self._responses) >= MAX_MODELS:
                self._responses.clear()
            details = self.client.model(model)
            known = details.has_responses, Capability.BACKGROUND in details.capabilities
            self._responses[model] = known
        return known

    def _list_providers(self) -> list[str]:
        """List the providers that the settings name, and those whose key is known without that."""
        sections = self.settings.instance_names(PROVIDER.section)
        routed = (model.partition("/")[0] for route in self.server.models.values() for model in route.models)
        named = {normalise(name): name for name in (*routed, *sections)}
        instances = Instances(self.settings)
        found = [name for name in instances.list_names(PROVIDER) if normalise(name) not in named]
        return [*named.values(), *(name for name in found if self._has_key(instances, name))]

    def _has_key(self, instances: Instances, provider: str) -> bool:
        try:
            if not instances.spec(PROVIDER, provider).needs_credential:
                return False
            self.client.check(model=f"{provider}/-")
        except CredentialError:
            return False
        except BudwoodError:  # a plugin that cannot be used offers no models
            return False
        return True


def make_namespace(server: ServerSettings, key: ApiKey, name: str = "default") -> str:
    """Return the namespace of a key in the cache, which only its owner uses unless the settings share the cache."""
    return f"{'all' if server.cache_scope == 'all' else key.owner}/{name}"


def _list_budgets(key: ApiKey) -> dict[str, dict[str, Any]] | None:
    """Return the budget of a key in the form of the settings."""
    if key.budget is None:
        return None
    unit = "dollars" if key.budget.tokens is None else "tokens"
    limit = key.budget.dollars if key.budget.tokens is None else key.budget.tokens
    return {key.budget_name: {unit: limit, "per": key.budget.per, "timezone": key.budget.timezone}}


def compute_version(settings: Settings) -> str:
    """Return a hash of all settings, which tells workers with the same settings from others."""
    text = repr([_sorted(source.tree) for source in settings.sources])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _sorted(value: Any) -> Any:  # noqa: ANN401 - any value of a settings file
    if isinstance(value, list | tuple):
        return [_sorted(inner) for inner in value]
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return sorted((key, repr(_sorted(inner))) for key, inner in value.items()) if isinstance(value, dict) else value
