"""How connections are made, in settings that are the same for every transport."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TransportSettings(BaseModel):
    """
    Settings of a transport.

    Attributes:
        proxy: The address of a proxy for all calls, as in ``http://user:password@host:port``; also ``https``,
            and ``socks5`` where the transport can. By default the environment says: ``HTTPS_PROXY``, ``HTTP_PROXY``,
            ``ALL_PROXY`` and ``NO_PROXY``.
        trust_env: Whether the environment is asked for proxies and certificates.
        ca_file: Certificates of the authorities to trust, in PEM form, instead of ``SSL_CERT_FILE``,
            ``SSL_CERT_DIR`` or certifi's.
        client_certificate: A certificate in PEM form that proves who we are, and its key where ``client_key`` is unset.
        client_key: The key of ``client_certificate``.
        verify: Whether the server's certificate is checked. False lets anyone between read and change everything.
        http2: Whether HTTP/2 is offered, by a transport that can.
        max_connections: So many requests are under way at once; further ones wait.
        max_idle_connections: So many connections are kept for later.
        keepalive_expiry: Seconds that an idle connection is kept. Servers close theirs after 60 s or so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    proxy: SecretStr | None = None
    trust_env: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    verify: bool = True
    http2: bool = False
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_idle_connections: Annotated[int, Field(ge=0)] = 1000
    keepalive_expiry: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
