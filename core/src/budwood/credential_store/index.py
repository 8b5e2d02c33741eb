"""
The index of stored keys: ``credentials.json`` in the user's configuration directory.

It says for each key whether it is in the system's keyring or in this file, which only its owner may read.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_serializer, model_validator
from pydantic_core import from_json

from budwood.atomic_files import write_file_atomically
from budwood.errors import ConfigurationError
from budwood.names import normalise
from budwood.settings import validate_settings

FILE_NAME: Final = "credentials.json"
DEFAULT_LABEL: Final = "default"

_MAX_LABEL: Final = 100
_PRIVATE: Final = 0o600
_OF_OTHERS: Final = 0o077
_MIN_SHOWN: Final = 12
"""Of a shorter key no character is shown: its end would be too large a part of it."""

Place = Literal["keyring", "file"]


def parse_label(value: str) -> str:
    """
    Check a label, which is shown in tables and logs.

    Raises:
        ValueError: It is empty, too long, begins or ends with a space, or has a character that cannot be printed.
    """
    if not value or len(value) > _MAX_LABEL or value != value.strip() or not value.isprintable():
        raise ValueError(f"must be 1 to {_MAX_LABEL} printable characters, without spaces around them")
    return value


class KeyTarget(NamedTuple):
    """
    Where a key may be sent.

    Attributes:
        plugin: The plugin of the provider.
        origin: Scheme, host and port of its ``base_url``; empty if the plugin has no such setting.
    """

    plugin: str
    origin: str

    def __str__(self) -> str:
        return f"{self.origin} (plugin {self.plugin})" if self.origin else f"the plugin {self.plugin}"


class StoredKey(BaseModel):
    """
    One stored key.

    Attributes:
        provider: The name of the provider instance, normalised.
        label: The name of the key among those of the provider.
        place: Where the secret is.
        ending: The last characters of the secret, for lists.
        secret: The secret, if it is in the file.
        plugin: The plugin that the key was stored for; None for a key without this information.
        origin: The origin that it was stored for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    provider: Annotated[str, Field(min_length=1), AfterValidator(normalise), AfterValidator(parse_label)]
    label: Annotated[str, AfterValidator(parse_label)] = DEFAULT_LABEL
    place: Place
    ending: Annotated[str, Field(max_length=4)] = ""
    secret: SecretStr | None = None
    plugin: str | None = None
    origin: str | None = None

    @model_validator(mode="after")
    def _check_secret(self) -> Self:
        if (self.secret is not None) != (self.place == "file"):
            raise ValueError('must have a secret if its place is "file", and only then')
        return self

    @field_serializer("secret", when_used="json-unless-none")
    def _reveal(self, secret: SecretStr) -> str:
        return secret.get_secret_value()

    @classmethod
    def create(cls, provider: str, label: str, secret: str, place: Place, target: KeyTarget | None = None) -> StoredKey:
        """
        Describe a key that is about to be stored.

        Args:
            provider: The name of the provider instance.
            label: The name of the key among those of the provider.
            secret: The key.
            place: Where it is stored.
            target: Where it may be sent; None if that is not known, as for a plugin that is not installed.
        """
        ending = secret[-4:] if len(secret) >= _MIN_SHOWN else ""
        in_file = SecretStr(secret) if place == "file" else None
        plugin, origin = target or (None, None)
        return cls(
            provider=provider,
            label=label,
            place=place,
            ending=ending,
            secret=in_file,
            plugin=plugin,
            origin=origin,
        )

    @property
    def name(self) -> tuple[str, str]:
        """The provider and the label, which identify it."""
        return self.provider, self.label

    @property
    def target(self) -> KeyTarget | None:
        """Where the key may be sent; None for a key without this information."""
        return None if self.plugin is None else KeyTarget(self.plugin, self.origin or "")


class _Index(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)

    version: Literal[1] = 1
    keys: tuple[StoredKey, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if len({key.name for key in self.keys}) < len(self.keys):
            raise ValueError("two keys of a provider have the same label")
        return self


def index_path(folder: Path) -> Path:
    """Return the path of the index in a configuration directory. It may not exist."""
    return folder / FILE_NAME


def read_index(path: Path, *, command: str = "budwood tokens add") -> tuple[StoredKey, ...]:
    """
    Read the index; without a file there are no keys.

    If other users may read the file, they no longer may afterwards, and a warning says so.

    Args:
        path: The file.
        command: The command that stores a key, for errors.

    Raises:
        ConfigurationError: It cannot be read, is damaged, or may be read by others and that cannot be changed. The
            message contains no secret.
    """
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from error
    with file:
        _make_private(file, path)
        data = file.read()
    try:
        tree: object = from_json(data)
    except ValueError:
        tree = None
    cure = f"Restore it from a backup, or delete it and add the keys again with `{command}`."
    if not isinstance(tree, dict):  # not raised inside the handler: the parser's error may contain the file
        raise ConfigurationError(f"{path}: the index of stored keys is damaged: not a JSON object.", hint=cure)
    return validate_settings(_Index, tree, where=str(path)).keys


def write_index(path: Path, keys: Iterable[StoredKey]) -> None:
    """
    Replace the index atomically by one that only its owner may read.

    Raises:
        OSError: It cannot be written; the old file is unchanged.
    """
    content = _Index(keys=tuple(sorted(keys, key=lambda key: key.name))).model_dump_json(indent=2, exclude_none=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = path.resolve()  # a link to the file stays a link
    if os.name != "nt" and target.exists():
        target.chmod(_PRIVATE)  # its permissions are those of the new file
    write_file_atomically(target, content + "\n")


def _make_private(file: BinaryIO, path: Path) -> None:
    """
    Take the permission to read the file from other users.

    Raises:
        ConfigurationError: The user may not change it.
    """
    mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    if os.name == "nt" or not mode & _OF_OTHERS:
        return
    try:
        path.chmod(_PRIVATE)
    except OSError:
        raise ConfigurationError(
            f"{path}: other users may read the stored keys (its mode is {mode:04o}).",
            hint="Let its owner run `chmod 600` on it.",
        ) from None
    warnings.warn(
        f"{path}: other users could read the stored keys (its mode was {mode:04o}, and now is 0600). "
        "If others use this machine, replace the keys.",
        UserWarning,
        stacklevel=2,
    )
