"""The address of the database, with and without its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from budwood.errors import ConfigurationError
from budwood_sql_storage.settings import SQLITE, SQLStorageSettings, check_table

_SECRET_OPTIONS: Final = ("password", "sslpassword", "oauth_client_secret")
_EXAMPLE: Final = 'Set it to a path such as "rows.sqlite", or to "postgresql://user@host:5432/database".'


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where the database is.

    Attributes:
        url: The URL for SQLAlchemy.
        label: The address for messages: the path of the file, or the URL without user, password and options.
        path: The file of SQLite; None for PostgreSQL.
        table: The name of the table of rows, from the settings or the fragment of the URL.
        secrets: Texts that must not appear in messages.
    """

    url: URL = field(repr=False)
    label: str
    path: Path | None = None
    table: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def redact(self, text: str) -> str:
        """Replace secrets in a message of the driver."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def parse_address(settings: SQLStorageSettings, instance: str) -> Address:
    """
    Parse the output.

    Raises:
        ConfigurationError: It is not a valid address.
    """
    where = f"[storages.{instance}] output"
    output = settings.output.get_secret_value()
    if "://" not in output:
        return _sqlite_address(URL.create("sqlite", database=output), settings.table, where)
    scheme, _, rest = output.partition("://")
    rest, fragment = _split_fragment(rest)
    table = settings.table or _check_fragment(fragment, where)
    is_sqlite = scheme.lower() in SQLITE
    try:
        url = make_url(f"{'sqlite' if is_sqlite else 'postgresql+psycopg'}://{rest}")
    except (ArgumentError, ValueError):
        url = None
    if url is None:  # not raised inside the handler: the error may quote the URL
        raise ConfigurationError(f"{where}: it is not a valid URL of a database.", hint=_EXAMPLE)
    return _sqlite_address(url, table, where) if is_sqlite else _postgresql_address(url, table, settings, where)


def _split_fragment(rest: str) -> tuple[str, str]:
    """Split a URL and its fragment. A password may contain ``#``, though it should be written as ``%23``."""
    start, slash, end = rest.rpartition("/")
    end, _, fragment = end.partition("#")
    return (f"{start}{slash}{end}", unquote(fragment)) if slash else (rest, "")


def _check_fragment(table: str, where: str) -> str | None:
    try:
        return check_table(table) if table else None
    except ValueError as error:
        raise ConfigurationError(f"{where}: the name of the table after # {error}.") from None


def _sqlite_address(url: URL, table: str | None, where: str) -> Address:
    if url.host or url.query or not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigurationError(
            f"{where}: it does not name a file of SQLite.",
            hint="Write sqlite:/// and a path, without options: sqlite:///rows.sqlite, or sqlite:////data/rows.sqlite.",
        )
    path = Path(url.database).absolute()
    return Address(URL.create("sqlite", database=str(path)), str(path), path, table)


def _postgresql_address(url: URL, table: str | None, settings: SQLStorageSettings, where: str) -> Address:
    if not url.database:
        raise ConfigurationError(f"{where}: it names no database.", hint=_EXAMPLE)
    password = settings.password.get_secret_value() if settings.password else None
    url = url.set(
        username=url.username or settings.user,
        password=url.password if url.password is not None else password,
    )
    options = [url.query.get(name) for name in _SECRET_OPTIONS]
    values = [url.password, *(text for option in options for text in _as_texts(option))]
    host = "" if url.host is None else f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port is None else f":{url.port}"
    return Address(url, f"postgresql://{host}{port}/{url.database}", None, table, tuple(filter(None, values)))


def _as_texts(option: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (option,) if isinstance(option, str) else option or ()
