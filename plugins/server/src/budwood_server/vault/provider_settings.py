"""Opened tokens as settings of the providers that use them. They take precedence over all other sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from budwood import Settings
from budwood.credential_store import DEFAULT_LABEL
from budwood.errors import BudwoodError
from budwood.hooks import PROVIDER
from budwood.plugins import Instances
from budwood.settings_sources import Source, Table
from budwood_server.vault.master_keys import MasterKeys
from budwood_server.vault.sealing import SealError
from budwood_server.vault.tokens import TokenError

if TYPE_CHECKING:
    from budwood_server.vault.store import StoredToken

SOURCE: Final = "tokens of the server"
_KEY: Final = "api_key"


@dataclass(frozen=True, slots=True)
class OpenedTokens:
    """
    The tokens that providers use.

    Attributes:
        sections: The settings of providers, by name, with their tokens.
        problems: Why tokens are not used, by their ids.
        closed: Providers of which no token can be opened. They get none at all: another one, such as that of a
            variable, would be a different account.
    """

    sections: Mapping[str, Table] = field(default_factory=dict, repr=False)
    problems: Mapping[str, str] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()

    def apply(self, settings: Settings) -> Settings:
        """Return settings with the tokens."""
        if not self.sections:
            return settings
        merged = Settings(Source(SOURCE, {PROVIDER.section: dict(self.sections)}), *settings.sources)
        merged.key_folder, merged.folder_sources = settings.key_folder, settings.folder_sources
        return merged


NO_TOKENS: Final = OpenedTokens()


def check_provider(settings: Settings, provider: str) -> None:
    """
    Check that a provider can be used, and takes an API key.

    Raises:
        TokenError: It cannot, or takes none.
    """
    if (problem := _find_problem(Instances(settings), provider)) is not None:
        raise TokenError(
            f"No token is stored for {provider!r}: {problem}",
            hint="Correct its name, install its plugin, or describe it in [providers] of the settings of the server.",
        )


def open_tokens(settings: Settings, stored: Sequence[StoredToken], keys: MasterKeys | BudwoodError) -> OpenedTokens:
    """
    Open tokens. One that cannot be opened does not keep the others from being used.

    Args:
        settings: The settings of the server.
        stored: The tokens, in the order of their providers.
        keys: The master keys, or why there are none.
    """
    instances = Instances(settings)
    sections: dict[str, Table] = {}
    problems: dict[str, str] = {}
    closed: set[str] = set()
    for provider, tokens in groupby(stored, key=lambda each: each.token.provider):
        own = list(tokens)
        if (problem := _find_problem(instances, provider)) is not None:
            problems |= dict.fromkeys((each.token.id for each in own), problem)
            continue
        secrets, failures = _open(own, keys)
        problems |= failures
        sections[provider] = _to_section(secrets)
        if not secrets:
            closed.add(provider)
    return OpenedTokens(sections, problems, frozenset(closed))


def _open(
    tokens: Iterable[StoredToken], keys: MasterKeys | BudwoodError
) -> tuple[dict[str, SecretStr], dict[str, str]]:
    """Return the texts of tokens by their labels, and by their ids why others cannot be used."""
    secrets: dict[str, SecretStr] = {}
    problems: dict[str, str] = {}
    for each in tokens:
        if isinstance(keys, BudwoodError):
            problems[each.token.id] = describe_problem(keys)
            continue
        try:
            secrets[each.token.label] = each.open(keys)
        except SealError as error:
            problems[each.token.id] = describe_problem(error)
    return secrets, problems


def describe_problem(error: BudwoodError) -> str:
    """Return what is wrong, and what to do, as one text."""
    return f"{error.message} {error.hint or ''}".strip()


def _to_section(secrets: Mapping[str, SecretStr]) -> dict[str, Any]:
    """Return the settings of a provider; with a blank key, which sends nothing, if there is none."""
    if not secrets or [*secrets] == [DEFAULT_LABEL]:
        return {_KEY: secrets.get(DEFAULT_LABEL, SecretStr(""))}
    return {"keys": [{"label": label, "secret": secret} for label, secret in secrets.items()]}


def _find_problem(instances: Instances, provider: str) -> str | None:
    """Return why a provider has no use for a token; None if it has."""
    try:
        spec = instances.spec(PROVIDER, provider)
        fields = spec.settings().model_fields
    except BudwoodError as error:
        return describe_problem(error)
    return None if _KEY in fields else f"The provider {provider!r} takes no API key."
