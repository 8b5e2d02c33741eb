"""The key of the environment for a provider without one."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from budwood.errors import BudwoodError
from budwood_server.client.urls import KEY_VARIABLE, URL_VARIABLE, find_origin, parse_url


def find_environment_key(fields: dict[str, Any]) -> SecretStr | None:
    """
    Return the key of the environment, or of ``.env``, if the same place says that it is for the server.

    A key of the environment is not sent to a server that only ``.env`` names: the folder may be the work of others.

    Args:
        fields: The settings with the field ``base_url``, which may be missing if it is not valid.
    """
    from budwood import Settings

    if "base_url" not in fields:
        return None
    try:
        for source in Settings.load().sources:
            url, key = (source.variables.get(name, "").strip() for name in (URL_VARIABLE, KEY_VARIABLE))
            if url and key and find_origin(parse_url(url)) == find_origin(str(fields["base_url"])):
                return SecretStr(key)
    except BudwoodError:  # settings that this provider does not depend on
        pass
    return None
