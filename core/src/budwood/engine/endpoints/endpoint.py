"""The target of calls: a provider with its settings and its credential."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError

from budwood.catalog import LearnedRules
from budwood.contracts import (
    CallOptionsProvider,
    CatalogNameProvider,
    ContextWindowProvider,
    Limiter,
    LimitTokensProvider,
    LocalProvider,
    ModelRulesProvider,
    PriceTierProvider,
    RateLimitProvider,
    RemoteProvider,
    TokenProvider,
)
from budwood.endpoint_settings import NO_ENDPOINT_SETTINGS, EndpointSettings
from budwood.engine.endpoints.addresses import find_key_check, find_url
from budwood.engine.endpoints.credentials import Lease, TokenCache
from budwood.engine.endpoints.health import Health
from budwood.engine.endpoints.shared_state import SharedState
from budwood.engine.keys.from_settings import (
    describe_missing_key,
    find_credential,
    find_pool,
    list_secrets,
    missing_credential,
)
from budwood.engine.keys.record import KeyRecord
from budwood.errors import ConfigurationError, CredentialError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.names import normalise
from budwood.plugins import Instance, Instances, faults
from budwood.plugins.faults import PluginSource
from budwood.plugins.known_models import suggest_addresses
from budwood.types import Answer, Capability, Credential, HTTPCall, ModelRules, RateLimits, ReplyHead
from budwood.types.usage import NO_PRICE

if TYPE_CHECKING:
    from budwood.engine.keys.pool import KeyPool
    from budwood.engine.limits.client_limiter import ClientLimiter
    from budwood.types import ChatRequest, ModelFacts, Usage

_MAX_REMEMBERED = 1000
"""The maximum number of cached addresses, which bounds the memory of programs with many model names."""


class Target(NamedTuple):
    """An endpoint and one of its models."""

    endpoint: Endpoint
    model: str

    @property
    def address(self) -> str:
        """``provider/model``, or only the provider if there is no model."""
        return f"{self.endpoint.name}/{self.model}" if self.model else self.endpoint.name

    @property
    def name(self) -> str:
        """The label of the endpoint and the model, which distinguishes backups: ``work#2/large``."""
        return f"{self.endpoint.label}/{self.model}"

    def capabilities(self) -> frozenset[Capability]:
        """Return the capabilities of the model."""
        return self.endpoint.capabilities(self.model)


