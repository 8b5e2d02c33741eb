"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from budwood_sql_storage.names import MAX_BYTES, is_reserved

SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
POSTGRESQL: Final = frozenset({"postgresql", "postgresql+psycopg", "postgres"})


def _to_text(output: object) -> object:
    return str(output) if isinstance(output, Path) else output


def _check_name(name: str) -> str:
    if "\0" in name:
        raise ValueError("must not contain a null character")
    if len(name.encode()) > MAX_BYTES:
        raise ValueError(f"must not have more than {MAX_BYTES} bytes, the limit of PostgreSQL")
    return name


def check_table(name: str) -> str:
    """
    Check the name of a table.

    Raises:
        ValueError: No table can have it.
    """
    if "." in name:
        raise ValueError("must not contain a dot: write the schema as `schema`")
    if is_reserved(name):
        raise ValueError("is reserved for other tables")
    return _check_name(name)


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_check_name)]
TableName = Annotated[str, Field(min_length=1), AfterValidator(check_table)]


class SQLStorageSettings(BaseModel):
    """
    Settings of the storage.

    Attributes:
        output: The database: the path of a SQLite file, ``sqlite:///path``, or
            ``postgresql://[user[:password]@]host[:port]/database``. A URL may end with ``#`` and the name of the table.
        table: The name of the table; by default that of the URL, or of the dataset.
        db_schema: The schema of the table in PostgreSQL (``schema``); by default the first of the user's search path.
        user: The user, if the URL names none.
        password: The password, if the URL contains none. Without it, libpq looks in ``PGPASSWORD`` and ``~/.pgpass``.
        timeout: Seconds to connect, to wait for a lock, and until a connection without answers counts as lost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    output: Annotated[SecretStr, BeforeValidator(_to_text)]
    table: TableName | None = None
    db_schema: Annotated[Name | None, Field(alias="schema")] = None
    user: str | None = None
    password: SecretStr | None = None
    timeout: Seconds = 30.0

    @field_validator("output")
    @classmethod
    def _check_output(cls, output: SecretStr) -> SecretStr:
        scheme, separator, _ = output.get_secret_value().partition("://")
        if separator and scheme.lower() not in SQLITE | POSTGRESQL:
            raise ValueError("must be the path of a SQLite file, or begin with sqlite:// or postgresql://")
        if "\0" in output.get_secret_value():
            raise ValueError("must not contain a null character")
        return output
