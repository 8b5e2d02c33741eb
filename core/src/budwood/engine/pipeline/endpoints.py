"""Where calls go: one provider with its settings and its credential."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticSerializationError

from budwood.catalog import LearnedRules
from budwood.contracts import (
    CatalogNameProvider,
    ContextWindowProvider,
    LocalProvider,
    ModelRulesProvider,
    PriceTierProvider,
    RateLimitProvider,
    RemoteProvider,
    TokenProvider,
)
from budwood.engine.pipeline.credentials import Lease, TokenCache, check_secret
from budwood.engine.pipeline.secrets import settings_secrets
from budwood.errors import ConfigurationError, CredentialError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.names import join_names, normalise
from budwood.plugins import Instance, Instances, faults
from budwood.plugins.faults import PluginSource
from budwood.types import Answer, Capability, Credential, ModelRules, RateLimits, ReplyHead
from budwood.types.usage import NO_PRICE

if TYPE_CHECKING:
    from budwood.types import ModelFacts

_MAX_REMEMBERED = 1000
"""How many addresses are remembered: programs that make up names must not grow without bound."""


class Target(NamedTuple):
    """An endpoint, and one of its models by the vendor's name."""

    endpoint: Endpoint
    model: str

    @property
    def address(self) -> str:
        """``provider/model``, or the provider alone where no model is named."""
        return f"{self.endpoint.name}/{self.model}" if self.model else self.endpoint.name

    def capabilities(self) -> frozenset[Capability]:
        """Return what the model can do."""
        return self.endpoint.capabilities(self.model)


class Endpoint(NamedTuple):
    """
    One provider, ready to be called.

    Attributes:
        name: The instance's name, the first half of ``provider/model``.
        plugin: The plugin's name, to speak of it in errors.
        remote: Translates for a vendor's API; None where the model runs in this process.
        local: A model inside the process; None if the model is a vendor's.
        rules: What the catalog says that a model takes and refuses.
        capabilities: What the provider can do with a model; of a vendor looked up once, until a rule is learned.
        lessons: Where what its server teaches is kept for as long as the client lives.
        facts: What else it knows of a model; None where it knows nothing of any.
        context_window: What the provider knows of how much its models hold; None where it knows nothing.
        price_tier: Reads from a reply which tier of service it was served with; None where there is only one.
        read_rate_limits: Reads what the vendor's headers say of its limits; None where the provider cannot.
        no_price: Why a call that has no price in the catalog has none.
        identity: Tells endpoints apart in cache keys: a hash of its name, its plugin and its settings without secrets.
            The name counts, since replies hold parts that belong to it: a plugin for many vendors tags them so.
        credential: What `authorize` gets; None where the service wants none.
        lease: The credential as a lease, made once.
        tokens: Tokens that it gets in place of a key, where the provider has a source of them.
        missing_credential: What to say where a credential is needed and none is there.
        secrets: Returns the secrets of its settings, which must not be in errors.
        inline: Whether a local provider may run on the event loop.
        counts_output: Whether input and ``max_tokens`` together have to fit the context window.
        source: Where the plugin comes from, for `budwood.plugins.faults`.
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
    secrets: Callable[[], tuple[str, ...]] = tuple
    inline: bool = False
    counts_output: bool = False
    facts: Callable[[str], ModelFacts] | None = None
    no_price: str = NO_PRICE
    context_window: Callable[[str], int | None] | None = None
    price_tier: Callable[[Answer], str | None] | None = None
    read_rate_limits: Callable[[ReplyHead], RateLimits | None] | None = None

    def check_credential(self) -> None:
        """
        See that a credential is there, where one is needed.

        Raises:
            CredentialError: None is configured.
        """
        if self.missing_credential is not None:
            raise CredentialError(f"{self.name}: no API key.", hint=self.missing_credential)

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Return what the headers of a reply say about the limits, success or error."""
        return self.read_rate_limits(head) if self.read_rate_limits is not None else None

    @property
    def key_label(self) -> str | None:
        """What names the credential in ledgers."""
        if self.tokens is not None:
            return "token"
        return self.credential.label if self.credential else None


class Endpoints:
    """
    Finds endpoints by name, and makes each once. Safe to use from several threads.

    Args:
        instances: Makes providers.
        explicit: Settings that the program gives for one instance, by its name.
    """

    def __init__(self, instances: Instances, explicit: Mapping[str, Mapping[str, Any]]) -> None:
        self._instances = instances
        self._explicit = explicit
        self._made: dict[str, Endpoint] = {}
        self._found: dict[str, Target] = {}
        self._lock = threading.Lock()

    def find(self, address: str) -> Target:
        """
        Split ``provider/model``, and return the endpoint with the vendor's name of the model.

        Raises:
            ConfigurationError: It is no such address.
            PluginError: There is no such provider.
        """
        if not isinstance(address, str):
            raise ConfigurationError(
                f"model must be a text; got {type(address).__name__}.", hint='Pass model="provider/model".'
            )
        if address in self._found:
            return self._found[address]
        name, slash, model = address.partition("/")
        if not slash or not name.strip() or not model.strip():
            raise ConfigurationError(
                f'Invalid model {address!r}: expected "provider/model".',
                hint=f"Available providers: {join_names(self._instances.names_of(PROVIDER))}.",
            )
        found = Target(self.get(name.strip()), model.strip())
        if len(self._found) < _MAX_REMEMBERED:
            self._found[address] = found
        return found

    def get(self, name: str) -> Endpoint:
        """Return the endpoint of one instance."""
        name = normalise(name)
        endpoint = self._made.get(name)
        if endpoint is None:
            with self._lock:
                endpoint = self._made.get(name)
                if endpoint is None:
                    instance = self._instances.build(PROVIDER, name, self._explicit.get(name))
                    endpoint = self._made[name] = _endpoint(instance, self._instances.learned_rules)
        return endpoint

    def close(self) -> None:
        """Let providers free what they hold, those that have a method ``close``."""
        with contextlib.ExitStack() as stack:  # closes the others where one fails
            for endpoint in self._made.values():
                close = getattr(endpoint.remote or endpoint.local, "close", None)
                if callable(close):
                    stack.callback(faults.guard(endpoint.source, "close", close))