class Endpoint(NamedTuple):
    """
    A provider that is ready to be called.

    Attributes:
        name: The instance's name, the first half of ``provider/model``.
        plugin: The name of the plugin.
        remote: The provider of a vendor's API; None if the model runs in this process.
        local: The provider of a model inside the process; None if the model is a vendor's.
        rules: Returns the rules of a model.
        capabilities: Returns the capabilities of a model. They are cached for remote providers until a rule is learned.
        learned_rules: The rules that the client learned from servers.
        facts: Returns the catalog's facts of a model; None if the catalog has none for this provider.
        context_window: Returns the context window of a model; None if the provider does not know it.
        price_tier: Returns the service tier of a reply; None if there is only one.
        read_rate_limits: Returns the rate limits in response headers; None if the provider cannot read them.
        limit_tokens: Returns how many tokens count against the vendor's limits; None if all do.
        add_options: Adds options of Budwood to a call, for gateways that take them; None for others.
        no_price: The reason why a call has no cost if the catalog has no price.
        identity: Identifies the endpoint in cache keys: a hash of its name, its plugin and its settings without
            secrets. The name is included because replies may contain parts that are tagged with it.
        credential: The credential that `authorize` receives; None if none is required.
        lease: The credential as a lease, created once.
        tokens: The tokens that replace a key, if the provider has a source of tokens.
        missing_credential: The hint of the error if a required credential is missing; None if it is not.
        no_key_hint: Returns the hint for a server that requires a key although none is configured; None if one is.
        secrets: Returns the secrets in its settings, which errors must not contain.
        inline: Whether a local provider may run on the event loop.
        counts_output: Whether input and ``max_tokens`` together have to fit the context window.
        source: The origin of the plugin, for `budwood.plugins.faults`.
        label: The name of the endpoint in ledgers: that of the instance, with a number or a label for a backup.
        health: Its last outcomes and its circuit breaker, shared with other clients.
        settings: The settings of limits and keys.
        pool: Its keys, if there are several, or if they have groups or limits.
        key_record: What is known of its only key or token; None if there is none, or several.
        backups: Further endpoints with the same settings, in the order in which they are asked.
        cache_identity: The identity of the endpoint whose cached replies it shares: its own, or, for a backup, that of
            its provider.
        url: Its address, for reports; None if the model runs in this process.
        key_check: The request that checks its key: `MODELS_CHECK`, or a URL; empty if there is none.
        api: The API whose parameters ``extra`` takes; see `budwood.hooks.ProviderSpec`.
        is_guarded: Whether it has limits or several keys.
    """

    name: str
    plugin: str
    source: PluginSource
    remote: RemoteProvider | None
    local: LocalProvider | None
    rules: Callable[[str], ModelRules]
    capabilities: Callable[[str], frozenset[Capability]]
    learned_rules: LearnedRules
    identity: str
    credential: Credential | None = None
    lease: Lease | None = None
    tokens: TokenCache | None = None
    missing_credential: str | None = None
    no_key_hint: Callable[[], str] | None = None
    secrets: Callable[[], tuple[str, ...]] = tuple
    inline: bool = False
    counts_output: bool = False
    facts: Callable[[str], ModelFacts] | None = None
    no_price: str = NO_PRICE
    context_window: Callable[[str], int | None] | None = None
    price_tier: Callable[[Answer], str | None] | None = None
    read_rate_limits: Callable[[ReplyHead], RateLimits | None] | None = None
    limit_tokens: Callable[[ChatRequest, Usage, Usage | None], int | None] | None = None
    add_options: Callable[[HTTPCall, Mapping[str, str]], HTTPCall] | None = None
    label: str = ""
    health: Health = Health()
    settings: EndpointSettings = NO_ENDPOINT_SETTINGS
    pool: KeyPool | None = None
    key_record: KeyRecord | None = None
    backups: tuple[Endpoint, ...] = ()
    cache_identity: str = ""
    url: str | None = None
    key_check: str = ""
    api: str = ""
    is_guarded: bool = False

    def check_credential(self) -> None:
        """
        Check that a credential is configured, if one is required.

        Raises:
            CredentialError: It is missing.
        """
        if self.missing_credential is not None:
            raise CredentialError(f"{self.name}: no API key.", hint=self.missing_credential)

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Return the rate limits in response headers, on success and on errors."""
        return self.read_rate_limits(head) if self.read_rate_limits is not None else None

    @property
    def key_label(self) -> str | None:
        """The label of the credential in `Attempt` records."""
        if self.tokens is not None:
            return "token"
        if self.pool is not None:
            return None
        return self.credential.label if self.credential else None


class Endpoints:
    """
    Finds endpoints by name, and creates each once. Safe to use from several threads.

    Args:
        instances: Builds providers.
        explicit: Settings that the program passes for an instance, by its name.
        state: The state of endpoints that the client shares with others.
        limiter: The limiter of the client, or its name; by default the one that the settings name.

    Attributes:
        routes: The targets of calls, by their options; for `budwood.engine.routing.routes`.
        is_closed: Whether the client is closed.
    """

    def __init__(
        self,
        instances: Instances,
        explicit: Mapping[str, Mapping[str, Any]],
        state: SharedState | None = None,
        limiter: str | Limiter | None = None,
    ) -> None:
        self.state = SharedState() if state is None else state
        self._instances = instances
        self._explicit = explicit
        self._endpoints: dict[str, Endpoint] = {}
        self._targets: dict[str, Target] = {}
        self.routes: dict[tuple[object, ...], tuple[Target, ...]] = {}
        self.is_closed = False
        self._chosen_limiter = limiter
        self._limiter: ClientLimiter | None = None
        self.reset_lock()

    def reset_lock(self) -> None:
        """Replace the locks, after a fork in which another thread may have held them."""
        self._lock = threading.Lock()
        if self._limiter is not None:
            self._limiter.reset_lock()

    def find(self, address: str) -> Target:
        """
        Split ``provider/model``, and return the endpoint with the vendor's name of the model.

        Raises:
            ConfigurationError: The address is not valid.
            PluginError: The provider does not exist or cannot be used.
        """
        if not isinstance(address, str):
            raise ConfigurationError(
                f"model must be a text; got {type(address).__name__}.", hint='Pass model="provider/model".'
            )
        if address in self._targets:
            return self._targets[address]
        name, slash, model = address.partition("/")
        if not slash or not name.strip() or not model.strip():
            raise ConfigurationError(
                f'Invalid model {address!r}: expected "provider/model".',
                hint=suggest_addresses(self._instances, address),
            )
        found = Target(self.get(name.strip()), model.strip())
        if len(self._targets) < _MAX_REMEMBERED:
            self._targets[address] = found
        return found

    def get(self, name: str) -> Endpoint:
        """Return the endpoint of an instance."""
        name = normalise(name)
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            with self._lock:
                endpoint = self._endpoints.get(name)
                if endpoint is None:
                    instance = self._instances.build(PROVIDER, name, self._explicit.get(name))
                    endpoint = self._endpoints[name] = self._create(instance)
        return endpoint

    def find_limiter(self) -> ClientLimiter:
        """Return the limiter of the client, which is built on first use."""
        if self._limiter is None:
            from budwood.engine.limits.client_limiter import ClientLimiter  # few clients have limits

            with self._lock:
                if self._limiter is None:
                    self._limiter = ClientLimiter(self._instances, self.state, self._chosen_limiter)
        return self._limiter

    def list_all(self) -> list[Endpoint]:
        """List the endpoints that were created so far, with their backups."""
        return [each for endpoint in tuple(self._endpoints.values()) for each in (endpoint, *endpoint.backups)]

    def _create(self, instance: Instance[ProviderSpec[Any]]) -> Endpoint:
        rules = self._instances.learned_rules
        endpoint = _endpoint(instance, rules, self.state, instance.name)
        backups = (
            _endpoint(backup, rules, self.state, f"{instance.name}#{backup.endpoint_settings.label or number}")
            for number, backup in enumerate(instance.backups, 2)
        )
        shared = tuple(backup._replace(cache_identity=endpoint.identity) for backup in backups)
        return endpoint._replace(backups=shared)

    def close(self) -> None:
        """Close the providers that have a method ``close``, and the limiter."""
        with contextlib.ExitStack() as stack:  # closes the others if one fails
            if self._limiter is not None:
                stack.callback(self._limiter.close)
            for endpoint in self.list_all():
                close = getattr(endpoint.remote or endpoint.local, "close", None)
                if callable(close):
                    stack.callback(faults.wrap(endpoint.source, "close", close))


def _endpoint(
    instance: Instance[ProviderSpec[Any]], learned_rules: LearnedRules, state: SharedState, label: str
) -> Endpoint:
    provider = instance.implementation
    with faults.call_boundary(instance.source, "token_source"):  # a property, which `isinstance` reads as well
        source = provider.token_source if isinstance(provider, TokenProvider) else None
    tokens = TokenCache(instance.name, source) if source is not None else None
    credential = find_credential(instance) if tokens is None else None
    rules: Callable[[str], ModelRules] = (
        _find_method(instance, ModelRulesProvider, "model_rules", ModelRules) or instance.context.rules
    )

    def capabilities(model: str) -> frozenset[Capability]:
        with faults.call_boundary(instance.source, "capabilities"):
            offered = provider.capabilities
        return rules(model).filter_capabilities(offered)

    remembered = lru_cache(_MAX_REMEMBERED)(capabilities)
    learned_rules.on_change(remembered.cache_clear)
    identity = _identity(instance)
    pool = find_pool(instance, credential, identity, state, label)
    has_no_key = credential is None and tokens is None
    is_local = isinstance(provider, LocalProvider)  # its capabilities may change, as when a model is downloaded
    return Endpoint(
        name=instance.name,
        plugin=instance.spec.name,
        source=instance.source,
        remote=provider if isinstance(provider, RemoteProvider) else None,
        local=provider if is_local else None,
        rules=rules,
        capabilities=capabilities if is_local else remembered,
        learned_rules=learned_rules,
        identity=identity,
        cache_identity=identity,
        credential=credential,
        lease=Lease(credential) if credential is not None and pool is None else None,
        tokens=tokens,
        missing_credential=missing_credential(instance) if has_no_key else None,
        no_key_hint=partial(describe_missing_key, instance) if has_no_key and not list_secrets(instance) else None,
        secrets=partial(list_secrets, instance),
        inline=instance.spec.inline,
        counts_output=instance.spec.counts_output,
        facts=_facts(instance),
        no_price=_no_price(instance),
        context_window=_find_method(instance, ContextWindowProvider, "context_window", int, NoneType),
        price_tier=_find_method(instance, PriceTierProvider, "price_tier", str, NoneType),
        read_rate_limits=_find_method(instance, RateLimitProvider, "rate_limits", RateLimits, NoneType),
        limit_tokens=_find_method(instance, LimitTokensProvider, "limit_tokens", int, NoneType),
        add_options=_find_method(instance, CallOptionsProvider, "add_options", HTTPCall),
        label=label,
        health=state.health(identity),
        settings=instance.endpoint_settings,
        pool=pool,
        key_record=KeyRecord() if pool is None and (credential or tokens) else None,
        is_guarded=instance.endpoint_settings is not NO_ENDPOINT_SETTINGS,
        url=find_url(instance),
        key_check=find_key_check(instance),
        api=instance.spec.api,
    )


def _find_method(instance: Instance[Any], protocol: type, method: str, *returns: type) -> Any:  # noqa: ANN401 - any method
    """Return a method of a provider, wrapped in its boundary; None if the provider does not satisfy the Protocol."""
    if not isinstance(instance.implementation, protocol):
        return None
    return faults.wrap(instance.source, method, getattr(instance.implementation, method), returns)


def _facts(instance: Instance[ProviderSpec[Any]]) -> Callable[[str], ModelFacts] | None:
    """Return the look-up of facts; it maps users' own names, such as deployments, to those of the catalog."""
    facts, catalog_name = instance.facts, _find_method(instance, CatalogNameProvider, "catalog_name", str)
    if facts is not None and catalog_name is not None:
        return lambda model: facts(catalog_name(model))
    return facts


