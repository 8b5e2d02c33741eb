"""Build the implementations that settings and names refer to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from budwood import logs
from budwood.catalog import Catalog, LearnedRules, Preset, load_presets
from budwood.clock import SystemClock
from budwood.contracts import Clock, PluginContext
from budwood.endpoint_settings import (
    NO_ENDPOINT_SETTINGS,
    SINGLE_OR_SEVERAL,
    EndpointSettings,
    list_backups,
    parse_endpoint_settings,
)
from budwood.errors import PluginNotFoundError
from budwood.hooks import PROVIDER, Kind, ProviderSpec, Spec
from budwood.names import did_you_mean, join_names, normalise
from budwood.plugins import faults
from budwood.plugins.building import build_object, settings_model
from budwood.plugins.faults import PluginSource
from budwood.plugins.first_party import first_party_distribution, first_party_plugins
from budwood.plugins.registry import Registry
from budwood.settings import Exclusive, Settings, override_settings, user_folder, validate_settings
from budwood.settings_sources import vendor_values
from budwood.types import ModelRules

if TYPE_CHECKING:
    from budwood.credential_store import StoredCredentials, StoredKeys
    from budwood.types import ModelFacts

T = TypeVar("T", bound=Spec[Any, Any])

_CACHED_MODELS: Final = 256
"""The number of models per instance whose rules are cached."""


class Instance(NamedTuple, Generic[T]):
    """
    One configured plugin.

    Attributes:
        name: The name of the instance.
        spec: The plugin's spec.
        settings: The validated settings.
        implementation: The object that `Spec.build` returned; it satisfies a Protocol of its kind.
        context: The context that `Spec.build` received.
        preset: The preset that defines the instance, if any.
        facts: Returns the catalog's facts of a model, by its name; None if the catalog has none for this provider.
        source: The plugin's origin, for `budwood.plugins.faults`.
        endpoint_settings: The settings of a provider that apply around its requests.
        backups: Further instances with the settings of ``endpoint_settings.backups``.
    """

    name: str
    spec: T
    settings: BaseModel
    implementation: Any
    context: PluginContext
    preset: Preset | None = None
    facts: Callable[[str], ModelFacts] | None = None
    source: PluginSource = PluginSource("")
    endpoint_settings: EndpointSettings = NO_ENDPOINT_SETTINGS
    backups: tuple[Instance[T], ...] = ()


class Instances:
    """
    Resolves names: a section of the settings first, then an installed plugin, then a preset.

    Args:
        settings: The settings of the program.
        registry: The plugins; by default those that are installed and not disabled.
        clock: The clock that plugins receive; by default the system's.
    """

    def __init__(self, settings: Settings, registry: Registry | None = None, clock: Clock | None = None) -> None:
        self.settings = settings
        self.registry = registry or Registry(settings.disabled)
        self.catalog = Catalog(settings.model_rows)
        self.learned_rules = LearnedRules()
        self._clock = clock or SystemClock()
        self._stored_keys: StoredKeys | None = None

    def build(self, kind: Kind[T], name: str, explicit: Mapping[str, Any] | None = None) -> Instance[T]:
        """
        Build the implementation that a name refers to.

        Args:
            kind: The kind of plugin, such as `budwood.hooks.PROVIDER`.
            name: The name as the user typed it.
            explicit: Settings of the program, which take precedence over all other sources.

        Raises:
            PluginError: The plugin does not exist or cannot be used.
            ConfigurationError: Its settings are not valid.
        """
        name = normalise(name)
        section = self.settings.instance_settings(kind.section, name)
        plugin, preset = self._resolve_plugin(kind, name, section)
        distribution = section.get("distribution")
        spec = self._load(kind, name, plugin, distribution)
        source = self.registry.find(kind, plugin, distribution=distribution).source
        variables = self._vendor_variables(spec, name, plugin, preset)
        exclusive = _exclusive_keys(spec)
        values = dict(preset.settings) if preset else {}
        override_settings(values, self.settings.instance_settings(kind.section, name, variables, exclusive), exclusive)
        override_settings(
            values, {key: value for key, value in (explicit or {}).items() if value is not None}, exclusive
        )
        values = {key: value for key, value in values.items() if key not in ("plugin", "distribution")}
        where = f"[{kind.section}.{name}]"
        around = NO_ENDPOINT_SETTINGS
        stored: StoredCredentials | None = None
        if isinstance(spec, ProviderSpec):
            if not any(key in values for group in exclusive if "api_key" in group for key in group):
                stored = self._find_stored_keys(spec, source, name, variables)
                values |= stored.settings if stored else {}
            values, around = parse_endpoint_settings(values, where=where)
        context = self._make_context(kind, name, plugin, spec)
        facts = self._make_facts_lookup(name, plugin, spec, preset)

        def make(
            values: Mapping[str, Any], where: str, around: EndpointSettings, backups: tuple[Instance[T], ...] = ()
        ) -> Instance[T]:
            with faults.secret_boundary(source, "settings"):  # validators see secrets
                settings = validate_settings(
                    settings_model(spec, source),
                    values,
                    where=where,
                    hint_for=lambda key: _describe_setting(kind.section, name, key, variables),
                )
            if stored:
                stored.check(spec.name, settings, (values.get("api_key"), *(key.secret for key in around.keys)))
            built = build_object(kind, spec, settings, context, source)
            return Instance(name, spec, settings, built, context, preset, facts, source, around, backups)

        backups = tuple(
            make(*backup) for backup in list_backups(name, values, around, where=where, exclusive=exclusive)
        )
        return make(values, where, around, backups)

    def spec(self, kind: Kind[T], name: str) -> T:
        """
        Return the spec of the plugin that a name refers to, without building it.

        Raises:
            PluginError: The plugin does not exist or cannot be used.
        """
        name = normalise(name)
        section = self.settings.instance_settings(kind.section, name)
        return self._load(kind, name, self._resolve_plugin(kind, name, section)[0], section.get("distribution"))

    def find_folder_source(self, provider: str, explicit: Container[str] = ()) -> str | None:
        """
        Return the source in the current folder that determines where the key of a provider is sent; None if none does.

        Args:
            provider: The name of an instance.
            explicit: The settings that an argument overrides.

        Raises:
            PluginError: The plugin does not exist or cannot be used.
        """
        name = normalise(provider)
        plugin, preset = self._resolve_plugin(PROVIDER, name, self.settings.instance_settings(PROVIDER.section, name))
        spec = self.spec(PROVIDER, name)
        variables = self._vendor_variables(spec, name, plugin, preset)
        return self._find_folder_source(name, variables, explicit)

    def list_names(self, kind: Kind[T]) -> list[str]:
        """List the names of a kind: sections, installed plugins, and presets whose plugin is installed."""
        names = {*self.settings.instance_names(kind.section), *self.registry.inventory.names(kind)}
        if kind.group == PROVIDER.group:
            names |= {
                name for name, preset in load_presets().items() if self.registry.inventory.find(kind, preset.plugin)
            }
        return sorted(names)

    def catalog_facts(self, provider: str) -> Callable[[str], ModelFacts]:
        """
        Return a function with the catalog's facts of the models of a provider. Its plugin need not be installed.

        Args:
            provider: The name of an instance, a preset, or a vendor.
        """
        name = normalise(provider)
        section = self.settings.instance_settings(PROVIDER.section, name)
        plugin, preset = self._resolve_plugin(PROVIDER, name, section)
        return functools.partial(self.catalog.facts, name, plugin, vendor=name if preset else plugin)

    def find_matching_names(self, kind: Kind[T], value: str) -> list[str]:
        """
        List the names whose plugin declares a pattern that matches a media type or a model. No plugin is imported.

        Names with an exact pattern come before names with a wildcard, and plugins of other distributions before those
        of the core, which they extend; each group is in alphabetical order.
        """
        value = value.lower()
        built_in = first_party_plugins()["budwood"].get(kind.section, ())
        declared = {name: self._patterns(kind, name) for name in self.list_names(kind)}
        matching = [
            name for name, patterns in declared.items() if any(fnmatchcase(value, pattern) for pattern in patterns)
        ]
        return sorted(matching, key=lambda name: (value not in declared[name], name in built_in))

    def list_patterns(self, kind: Kind[T]) -> list[str]:
        """List the media types or models that installed plugins of a kind declare, sorted. No plugin is imported."""
        return sorted({pattern for name in self.list_names(kind) for pattern in self._patterns(kind, name)})

    def _patterns(self, kind: Kind[T], name: str) -> list[str]:
        section = self.settings.instance_settings(kind.section, name)
        plugin, _ = self._resolve_plugin(kind, name, section)
        return [pattern for installed in self.registry.inventory.find(kind, plugin) for pattern in installed.patterns]

    def _resolve_plugin(self, kind: Kind[T], name: str, section: Mapping[str, Any]) -> tuple[str, Preset | None]:
        """Return the plugin that a name refers to, and its preset if there is one."""
        if "plugin" in section:
            return normalise(str(section["plugin"])), None
        if kind.group != PROVIDER.group or self.registry.inventory.find(kind, name):
            return name, None
        preset = self.catalog.preset(name)
        return (preset.plugin, preset) if preset else (name, None)

    def _load(self, kind: Kind[T], name: str, plugin: str, distribution: str | None) -> T:
        try:
            return self.registry.load(kind, plugin, distribution=distribution)
        except PluginNotFoundError as error:
            if name == plugin and first_party_distribution(kind, plugin) is None:
                error.hint = error.hint or did_you_mean(name, {*self.list_names(kind)} - {name})
                if error.hint is None and name in self.settings.instance_names(kind.section):
                    section = f"[{kind.section}.{name}]"
                    error.hint = f'Install the plugin of {section}, or choose another: plugin = "…".'
                if error.hint is None and kind.group == PROVIDER.group:
                    names = join_names(self.list_names(kind))
                    error.hint = f'Models are named "provider/model". Available providers: {names}.'
            if error.hint is None:
                error.hint = f"Install a plugin that provides the {kind.label} {name!r}, or check the name."
            raise

    def _find_stored_keys(
        self, spec: ProviderSpec[Any], source: PluginSource, name: str, variables: Mapping[str, tuple[str, ...]]
    ) -> StoredCredentials | None:
        """Return the keys that the user has stored for an instance; None if there are none."""
        if self.settings.key_folder is None or "api_key" not in settings_model(spec, source).model_fields:
            return None
        from budwood.credential_store import StoredCredentials, StoredKeys, key_variables  # only without another key

        if self._stored_keys is None:
            self._stored_keys = StoredKeys(self.settings.key_folder)
        names = key_variables(name, variables.get("api_key", ()))
        keys = self._stored_keys.keys_of(name)
        if not keys:
            return None
        values = self._stored_keys.settings_of(name, names)
        folder_source = self._find_folder_source(name, variables)
        return StoredCredentials(values, keys, names, folder_source, self.settings.folder_sources)

    def _find_folder_source(
        self, name: str, variables: Mapping[str, tuple[str, ...]], explicit: Container[str] = ()
    ) -> str | None:
        from budwood.credential_store import TARGET_FIELDS

        fields = [field for field in TARGET_FIELDS if field not in explicit]
        for source in self.settings.folder_sources:
            section = source.tree.get(PROVIDER.section, {}).get(name, {})
            address = vendor_values(source.variables, {field: variables.get(field, ()) for field in fields})
            if address or any(field in section for field in fields):
                return source.name
        return None

    def _vendor_variables(
        self, spec: Spec[Any, Any], name: str, plugin: str, preset: Preset | None
    ) -> Mapping[str, tuple[str, ...]]:
        """
        Return the vendor's environment variables if the instance has the vendor's name, otherwise none.

        Other instances of the plugin may connect to third-party servers, which must not receive the vendor's key.
        """
        if preset is not None:
            return preset.environment
        return spec.environment if isinstance(spec, ProviderSpec) and name == plugin else {}

    def _make_facts_lookup(
        self, name: str, plugin: str, spec: Spec[Any, Any], preset: Preset | None
    ) -> Callable[[str], ModelFacts] | None:
        if not isinstance(spec, ProviderSpec):
            return None
        vendor = name if preset else plugin
        if not self.catalog.has_facts(vendor, *spec.catalog_of):
            return None
        return functools.partial(self.catalog.facts, name, plugin, fallbacks=spec.catalog_of, vendor=vendor)

    def _make_context(self, kind: Kind[Any], name: str, plugin: str, spec: Spec[Any, Any]) -> PluginContext:
        fallbacks = spec.catalog_of if isinstance(spec, ProviderSpec) else ()

        @functools.lru_cache(_CACHED_MODELS)
        def rules(model: str, *, family: str | None = None) -> ModelRules:
            known = self.catalog.rules(name, plugin, family or model, fallbacks=fallbacks)
            return self.learned_rules.apply_to(known, name, model)

        self.learned_rules.on_change(rules.cache_clear)
        return PluginContext(
            instance=name,
            rules=rules,
            log=functools.partial(logs.emit, instance=name),
            clock=self._clock,
            cache_folder=user_folder("cache") / kind.section / plugin,
            data_folder=user_folder("data") / kind.section / plugin,
        )


def _exclusive_keys(spec: Spec[Any, Any]) -> Exclusive:
    """Return the groups of mutually exclusive keys: those of the spec, in which ``keys`` are several of ``api_key``."""
    if not isinstance(spec, ProviderSpec):
        return ()
    if "api_key" not in spec.exclusive:
        return spec.exclusive, SINGLE_OR_SEVERAL
    place = spec.exclusive.index("api_key")
    return ((*spec.exclusive[:place], *SINGLE_OR_SEVERAL, *spec.exclusive[place + 1 :]),)


def _describe_setting(section: str, name: str, key: str, variables: Mapping[str, tuple[str, ...]]) -> str:
    variable = f"BUDWOOD_{section.upper()}__{name.upper().replace('-', '_')}__{key.upper()}"
    return f"Set it in [{section}.{name}] of budwood.toml, or in {' or '.join((*variables.get(key, ()), variable))}."
