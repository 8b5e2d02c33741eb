"""The sockets on which the server listens, which the parent opens once."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack
from typing import Final

from budwood.errors import ConfigurationError

BACKLOG: Final = 2048
"""The number of connections that wait until a worker accepts them."""


class AddressError(ConfigurationError):
    """The server cannot listen on its address."""


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """
    Listen on every address of a host, all with one port.

    Args:
        host: A name or an address, such as ``"127.0.0.1"``, ``"0.0.0.0"`` or ``"::"``.
        port: The port; 0 for any free one.

    Raises:
        AddressError: The port is in use or reserved, or the host has no address on this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise AddressError(f"The host {host!r} has no address.", hint="Correct --host, or host in [server].") from None
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        missing: OSError | None = None
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            chosen = port or (sockets[0].getsockname()[1] if sockets else 0)
            try:
                sockets.append(opened.enter_context(_listen(family, (address[0], chosen, *address[2:]))))
            except OSError as error:
                missing = error
                if error.errno != errno.EADDRNOTAVAIL:
                    break
        else:
            if sockets:
                opened.pop_all()
                return sockets
    raise _describe(missing or OSError(errno.EADDRNOTAVAIL, "there is no address"), host, port) from None


def _listen(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - a method of the standard library
    except OSError:
        listener.close()
        raise
    return listener


def _describe(error: OSError, host: str, port: int) -> AddressError:
    if error.errno == errno.EADDRINUSE:
        return AddressError(
            f"Port {port} of {host} is in use.",
            hint="Stop the program that uses it, or choose another one with --port; 0 is any free port.",
        )
    if error.errno == errno.EACCES:
        return AddressError(f"Port {port} is reserved.", hint="Choose one above 1023 with --port.")
    return AddressError(
        f"Cannot listen on {host}, port {port}: {error.strerror}.",
        hint="Choose an address of this machine with --host.",
    )


def format_address(listener: socket.socket) -> str:
    """Return the URL of a socket, as clients on this machine use it."""
    host, port = listener.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 - what the user chose
    return f"http://{local or (f'[{host}]' if ':' in host else host)}:{port}"
