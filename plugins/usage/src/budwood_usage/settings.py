"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

SCHEMES: Final = frozenset({"postgresql", "postgresql+psycopg", "postgres"})


class UsageSettings(BaseModel):
    """
    Settings of the usage store.

    Attributes:
        path: The SQLite file, on a local disk; by default ``usage.sqlite3`` in the user's data folder.
        url: A database of PostgreSQL instead, as ``postgresql://[user[:password]@]host[:port]/database``. It needs the
            extra ``budwood-usage[postgresql]``.
        password: The password, if the URL contains none. Without it, libpq looks in ``PGPASSWORD`` and ``~/.pgpass``.
        retention_days: The days after which records are removed; by default they are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: Path | None = None
    url: SecretStr | None = None
    password: SecretStr | None = None
    retention_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        scheme, separator, _ = url.get_secret_value().partition("://")
        if not separator or scheme.lower() not in SCHEMES:
            raise ValueError("must begin with postgresql://; for a file of SQLite, set path")
        if "\0" in url.get_secret_value():
            raise ValueError("must not contain a null character")
        return url

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.path is not None and self.url is not None:
            raise ValueError("path and url are two stores: remove one of them")
        return self
