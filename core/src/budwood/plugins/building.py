"""Call `Spec.settings` and `Spec.build` of a plugin, and check what they return."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from budwood.contracts import PluginContext, Provider, RemoteProvider
from budwood.errors import PluginInvalidError, PluginLoadError
from budwood.hooks import PROVIDER, Kind, Spec
from budwood.plugins import faults
from budwood.plugins.faults import PluginSource
from budwood.types import Capability


def settings_model(spec: Spec[Any, Any], source: PluginSource) -> type[BaseModel]:
    """
    Return the model of a plugin's settings.

    Raises:
        PluginFaultError: `Spec.settings` raised.
        PluginInvalidError: It returned something else.
    """
    with faults.call_boundary(source, "settings"):
        model: object = spec.settings()
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        raise PluginInvalidError(
            f"Plugin {source.label} returned {model!r:.100} from settings(), which is not a Pydantic model.",
            hint=f"This is a fault in the plugin. Report it to {source.authors}.",
        )
    return model


def build_object(
    kind: Kind[Any], spec: Spec[Any, Any], settings: BaseModel, context: PluginContext, source: PluginSource
) -> object:
    """
    Build the implementation of a plugin.

    Raises:
        PluginLoadError: A library that the plugin requires is not installed.
        PluginFaultError: `Spec.build` raised an error that is not a `BudwoodError`.
        PluginInvalidError: The implementation lacks methods of the Protocol of its kind.
    """
    with faults.build_boundary(source, settings):
        try:
            built: object = spec.build(settings, context)
        except ImportError as error:
            raise PluginLoadError(
                f"Plugin {source.label} requires a library that is not installed: {error}.",
                hint=f"pip install {error.name or 'the library that its documentation names'}",
            ) from error
        _check_protocol(kind, built, source)
        return built


def _check_protocol(kind: Kind[Any], built: object, source: PluginSource) -> None:
    missing = [_missing_members(built, protocol) for protocol in kind.protocols]
    if all(missing):
        nearest: list[str] = min(missing, key=len)
        names = " nor ".join(protocol.__name__ for protocol in kind.protocols)
        verb = "implements neither" if len(kind.protocols) > 1 else "does not implement"
        raise PluginInvalidError(
            f"Plugin {source.label} returned a {type(built).__name__} from build(), which {verb} {names}. "
            f"Missing: {', '.join(nearest)}.",
            hint=f"This is a fault in the plugin. Report it to {source.authors}.",
        )
    if kind is PROVIDER and isinstance(built, RemoteProvider) and Capability.CHAT in built.capabilities:
        _check_chat(built, source)


def _check_chat(built: object, source: PluginSource) -> None:
    """Check that a remote provider with the capability chat implements `Provider`. Other providers need not."""
    if missing := _missing_members(built, Provider):
        raise PluginInvalidError(
            f"Plugin {source.label} returned a {type(built).__name__} from build(), which has the capability "
            f"chat, but does not implement Provider. Missing: {', '.join(missing)}.",
            hint=f"This is a fault in the plugin. Report it to {source.authors}.",
        )


def _missing_members(built: object, protocol: type) -> list[str]:
    """List the members of a Protocol that an object lacks."""
    members = {**vars(protocol), **protocol.__annotations__}
    return sorted(name for name in members if not name.startswith("_") and not hasattr(built, name))
