"""Which transport carries a client's calls."""

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
    from budwood.wire.connecting import TransportSettings

_AUTO: Final = "auto"
_DEFAULT: Final = "default"

_FASTER: Final = {"httptools": frozenset[str](), "aiohttp": frozenset({"http", "https"})}
"""
The transports that ``"auto"`` prefers for async I/O if they are installed, with the schemes of proxies that each
supports. For blocking I/O none is faster than the default.
"""


def blocking_transport(instances: Instances, name: str) -> tuple[Transport, PluginSource]:
    """
    Make the transport of a name, with blocking I/O, and say which plugin it comes from.

    Raises:
        PluginError: There is none, or it cannot be used.
        UnsupportedError: It has async I/O only.
    """
    instance = instances.build(TRANSPORT, _DEFAULT if name == _AUTO else name)
    with faults.calling(instance.source, "blocking"):
        return cast("Transports", instance.implementation).blocking(), instance.source


def async_transport(instances: Instances, name: str) -> tuple[AsyncTransport, PluginSource]:
    """
    Make the transport of a name, with async I/O, and say which plugin it comes from.

    With ``"auto"`` a transport that fails to load is skipped with a warning, unless it is explicitly configured.

    Raises:
        PluginError: There is none, or it cannot be used.
        UnsupportedError: It has blocking I/O only, or cannot do what the settings want.
    """
    if name != _AUTO:
        return _create_async(instances.build(TRANSPORT, name))
    for faster, proxy_schemes in _FASTER.items():
        if _is_preferred(instances, faster):
            is_configured = faster in instances.settings.names(TRANSPORT.section)
            try:
                instance = instances.build(TRANSPORT, faster)
                if is_configured or _proxy_schemes(instance) <= proxy_schemes:
                    return _create_async(instance)
            except (UnsupportedError, PluginError) as error:
                if is_configured:
                    raise  # what its settings say, such as a proxy, another transport would not know
                expected = isinstance(error, UnsupportedError)
                logs.emit(
                    "transport skipped",
                    level="debug" if expected else "warning",
                    transport=faster,
                    reason=str(error),
                )
    return _create_async(instances.build(TRANSPORT, _DEFAULT))


def _is_preferred(instances: Instances, name: str) -> bool:
    """Tell whether a transport is there; where the user has set some up, whether it is one of them."""
    configured = {_DEFAULT, *_FASTER}.intersection(instances.settings.names(TRANSPORT.section))
    return bool(instances.registry.inventory.find(TRANSPORT, name)) and (not configured or name in configured)


def _proxy_schemes(instance: Instance[Any]) -> frozenset[str]:
    """Return the schemes of the proxies that requests of a transport may have to go through."""
    return Proxies(cast("TransportSettings", instance.settings)).schemes()


def _create_async(instance: Instance[Any]) -> tuple[AsyncTransport, PluginSource]:
    with faults.calling(instance.source, "asynchronous"):
        return cast("Transports", instance.implementation).asynchronous(), instance.source


def name_of(instances: Instances, given: object) -> str | None:
    """
    Return the name of the transport that is wanted; None where one was brought.

    Raises:
        PluginError: No transport has that name, or it cannot be used.
        ConfigurationError: Its settings are wrong.
    """
    if given is not None and not isinstance(given, str):
        return None
    name = normalise(given or instances.settings.transport or _AUTO)
    if name != _AUTO:  # a mistake is said when the client is made, not when it first asks
        try:
            instances.build(TRANSPORT, name)
        except PluginNotFoundError as error:
            if name == "httpx":
                error.hint = (
                    "Pass a client of httpx: transport=httpx.Client(), or httpx.AsyncClient() to AsyncClient. "
                    'The transport that needs no other package is "default".'
                )
            raise
    return name


def brought(given: object, monotonic: Callable[[], float]) -> Transport:
    """
    Take a transport, or a client of httpx, that the user brought for blocking I/O.

    Raises:
        ConfigurationError: It is neither.
    """
    httpx = sys.modules.get("httpx")  # who brings a client of it has imported it
    if httpx is not None and isinstance(given, httpx.Client):
        from budwood.transports.httpx_client import HTTPXTransport

        return HTTPXTransport(given, monotonic=monotonic)
    _check(given, "Client", "httpx.Client", is_other=httpx is not None and isinstance(given, httpx.AsyncClient))
    return cast("Transport", given)


def brought_async(given: object, monotonic: Callable[[], float]) -> AsyncTransport:
    """
    Take a transport, or a client of httpx, that the user brought for async I/O.

    Raises:
        ConfigurationError: It is neither.
    """
    httpx = sys.modules.get("httpx")
    if httpx is not None and isinstance(given, httpx.AsyncClient):
        from budwood.transports.httpx_client import AsyncHTTPXTransport

        return AsyncHTTPXTransport(given, monotonic=monotonic)
    _check(given, "AsyncClient", "httpx.AsyncClient", is_other=httpx is not None and isinstance(given, httpx.Client))
    return cast("AsyncTransport", given)


def _check(given: object, ours: str, wanted: str, *, is_other: bool) -> None:
    if is_other or not callable(getattr(given, "open", None)):
        raise ConfigurationError(
            f"transport= is a {type(given).__name__}, and {ours} cannot use it.",
            hint=f'Give the name of a transport, as "auto", or an {wanted}, or an object that satisfies the Protocol.',
        )
