"""Load plugins by name, each once, and report the exact cause if that fails."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Collection, Iterable
from importlib.metadata import distribution
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from budwood import hooks
from budwood.errors import (
    PluginConflictError,
    PluginDisabledError,
    PluginError,
    PluginIncompatibleError,
    PluginInvalidError,
    PluginLoadError,
    PluginNotFoundError,
)
from budwood.hooks import API_VERSION, Kind, Spec
from budwood.names import did_you_mean, join_names, normalise
from budwood.plugins import faults
from budwood.plugins.discovery import InstalledPlugin, Inventory, take_inventory
from budwood.plugins.first_party import first_party_distribution, first_party_names, install_hint
from budwood.plugins.metadata import read_metadata, satisfies

S = TypeVar("S", bound=Spec[Any, Any])


class Registry:
    """
    The plugins of this process. Safe to use from several threads.

    Args:
        disabled: Names of plugins or distributions that are never imported.
        inventory: The installed plugins; by default read from metadata at the first look-up.
    """

    def __init__(self, disabled: Collection[str] = (), inventory: Inventory | None = None) -> None:
        self._disabled = frozenset(normalise(name) for name in disabled)
        self._known = inventory
        self._lock = threading.RLock()
        self._outcomes: dict[tuple[str, str, str], Spec[Any, Any] | PluginError] = {}
        self._manager = pluggy.PluginManager("budwood")
        self._manager.add_hookspecs(hooks)

    @property
    def inventory(self) -> Inventory:
        """The installed plugins."""
        if self._known is None:
            with self._lock:
                return self._take_inventory()
        return self._known

    def _take_inventory(self) -> Inventory:
        if self._known is None:
            self._known = take_inventory()
        return self._known

    def load(self, kind: Kind[S], name: str, *, distribution: str | None = None) -> S:
        """
        Return the spec of a plugin; import its module at the first call.

        Args:
            kind: The kind of plugin, such as `budwood.hooks.PROVIDER`.
            name: The name as users type it.
            distribution: The distribution to use, if several provide the name.

        Raises:
            PluginError: The plugin does not exist or cannot be used. Later calls raise the same error again.
        """
        plugin = self.find(kind, name, distribution=distribution)
        key = kind.group, normalise(name), plugin.distribution
        with self._lock:
            if key not in self._outcomes:
                self._outcomes[key] = self._attempt(plugin)
            outcome = self._outcomes[key]
        if isinstance(outcome, PluginError):
            raise outcome.with_traceback(None)  # the traceback would grow with every call
        if not isinstance(outcome, kind.spec):  # pragma: no cover - `_select` checks it
            raise TypeError(f"{name}: {type(outcome).__name__} instead of {kind.spec.__name__}")
        return outcome

    def find(self, kind: Kind[Any], name: str, *, distribution: str | None = None) -> InstalledPlugin:
        """
        Find a plugin in the metadata. Nothing is imported.

        Raises:
            PluginError: It is not installed, it is disabled, or several distributions provide it.
        """
        claims = self.inventory.find(kind, name)
        if distribution is not None:
            claims = tuple(plugin for plugin in claims if normalise(plugin.distribution) == normalise(distribution))
        if not claims:
            raise self._not_found(kind, name, distribution)
        usable = self._usable(claims)
        if not usable:
            raise PluginDisabledError(
                f"The {kind.label} {name!r} of {claims[0].label} is disabled.",
                hint="Remove it from `disabled` in [plugins] of the settings, or from BUDWOOD_PLUGINS_DISABLED.",
            )
        if len(usable) > 1:
            raise conflict(kind, name, usable)
        return usable[0]

    def is_disabled(self, plugin: InstalledPlugin) -> bool:
        """Tell whether the settings disable the plugin, by its name or that of its distribution."""
        return bool(self._disabled & {normalise(plugin.name), normalise(plugin.distribution)})

    def claims(self, kind: Kind[Any], name: str) -> list[InstalledPlugin]:
        """List the plugins with a name that are not disabled."""
        return self._usable(self.inventory.find(kind, name))

    def _usable(self, claims: Iterable[InstalledPlugin]) -> list[InstalledPlugin]:
        return [plugin for plugin in claims if not self.is_disabled(plugin)]

    def _not_found(self, kind: Kind[Any], name: str, distribution: str | None) -> PluginNotFoundError:
        installed = self.inventory.names(kind)
        message = f"No {kind.label} {name!r} is installed"
        if distribution is not None:
            return PluginNotFoundError(
                f"{message} by the distribution {distribution!r}, which the settings require.",
                hint=f"Install {distribution}, or remove `distribution` from [{kind.section}.{name}].",
            )
        if (own := first_party_distribution(kind, name)) is not None:
            return PluginNotFoundError(f"{message}.", hint=install_hint(own))
        near = did_you_mean(normalise(name), [*installed, *first_party_names(kind)])
        return PluginNotFoundError(f"{message}; installed: {join_names(installed)}.", hint=near)

    def _attempt(self, plugin: InstalledPlugin) -> Spec[Any, Any] | PluginError:
        incompatible = incompatibility(plugin)
        if incompatible is not None:
            return incompatible
        try:
            return self._spec_of(plugin, _import(plugin))
        except PluginError as error:
            return error

    def _spec_of(self, plugin: InstalledPlugin, module: ModuleType) -> Spec[Any, Any]:
        """Register the module with pluggy, once, and return the spec; unregister the module if that fails."""
        known = self._manager.is_registered(module)
        try:
            return _select(plugin, self._describe(plugin, module))
        except PluginError:
            if not known and self._manager.is_registered(module):
                self._manager.unregister(module)
            raise

    def _describe(self, plugin: InstalledPlugin, module: ModuleType) -> list[object]:
        """Return the specs of the plugin's kind that the module provides."""
        hook = plugin.kind.hook
        with faults.call_boundary(plugin.source, hook):
            self._register(plugin, module)
            others = [other for other in self._manager.get_plugins() if other is not module]
            results: list[object] = self._manager.subset_hook_caller(hook, remove_plugins=others)()
            return [spec for result in results for spec in _specs_in(result, plugin)]

    def _register(self, plugin: InstalledPlugin, module: ModuleType) -> None:
        if self._manager.is_registered(module):
            return
        try:
            self._manager.register(module)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginInvalidError(
                f"The {plugin.kind.label} {plugin.name!r} of {plugin.label} does not follow the plugin API: {error}",
                hint=f"Its module {plugin.module} must have a function {plugin.kind.hook}() marked with "
                "budwood.hooks.hookimpl.",
            ) from error


