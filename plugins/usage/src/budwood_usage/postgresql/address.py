"""The address of the database, with and without its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from budwood.errors import ConfigurationError

_SECRET_OPTIONS: Final = ("password", "sslpassword", "oauth_client_secret")
_EXAMPLE: Final = 'Set it to an address such as "postgresql://user@host:5432/database".'


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where the database is.

    Attributes:
        url: The URL for SQLAlchemy.
        label: The address for messages, without user, password and options.
        secrets: Texts that must not appear in messages.
    """

    url: URL = field(repr=False)
    label: str
    secrets: tuple[str, ...] = field(repr=False)

    def redact(self, text: str) -> str:
        """Replace secrets in a message of the driver."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def parse_address(text: str, password: str | None, where: str) -> Address:
    """
    Parse a URL.

    Args:
        text: The URL.
        password: The password, if the URL has none.
        where: The name of the setting, for errors.

    Raises:
        ConfigurationError: It is not the URL of a database of PostgreSQL.
    """
    _, _, rest = text.partition("://")
    try:
        url = make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        url = None
    if url is None:  # not raised inside the handler: the error may quote the URL
        raise ConfigurationError(f"{where}: it is not a valid URL of a database.", hint=_EXAMPLE)
    if not url.database:
        raise ConfigurationError(f"{where}: it names no database.", hint=_EXAMPLE)
    if url.password is None:
        url = url.set(password=password)
    options = [url.query.get(name) for name in _SECRET_OPTIONS]
    texts = [text for option in options for text in ((option,) if isinstance(option, str) else option or ())]
    host = "" if url.host is None else f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port is None else f":{url.port}"
    return Address(url, f"postgresql://{host}{port}/{url.database}", tuple(filter(None, (url.password, *texts))))
