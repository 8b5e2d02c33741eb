"""
Where a stored key may be sent: only to the plugin and the origin that it was stored for.

A key is stored under the name of a provider, and settings in the current folder can give that name another address, or
let others read what is sent to the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from budwood.credential_store.index import DEFAULT_LABEL, KeyTarget, StoredKey
from budwood.errors import CredentialError
from budwood.settings_sources import Source, Table

TARGET_FIELDS: Final = ("plugin", "distribution", "base_url", "endpoint", "backups")
"""The settings of a provider that determine where its key is sent. ``endpoint`` is Azure's word for the address."""

_PORTS: Final = {"http": 80, "https": 443}

_TRUE: Final = ("true", "1", "yes", "on")


class KeyTargetError(CredentialError):
    """A stored key is not sent to where the settings would send it."""


class StoredCredentials(NamedTuple):
    """
    The stored keys of one provider.

    Attributes:
        settings: The keys in the form of the provider's section.
        keys: Their entries in the index.
        variables: The environment variables for the key, for errors.
        folder_source: The file of the current folder that determines where the key is sent; None if none does.
        folder_sources: The sources in the current folder.
    """

    settings: Table
    keys: Sequence[StoredKey] = ()
    variables: Sequence[str] = ()
    folder_source: str | None = None
    folder_sources: Sequence[Source] = ()

    def check(self, plugin: str, settings: BaseModel, secrets: Iterable[object]) -> None:
        """
        Check that an endpoint may receive those of the stored keys that it uses.

        Args:
            plugin: The plugin of the endpoint.
            settings: Its validated settings.
            secrets: Its keys, which may be others than the stored ones.

        Raises:
            KeyTargetError: A key was stored for another plugin or origin, it was stored without this information and
                the current folder determines where it would be sent, or a transport of the current folder would let
                others read it.
        """
        stored = (self.settings.get("api_key"), *(key["secret"] for key in self.settings.get("keys", ())))
        if _texts(stored).isdisjoint(_texts(secrets)):
            return
        target = find_target(plugin, settings)
        for key in self.keys:
            if key.target is not None and key.target != target:
                raise self._refusal(key, f"was stored for {key.target}, but the settings name {target}")
            if key.target is None and self.folder_source is not None:
                raise self._refusal(key, f"would be sent to {target}, which {self.folder_source} names")
        check_transports(self.keys[0].provider, target, self.folder_sources, self.variables)

    def _refusal(self, key: StoredKey, problem: str) -> KeyTargetError:
        option = "" if key.label == DEFAULT_LABEL else f" --label '{key.label}'"
        command = f"budwood tokens add --provider {key.provider}{option}"
        hint = f"If you trust this address, store the key again with `{command}`, or set {' or '.join(self.variables)}."
        if self.folder_source is not None:
            hint = (
                f"Run the command outside of this folder, whose {Path(self.folder_source).name} sets the address. "
                f"If you know that the address is right, store the key for it: `{command} --yes`."
            )
        return KeyTargetError(
            f"{key.provider}: the stored key {key.label!r} {problem}. It is not sent there.", hint=hint
        )


def find_target(plugin: str, settings: BaseModel) -> KeyTarget:
    """Return where an instance of a plugin sends its key."""
    return KeyTarget(plugin, _find_origin(str(getattr(settings, "base_url", None) or "")))


def check_transports(
    provider: str, target: KeyTarget, folder_sources: Iterable[Source], variables: Iterable[str]
) -> None:
    """
    Check that no transport of the current folder lets others read a key on its way.

    Args:
        provider: The provider of the key.
        target: Where it would be sent.
        folder_sources: The sources in the current folder.
        variables: The environment variables for the key, for the error.

    Raises:
        KeyTargetError: A transport does. The error names the setting and its file.
    """
    for source in folder_sources:
        if setting := _find_interception(source.tree.get("transports", {}), target):
            raise KeyTargetError(
                f"{provider}: {setting} in {source.name} can let others read the key on its way to {target}. "
                "It is not sent.",
                hint="Run the command outside of this folder. If you trust this setting, move it to the user's "
                f"budwood.toml (`budwood config path`), or set {' or '.join(variables)}.",
            )


def _find_interception(transports: Table, target: KeyTarget) -> str | None:
    """Return the setting of a transport that lets others read what is sent to a target; None if there is none."""
    for name, section in transports.items():
        if str(section.get("verify", True)).lower() not in _TRUE:
            return f"transports.{name}.verify"
        if section.get("ca_file") is not None:
            return f"transports.{name}.ca_file"
        if section.get("proxy") and not target.origin.startswith("https:"):  # otherwise it sees encrypted data only
            return f"transports.{name}.proxy"
    return None


def _find_origin(url: str) -> str:
    """Return scheme, host and port of a URL. Ports that schemes have by default are left out."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.hostname:
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, _PORTS.get(parts.scheme)) else f":{port}")


def _texts(secrets: Iterable[object]) -> set[str]:
    texts = (secret.get_secret_value() if isinstance(secret, SecretStr) else secret for secret in secrets)
    return {str(text) for text in texts if text is not None}
