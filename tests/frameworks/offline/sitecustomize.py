"""Python imports it at its start: the program can reach only this machine, and says on stderr what else it tried."""

import sys

LOOPBACK = ("127.0.0.1", "::1", "localhost", "", None)


def reject_network(event, arguments):
    """
    Raise an error for a name or an address of another machine.
    """
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in LOOPBACK:
        sys.stderr.write(f"network: {host}\n")
        raise OSError(f"no connection to {host}: only loopback is allowed")


sys.addaudithook(reject_network)