def _no_price(instance: Instance[ProviderSpec[Any]]) -> str:
    """Return the reason for a missing cost if the catalog has no price."""
    if isinstance(instance.implementation, LocalProvider):
        return f"{NO_PRICE}, because it runs in this process"
    try:
        host = urlsplit(str(getattr(instance.settings, "base_url", None) or "")).hostname or ""
    except ValueError:  # not an address, which is reported when it is used
        return NO_PRICE
    if host in ("localhost", "::1") or host.startswith("127."):
        return f"{NO_PRICE}, because it runs on this machine"
    return NO_PRICE


def _identity(instance: Instance[ProviderSpec[Any]]) -> str:
    # A key that is missing does not make another endpoint: its cached replies are found without one.
    hidden = {name for name, value in instance.settings if value is None or isinstance(value, SecretStr | SecretBytes)}
    try:
        settings = instance.settings.model_dump_json(exclude=hidden)
        identity = f"{instance.name}\n{instance.spec.name}\n{settings}".encode()
    except (UnicodeEncodeError, PydanticSerializationError):
        identity = b""
    if not identity:  # not raised inside the handler: its error contains the settings
        raise ConfigurationError(
            f"[{PROVIDER.section}.{instance.name}]: a value is not valid text.",
            hint="Remove unpaired surrogates from it.",
        )
    return hashlib.sha256(identity).hexdigest()