def _endpoint(instance: Instance[ProviderSpec[Any]], learned_rules: LearnedRules) -> Endpoint:
    thing = instance.implementation
    with faults.calling(instance.source, "token_source"):  # a property, which the check of the Protocol reads as well
        source = thing.token_source if isinstance(thing, TokenProvider) else None
    tokens = TokenCache(instance.name, source) if source is not None else None
    key = getattr(instance.settings, "api_key", None) if tokens is None else None
    credential = Credential(secret=key) if isinstance(key, SecretStr) and key.get_secret_value().strip() else None
    if credential is not None:
        check_secret(credential.secret, f"{instance.name}: the API key")
    rules: Callable[[str], ModelRules] = (
        _find_method(instance, ModelRulesProvider, "model_rules", ModelRules) or instance.context.rules
    )

    def capabilities(model: str) -> frozenset[Capability]:
        with faults.calling(instance.source, "capabilities"):
            offered = thing.capabilities
        return rules(model).able(offered)

    remembered = lru_cache(_MAX_REMEMBERED)(capabilities)
    learned_rules.on_change(remembered.cache_clear)
    is_local = isinstance(thing, LocalProvider)  # what it can do may change, as it does once a model is downloaded
    return Endpoint(
        name=instance.name,
        plugin=instance.spec.name,
        source=instance.source,
        remote=thing if isinstance(thing, RemoteProvider) else None,
        local=thing if is_local else None,
        rules=rules,
        capabilities=capabilities if is_local else remembered,
        learned_rules=learned_rules,
        identity=_identity(instance),
        credential=credential,
        lease=Lease(credential) if credential is not None else None,
        tokens=tokens,
        missing_credential=_missing_credential(instance) if credential is None and tokens is None else None,
        secrets=partial(settings_secrets, instance.settings),
        inline=instance.spec.inline,
        counts_output=instance.spec.counts_output,
        facts=_facts(instance),
        no_price=_no_price(instance),
        context_window=_find_method(instance, ContextWindowProvider, "context_window", int, NoneType),
        price_tier=_find_method(instance, PriceTierProvider, "price_tier", str, NoneType),
        read_rate_limits=_find_method(instance, RateLimitProvider, "rate_limits", RateLimits, NoneType),
    )


def _find_method(instance: Instance[Any], protocol: type, method: str, *returns: type) -> Any:  # noqa: ANN401 - any method
    """Return a method of a provider, inside the fault boundary; None if the provider does not satisfy the Protocol."""
    if not isinstance(instance.implementation, protocol):
        return None
    return faults.guard(instance.source, method, getattr(instance.implementation, method), returns)


def _facts(instance: Instance[ProviderSpec[Any]]) -> Callable[[str], ModelFacts] | None:
    """Return what looks facts up, by the names that the catalog knows where users have names of their own."""
    facts, catalog_name = instance.facts, _find_method(instance, CatalogNameProvider, "catalog_name", str)
    if facts is not None and catalog_name is not None:
        return lambda model: facts(catalog_name(model))
    return facts


def _no_price(instance: Instance[ProviderSpec[Any]]) -> str:
    """Say why a model has no price, where the catalog has none."""
    if isinstance(instance.implementation, LocalProvider):
        return f"{NO_PRICE}: it runs in this process"
    try:
        host = urlsplit(str(getattr(instance.settings, "base_url", None) or "")).hostname or ""
    except ValueError:  # not an address, which is reported when it is used
        return NO_PRICE
    if host in ("localhost", "::1") or host.startswith("127."):
        return f"{NO_PRICE}: it runs on this machine"
    return NO_PRICE


def _identity(instance: Instance[ProviderSpec[Any]]) -> str:
    try:
        identity = f"{instance.name}\n{instance.spec.name}\n{instance.settings.model_dump_json()}".encode()
    except (UnicodeEncodeError, PydanticSerializationError):
        identity = b""
    if not identity:  # not raised above: the error holds the settings
        raise ConfigurationError(
            f"[{PROVIDER.section}.{instance.name}]: a value is not valid text.", hint="Remove unpaired surrogates."
        )
    return hashlib.sha256(identity).hexdigest()


def _missing_credential(instance: Instance[ProviderSpec[Any]]) -> str | None:
    """Say how to give the credential that is needed; None where none is."""
    preset = instance.preset
    if not (preset.needs_credential if preset else instance.spec.needs_credential):
        return None
    environment = preset.environment if preset else instance.spec.environment
    own = f"BUDWOOD_PROVIDERS__{instance.name.upper().replace('-', '_')}__API_KEY"
    variables = environment.get("api_key", ()) if preset or instance.name == instance.spec.name else ()
    return f"Set {' or '.join((*variables, own))}, or pass api_key=…."
