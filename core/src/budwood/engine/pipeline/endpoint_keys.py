"""Create the pool of an endpoint's keys."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from budwood.endpoint_settings import KeySettings
from budwood.engine.pipeline.credentials import Lease, check_secret
from budwood.engine.reliability.key_groups import KeyGroup
from budwood.engine.reliability.key_pool import Key, KeyPool
from budwood.types import Credential

if TYPE_CHECKING:
    from budwood.engine.reliability.shared_state import SharedState
    from budwood.hooks import ProviderSpec
    from budwood.plugins import Instance

_PROCESS_KEY: Final = os.urandom(32)
"""Without it, nothing that is derived from a key says anything about the key."""


def make_pool(
    instance: Instance[ProviderSpec[Any]], credential: Credential, identity: str, state: SharedState, label: str
) -> KeyPool:
    """
    Return the pool of an endpoint's keys, which clients with the same settings and keys share.

    Args:
        instance: The provider.
        credential: Its first or only key.
        identity: Identifies its settings without secrets.
        state: The state of the process.
        label: The name of the endpoint.

    Raises:
        CredentialError: A key has white space around it.
    """
    settings = instance.endpoint_settings
    keys = settings.keys or (KeySettings(secret=credential.secret, label=credential.label, group=settings.group),)
    for key in keys:
        check_secret(key.secret, f"{instance.name}: the API key {key.label!r}")

    def create() -> KeyPool:
        return KeyPool(label, [_make_key(key, state, label) for key in keys], state.key_groups)

    described = "\n".join(f"{key.label} {key.group} {key.limits!r} {fingerprint(key.secret)}" for key in keys)
    return state.pool(f"{identity}\n{label}\n{described}", create)


def fingerprint(secret: SecretStr) -> str:
    """Return a text by which this process recognizes a key. It must not be shown."""
    text = secret.get_secret_value().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=_PROCESS_KEY, digest_size=16).hexdigest()


def _make_key(key: KeySettings, state: SharedState, endpoint: str) -> Key:
    label = key.label or "default"
    group = state.key_groups.named(key.group) if key.group else KeyGroup(f"{endpoint}/{label}")
    if key.limits is not None:
        group.limits = key.limits
    return Key(Lease(Credential(secret=key.secret, label=label), group=group.name), group)
