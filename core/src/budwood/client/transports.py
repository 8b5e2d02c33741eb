"""Choose the transport of a client: by name, or an object that the user passes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from budwood import logs
from budwood.contracts import AsyncTransport, Transport, Transports
from budwood.errors import ConfigurationError, PluginError, PluginNotFoundError, UnsupportedError
from budwood.hooks import TRANSPORT
from budwood.names import normalise
from budwood.plugins import Instance, Instances, faults
from budwood.plugins.faults import PluginSource
from budwood.wire.proxies import Proxies

if TYPE_CHECKING:
    from budwood.wire.transport_settings import TransportSettings

_AUTO: Final = "auto"
_DEFAULT: Final = "default"

_FASTER: Final = {"httptools": frozenset[str](), "aiohttp": frozenset({"http", "https"})}
"""
The transports that ``"auto"`` prefers for async I/O if they are installed, with the schemes of proxies that each
supports. For blocking I/O none is faster than the default.
"""


def resolve_name(instances: Instances, transport: object) -> str | None:
    """
    Return the name of a client's transport; None if ``transport`` is an object and not a name.

    Raises:
        PluginError: No transport has that name, or it cannot be used.
        ConfigurationError: Its settings are invalid.
    """
    if transport is not None and not isinstance(transport, str):
        return None
    name = normalise(transport or instances.settings.transport or _AUTO)
    if name == _AUTO:
        return name
    try:  # report a mistake when the client is created, not at the first request
        instances.build(TRANSPORT, name)
    except PluginNotFoundError as error:
        if name == "httpx":
            error.hint = (
                "Pass a client of httpx: transport=httpx.Client(), or httpx.AsyncClient() to AsyncClient. "
                'The transport that needs no other package is "default".'
            )
        raise
    return name


def create_blocking(instances: Instances, name: str) -> tuple[Transport, PluginSource]:
    """
    Create a named transport with blocking I/O, and return it with the plugin that it comes from.

    Raises:
        PluginError: No transport has that name, or it cannot be used.
        UnsupportedError: It has async I/O only.
    """
    instance = instances.build(TRANSPORT, _DEFAULT if name == _AUTO else name)
    with faults.call_boundary(instance.source, "blocking"):
        return cast("Transports", instance.implementation).blocking(), instance.source


def create_async(instances: Instances, name: str) -> tuple[AsyncTransport, PluginSource]:
    """
    Create a named transport with async I/O, and return it with the plugin that it comes from.

    With ``"auto"`` a transport that fails to load is skipped with a warning, unless it is explicitly configured.

    Raises:
        PluginError: No transport has that name, or it cannot be used.
        UnsupportedError: It has blocking I/O only, or cannot do what its settings ask for.
    """
    if name != _AUTO:
        return _create_async(instances.build(TRANSPORT, name))
    for faster, proxy_schemes in _FASTER.items():
        if _is_preferred(instances, faster):
            is_configured = faster in instances.settings.instance_names(TRANSPORT.section)
            try:
                instance = instances.build(TRANSPORT, faster)
                if is_configured or _proxy_schemes(instance) <= proxy_schemes:
                    return _create_async(instance)
            except (UnsupportedError, PluginError) as error:
                if is_configured:
                    raise  # another transport would ignore its section, and a proxy in it
                expected = isinstance(error, UnsupportedError)
                logs.emit(
                    "transport skipped",
                    level="debug" if expected else "warning",
                    transport=faster,
                    reason=str(error),
                )
    return _create_async(instances.build(TRANSPORT, _DEFAULT))


def _is_preferred(instances: Instances, name: str) -> bool:
    """Tell whether a transport is installed and, if the settings configure transports, is one of those."""
    configured = {_DEFAULT, *_FASTER}.intersection(instances.settings.instance_names(TRANSPORT.section))
    return bool(instances.registry.inventory.find(TRANSPORT, name)) and (not configured or name in configured)


def _proxy_schemes(instance: Instance[Any]) -> frozenset[str]:
    """Return the schemes of the proxies that requests of a transport may have to go through."""
    return Proxies(cast("TransportSettings", instance.settings)).schemes()


def _create_async(instance: Instance[Any]) -> tuple[AsyncTransport, PluginSource]:
    with faults.call_boundary(instance.source, "asynchronous"):
        return cast("Transports", instance.implementation).asynchronous(), instance.source


def wrap_blocking(transport: object, monotonic: Callable[[], float]) -> Transport:
    """
    Return the transport for an object that the user passed: a transport with blocking I/O, or an `httpx.Client`.

    Raises:
        ConfigurationError: It is neither.
    """
    httpx = sys.modules.get("httpx")  # to have a client of it, the program must have imported it
    if httpx is not None and isinstance(transport, httpx.Client):
        from budwood.transports.httpx_client import HTTPXTransport

        return HTTPXTransport(transport, monotonic=monotonic)
    is_async = httpx is not None and isinstance(transport, httpx.AsyncClient)
    _check(transport, "Client", "httpx.Client", is_other_kind=is_async)
    return cast("Transport", transport)


def wrap_async(transport: object, monotonic: Callable[[], float]) -> AsyncTransport:
    """
    Return the transport for an object that the user passed: a transport with async I/O, or an `httpx.AsyncClient`.

    Raises:
        ConfigurationError: It is neither.
    """
    httpx = sys.modules.get("httpx")
    if httpx is not None and isinstance(transport, httpx.AsyncClient):
        from budwood.transports.httpx_client import AsyncHTTPXTransport

        return AsyncHTTPXTransport(transport, monotonic=monotonic)
    is_blocking = httpx is not None and isinstance(transport, httpx.Client)
    _check(transport, "AsyncClient", "httpx.AsyncClient", is_other_kind=is_blocking)
    return cast("AsyncTransport", transport)


def _check(transport: object, client: str, httpx_client: str, *, is_other_kind: bool) -> None:
    if is_other_kind or not callable(getattr(transport, "open", None)):
        raise ConfigurationError(
            f"transport= is a {type(transport).__name__}, and {client} cannot use it.",
            hint=f'Pass the name of a transport, such as "auto", an {httpx_client}, or an object with the methods of a '
            "transport.",
        )
