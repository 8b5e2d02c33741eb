"""The settings of connections, which are the same for every transport."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TransportSettings(BaseModel):
    """
    Settings of a transport.

    Attributes:
        proxy: The URL of a proxy for all requests, such as ``http://user:password@host:port``; also ``https``, and
            ``socks5`` if the transport supports it. By default, the environment variables ``HTTPS_PROXY``,
            ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` apply.
        trust_env: Whether proxies and certificates are read from the environment.
        ca_file: Certificates of the authorities to trust, in PEM form, instead of ``SSL_CERT_FILE``,
            ``SSL_CERT_DIR`` or certifi's.
        client_certificate: A client certificate in PEM form, which includes its key if ``client_key`` is unset.
        client_key: The key of ``client_certificate``.
        verify: Whether the server's certificate is checked. If False, anyone on the network can read and change all
            data.
        http2: Whether to offer HTTP/2, if the transport supports it.
        max_connections: The most requests in flight; further ones wait.
        max_idle_connections: The most idle connections to reuse.
        keepalive_expiry: Seconds for which an idle connection is reused. Many servers close theirs after 60 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    proxy: SecretStr | None = None
    trust_env: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    verify: bool = True
    http2: bool = False
    max_connections: Annotated[int, Field(ge=1)] = 10_000
    max_idle_connections: Annotated[int, Field(ge=0)] = 1000
    keepalive_expiry: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