def conflict(kind: Kind[Any], name: str, claims: Iterable[InstalledPlugin]) -> PluginConflictError:
    """Return the error for a name that several distributions provide."""
    return PluginConflictError(
        f"The {kind.label} {name!r} is provided by {' and by '.join(sorted(plugin.label for plugin in claims))}.",
        hint=f'Uninstall all but one, or choose one in budwood.toml: [{kind.section}.{name}] distribution = "…".',
    )


def incompatibility(plugin: InstalledPlugin) -> PluginIncompatibleError | None:
    """Return the error of a plugin whose metadata require another version of Budwood, or None. Nothing is imported."""
    running = read_metadata(distribution("budwood")).version
    required = plugin.core_requirement
    if required is None or satisfies(running, required):
        return None
    return PluginIncompatibleError(
        f"The {plugin.kind.label} {plugin.name!r} of {plugin.label} requires budwood {required}; "
        f"installed is {running}.",
        hint=f"pip install --upgrade budwood {plugin.distribution}",
    )


def _import(plugin: InstalledPlugin) -> ModuleType:
    """Import the module; convert whatever it raises, even `SystemExit`, to an error of this plugin."""
    try:
        return importlib.import_module(plugin.module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginLoadError(
            f"The {plugin.kind.label} {plugin.name!r} of {plugin.label} cannot be imported: "
            f"{plugin.module} raised {type(error).__name__}: {_text_of(error)}",
            hint=f"Run pip install --upgrade --force-reinstall {plugin.distribution}. If that does not help, report it "
            f"to the authors of {plugin.distribution}.",
        ) from error


def _specs_in(result: object, plugin: InstalledPlugin) -> Iterable[object]:
    if isinstance(result, Iterable):
        return result
    raise PluginInvalidError(
        f"The {plugin.kind.label} {plugin.name!r} of {plugin.label} returned a {type(result).__name__} from "
        f"{plugin.kind.hook}().",
        hint=f"Return a list of {plugin.kind.spec.__name__}.",
    )


def _select(plugin: InstalledPlugin, specs: list[object]) -> Spec[Any, Any]:
    """Return the spec with the name of the entry point, from those that the hook returned."""
    where = f"The {plugin.kind.label} {plugin.name!r} of {plugin.label}"
    for spec in specs:
        if not isinstance(spec, plugin.kind.spec):
            raise PluginInvalidError(
                f"{where} returned a {type(spec).__name__} from {plugin.kind.hook}(); "
                f"expected {plugin.kind.spec.__name__}."
            )
        if not _is_well_formed(spec):
            raise PluginInvalidError(
                f"{where} has an invalid spec. The name must be a text, got {spec.name!r}; requires_api must be a pair "
                f"of numbers such as (1, 0), got {spec.requires_api!r}."
            )
    named = {normalise(spec.name): spec for spec in specs if isinstance(spec, Spec)}
    selected = named.get(normalise(plugin.name))
    if selected is None:
        raise PluginInvalidError(
            f"{where} has no spec with the name of its entry point. The names of its specs: {join_names(named)}."
        )
    if not _is_api_compatible(selected.requires_api):
        raise PluginIncompatibleError(
            f"{where} requires plugin API {_format_version(selected.requires_api)}; "
            f"installed is {_format_version(API_VERSION)}.",
            hint=f"pip install --upgrade budwood {plugin.distribution}",
        )
    _check_patterns(plugin, selected)
    return selected


def _check_patterns(plugin: InstalledPlugin, spec: Spec[Any, Any]) -> None:
    """Check that entry point and spec declare the same media types or models."""
    field = plugin.kind.patterns
    declared = tuple(getattr(spec, field)) if field else ()
    if {str(pattern).lower() for pattern in declared} != set(plugin.patterns):
        line = " ".join((plugin.name, *map(str, declared)))
        raise PluginInvalidError(
            f"The {plugin.kind.label} {plugin.name!r} of {plugin.label} declares {field} "
            f"{join_names(map(str, declared))} in its spec, but {join_names(plugin.patterns)} in its entry point.",
            hint=f'Change the entry point to "{line}" = "{plugin.module}".',
        )


def _is_well_formed(spec: Spec[Any, Any]) -> bool:
    """Check the types of the fields, for authors who use no type checker."""
    name: object = spec.name
    api: object = spec.requires_api
    return isinstance(name, str) and isinstance(api, tuple) and [type(part) for part in api] == [int, int]


def _is_api_compatible(required: tuple[int, int]) -> bool:
    return required[0] == API_VERSION[0] and required[1] <= API_VERSION[1]


def _format_version(api: tuple[int, int]) -> str:
    return f"{api[0]}.{api[1]}"


def _text_of(error: BaseException) -> str:
    return str(error) or type(error).__name__
