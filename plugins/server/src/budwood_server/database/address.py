"""The address of the database, with and without its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from budwood.errors import ConfigurationError

SQLITE: Final = frozenset({"sqlite", "sqlite+aiosqlite"})
POSTGRESQL: Final = frozenset({"postgresql", "postgresql+asyncpg", "postgres"})
_SECRET_OPTIONS: Final = ("password", "sslpassword")
_EXAMPLE: Final = (
    'Set `database` in [server] to "sqlite:///server.sqlite3", or to "postgresql://user:password@host:5432/database".'
)


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where the database is.

    Attributes:
        label: The address for messages: the path of the file, or the URL without user, password and options.
        dsn: The URL for asyncpg; None for SQLite.
        path: The file of SQLite; None for PostgreSQL, and for a database in memory.
        secrets: Texts that must not appear in messages.
    """

    label: str
    dsn: str | None = field(default=None, repr=False)
    path: Path | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a database of PostgreSQL."""
        return self.dsn is not None

    def redact(self, text: str) -> str:
        """Replace secrets in a message of the driver."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def parse_address(text: str) -> Address:
    """
    Parse a URL: ``sqlite:///PATH``, ``sqlite://`` for a database in memory, ``postgresql://…`` or ``postgres://…``.

    Raises:
        ConfigurationError: It is not the URL of a supported database.
    """
    scheme, separator, rest = text.partition("://")
    is_sqlite = scheme.lower() in SQLITE
    url = _parse_url(f"{'sqlite' if is_sqlite else 'postgresql'}://{rest}")
    if not separator or url is None or not (is_sqlite or scheme.lower() in POSTGRESQL):
        raise ConfigurationError("The address of the database is not valid.", hint=_EXAMPLE)
    return _sqlite_address(url) if is_sqlite else _postgresql_address(url, f"postgresql://{rest}")


def _parse_url(text: str) -> URL | None:
    """Return the parsed URL. None instead of an error, which may quote the password."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def _sqlite_address(url: URL) -> Address:
    if url.host or url.query or (url.database or "").startswith("file:"):
        raise ConfigurationError(
            "The address of the database does not name a file of SQLite.",
            hint="Write sqlite:/// and a path, without options: sqlite:///server.sqlite3, or sqlite:////data/server.sqlite3.",
        )
    if not url.database or url.database == ":memory:":
        return Address("the database in memory")
    path = Path(url.database).expanduser().absolute()
    return Address(str(path), path=path)


def _postgresql_address(url: URL, dsn: str) -> Address:
    if not url.database:
        raise ConfigurationError("The address of the database names no database.", hint=_EXAMPLE)
    options = [url.query.get(name) for name in _SECRET_OPTIONS]
    texts = [text for option in options for text in ((option,) if isinstance(option, str) else option or ())]
    secrets = {form for secret in (url.password, *texts) if secret for form in (secret, unquote(secret))}
    if url.password:
        secrets.add(dsn.partition("://")[2].rpartition("@")[0].partition(":")[2])  # as it is written in the URL
    host = "" if url.host is None else f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port is None else f":{url.port}"
    return Address(
        f"postgresql://{host}{port}/{url.database}", dsn, secrets=tuple(sorted(secrets, key=len, reverse=True))
    )
