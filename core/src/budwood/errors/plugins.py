"""Errors of plugins."""

from __future__ import annotations

from budwood.errors.base import BudwoodError


class PluginError(BudwoodError):
    """A plugin cannot be used."""


class PluginNotFoundError(PluginError):
    """No installed distribution provides a plugin with that name."""


class PluginConflictError(PluginError):
    """Several distributions provide a plugin with the same name, and the settings do not choose one."""


class PluginLoadError(PluginError):
    """Importing the plugin's module raised an error."""


class PluginInvalidError(PluginError):
    """The plugin was imported, but does not follow the plugin API."""


class PluginIncompatibleError(PluginError):
    """The plugin requires another version of Budwood or of its plugin API."""


class PluginDisabledError(PluginError):
    """The plugin is installed, but disabled by the settings or by ``BUDWOOD_PLUGINS_DISABLED``."""


class PluginFaultError(PluginError):
    """
    A method of the plugin raised an unexpected error. This is a fault in the plugin.

    Attributes:
        plugin: The plugin's name.
        distribution: The distribution that contains it, and its ``version``; empty if unknown.
        method: The method that raised: ``encode``.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str,
        method: str,
        distribution: str = "",
        version: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin
        self.distribution = distribution
        self.version = version
        self.method = method
