"""Find the key of an endpoint in its settings, or create the pool of several."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from budwood.endpoint_settings import KeySettings
from budwood.engine.endpoints.credentials import Lease, check_secret
from budwood.engine.endpoints.secrets import settings_secrets
from budwood.types import Credential

if TYPE_CHECKING:
    from budwood.engine.endpoints.shared_state import SharedState
    from budwood.engine.keys.pool import Key, KeyPool
    from budwood.hooks import ProviderSpec
    from budwood.plugins import Instance

_PROCESS_KEY: Final = os.urandom(32)
"""Without it, nothing that is derived from a key says anything about the key."""


def find_credential(instance: Instance[ProviderSpec[Any]]) -> Credential | None:
    """
    Return the key of a provider, or the first of several; None if there is none.

    Raises:
        CredentialError: It has white space around it.
    """
    key, keys = getattr(instance.settings, "api_key", None), instance.endpoint_settings.keys
    if not isinstance(key, SecretStr) or not key.get_secret_value().strip():
        return None
    check_secret(key, f"{instance.name}: the API key")
    return Credential(secret=key, label=keys[0].label or "") if keys else Credential(secret=key)


def find_pool(
    instance: Instance[ProviderSpec[Any]], credential: Credential | None, identity: str, state: SharedState, label: str
) -> KeyPool | None:
    """
    Return the pool of an endpoint's keys, which clients with the same settings and keys share.

    Args:
        instance: The provider.
        credential: Its first or only key.
        identity: Identifies its settings without secrets.
        state: The state of the process.
        label: The name of the endpoint.

    Returns:
        The pool; None for a single key without group and limits.

    Raises:
        CredentialError: A key has white space around it.
    """
    settings = instance.endpoint_settings
    is_pooled = len(settings.keys) > 1 or settings.group or any(key.group or key.limits for key in settings.keys)
    if credential is None or not is_pooled:
        return None
    from budwood.engine.keys.pool import KeyPool  # only programs with several keys need it

    keys = settings.keys or (KeySettings(secret=credential.secret, label=credential.label, group=settings.group),)
    for key in keys:
        check_secret(key.secret, f"{instance.name}: the API key {key.label!r}")

    def create() -> KeyPool:
        return KeyPool(label, [_make_key(key, state, label) for key in keys], state.key_groups)

    described = "\n".join(f"{key.label} {key.group} {key.limits!r} {fingerprint(key.secret)}" for key in keys)
    return state.pool(f"{identity}\n{label}\n{described}", create)


def list_secrets(instance: Instance[ProviderSpec[Any]]) -> tuple[str, ...]:
    """Return the secrets in the settings of a provider, with those of all its keys."""
    keys = (key.secret.get_secret_value() for key in instance.endpoint_settings.keys[1:])
    return (*settings_secrets(instance.settings), *keys)


def missing_credential(instance: Instance[ProviderSpec[Any]]) -> str | None:
    """Return the hint for a required credential; None if none is required."""
    preset = instance.preset
    if not (preset.needs_credential if preset else instance.spec.needs_credential):
        return None
    return describe_missing_key(instance)


def describe_missing_key(instance: Instance[ProviderSpec[Any]]) -> str:
    """Return the hint for a key that is missing."""
    from budwood.credential_store import describe_cures, key_variables  # only programs without a key need it

    preset = instance.preset
    environment = preset.environment if preset else instance.spec.environment
    variables = environment.get("api_key", ()) if preset or instance.name == instance.spec.name else ()
    names = key_variables(instance.name, variables)
    return describe_cures(instance.name, names, instance.spec.login_command)


def fingerprint(secret: SecretStr) -> str:
    """Return a text by which this process recognizes a key. It must not be shown."""
    text = secret.get_secret_value().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=_PROCESS_KEY, digest_size=16).hexdigest()


def _make_key(key: KeySettings, state: SharedState, endpoint: str) -> Key:
    from budwood.engine.keys.groups import KeyGroup  # only programs with several keys need it
    from budwood.engine.keys.pool import Key

    label = key.label or "default"
    group = state.key_groups.named(key.group) if key.group else KeyGroup(f"{endpoint}/{label}")
    if key.limits is not None:
        group.limits = key.limits
    return Key(Lease(Credential(secret=key.secret, label=label), group=group.name), group)
